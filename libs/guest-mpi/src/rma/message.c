/* Messages of windows: sending, and progress at the target. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/wait.h"
#include "pt2pt/check.h"
#include "pt2pt/match.h"
#include "rma.h"

struct vbmpi_win *vbmpi_windows;

/* A long message on its way into a buffer of ours. */
struct vbmpi_rma_arrival {
  struct vbmpi_request *request;
  uint8_t bytes[];
};

static void process(struct vbmpi_win *win, int source, const uint8_t *message) {
  struct vbmpi_rma_header header;
  memcpy(&header, message, sizeof header);
  const uint8_t *payload = message + sizeof header;
  if (header.kind <= VBMPI_SWAP) {
    vbmpi_rma_operate(win, source, &header, payload);
  } else if (header.kind == VBMPI_SERVE) {
    win->serve(win, source, &header, payload);
  } else if (header.kind == VBMPI_DATA) {
    vbmpi_rma_answer(header.ticket, payload, (size_t)header.bytes);
  } else {
    vbmpi_rma_synchronise(win, source, &header);
  }
}

void vbmpi_rma_send(struct vbmpi_win *win, int rank, struct vbmpi_rma_header *header, const struct vbmpi_run *runs, const void *data, size_t bytes) {
  size_t run_bytes = (size_t)header->many_runs * sizeof *runs, total = sizeof *header + run_bytes + bytes;
  uint8_t *message = malloc(total);
  if (message == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for a one-sided message of %zu bytes", total);
  header->bytes = bytes;
  memcpy(message, header, sizeof *header);
  if (run_bytes) memcpy(message + sizeof *header, runs, run_bytes);
  if (bytes) memcpy(message + sizeof *header + run_bytes, data, bytes);
  if (rank == win->comm->rank) {
    process(win, rank, message);
    free(message);
    return;
  }
  struct vbmpi_layout layout = vbmpi_basic_layout(MPI_BYTE);
  struct vbmpi_request *request = vbmpi_make_request(VBMPI_REQUEST_SEND, win->comm, message, total, MPI_BYTE, &layout, rank, 0, win->comm->context);
  /* The request frees itself, and the message with it. */
  request->bounce = message;
  request->freed = true;
  vbmpi_start(request);
}

static struct vbmpi_rma_arrival *receive_long(struct vbmpi_win *win, int source, struct vbmpi_unexpected *message) {
  struct vbmpi_rma_arrival *arrival = malloc(sizeof *arrival + message->length);
  if (arrival == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for a one-sided message of %u bytes", message->length);
  struct vbmpi_layout layout = vbmpi_basic_layout(MPI_BYTE);
  arrival->request = vbmpi_make_request(VBMPI_REQUEST_RECV, win->comm, arrival->bytes, message->length, MPI_BYTE, &layout, source, 0, win->comm->context);
  arrival->request->complete = false;
  vbmpi_prepare_recv(arrival->request);
  vbmpi_receive_unexpected(arrival->request, message);
  return arrival;
}

/* The messages of one process, in order. */
static bool progress_from(struct vbmpi_win *win, int source) {
  struct vbmpi_rma_side *side = &win->sides[source];
  bool any = false;
  for (;;) {
    if (side->arriving) {
      struct vbmpi_rma_arrival *arrival = side->arriving;
      if (!arrival->request->complete) return any;
      side->arriving = 0;
      vbmpi_request_free(arrival->request);
      process(win, source, arrival->bytes);
      free(arrival);
      any = true;
      continue;
    }
    struct vbmpi_unexpected *message = vbmpi_find_unexpected((uint16_t)win->comm->context, win->comm->group->world[source], 0);
    if (message == 0) return any;
    vbmpi_take_unexpected(message);
    if (message->kind == VBMPI_RTS) {
      side->arriving = receive_long(win, source, message);
    } else {
      process(win, source, message->data);
      vbmpi_free_unexpected(message);
    }
    any = true;
  }
}

bool vbmpi_windows_progress(void) {
  static bool inside;
  if (inside) return false;
  inside = true;
  bool any = false, arriving = false;
  /* Nobody posts receives for windows: what comes for one is an unexpected message, which sets the flag anew. */
  vbmpi_device.windows_busy = false;
  for (struct vbmpi_win *win = vbmpi_windows; win; win = win->next)
    for (int source = 0; source < win->comm->size; source++) {
      if (source == win->comm->rank) continue;
      any |= progress_from(win, source);
      arriving |= win->sides[source].arriving != 0;
    }
  vbmpi_device.windows_busy |= arriving;
  inside = false;
  return any;
}

void vbmpi_rma_describe(char *text, size_t capacity, const void *subject) {
  const struct vbmpi_win *win = subject;
  snprintf(text, capacity, "%s(win=%s)", vbmpi_call, win->name[0] ? win->name : "a window");
}

void vbmpi_rma_await(struct vbmpi_win *win, bool (*done)(struct vbmpi_win *win, int rank), int rank, const char *function) {
  uint32_t spins = 0;
  vbmpi_call = function;
  while (!done(win, rank)) vbmpi_wait_turn(&spins, vbmpi_rma_describe, win);
}
