/* The owner's side of files, and asking it. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/wait.h"
#include "io.h"
#include "pt2pt/check.h"

/* The answer to a question: a value, and the bytes that were read. */
static int64_t move(struct vbmpi_file *file, bool writes, const struct vbmpi_io_piece *pieces, size_t count, uint8_t *data) {
  int64_t moved = 0;
  for (size_t i = 0; i < count; i++) {
    for (int64_t done = 0; done < pieces[i].length;) {
      size_t left = (size_t)(pieces[i].length - done);
      off_t at = (off_t)(pieces[i].offset + done);
      ssize_t n = writes ? pwrite(file->descriptor, data + moved, left, at) : pread(file->descriptor, data + moved, left, at);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return -(int64_t)errno;
      if (n == 0) return moved;   /* the end of the file */
      done += n;
      moved += n;
    }
  }
  return moved;
}

static int64_t size_of(const struct vbmpi_file *file) {
  struct stat status;
  return fstat(file->descriptor, &status) < 0 ? -(int64_t)errno : (int64_t)status.st_size;
}

static int64_t carry_out(struct vbmpi_file *file, const struct vbmpi_rma_header *header, const struct vbmpi_io_piece *pieces, uint8_t *data) {
  int64_t argument = (int64_t)header->address, before = file->shared;
  switch (header->op) {
    case VBMPI_IO_READ: return move(file, false, pieces, (size_t)header->count, data);
    case VBMPI_IO_WRITE: return move(file, true, pieces, (size_t)header->count, data);
    case VBMPI_IO_SIZE: return size_of(file);
    case VBMPI_IO_RESIZE: return ftruncate(file->descriptor, (off_t)argument) < 0 ? -(int64_t)errno : 0;
    case VBMPI_IO_SYNC: return fsync(file->descriptor) < 0 && errno != EINVAL && errno != ENOTSUP ? -(int64_t)errno : 0;
    case VBMPI_IO_SHARED_ADD: file->shared += argument; return before;
    case VBMPI_IO_SHARED_SET: file->shared = argument; return before;
    default: return -(int64_t)EINVAL;
  }
}

void vbmpi_io_serve(struct vbmpi_win *channel, int source, const struct vbmpi_rma_header *header, const uint8_t *payload) {
  size_t piece_bytes = (size_t)header->count * sizeof(struct vbmpi_io_piece), room = header->op == VBMPI_IO_READ ? (size_t)header->size : 0;
  struct vbmpi_io_piece *pieces = malloc(piece_bytes + 1);
  uint8_t *answer = malloc(sizeof(int64_t) + room);
  if (pieces == 0 || answer == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %zu bytes of a file", room);
  memcpy(pieces, payload, piece_bytes);
  uint8_t *data = header->op == VBMPI_IO_READ ? answer + sizeof(int64_t) : (uint8_t *)(uintptr_t)payload + piece_bytes;
  int64_t value = carry_out(channel->file, header, pieces, data);
  memcpy(answer, &value, sizeof value);
  struct vbmpi_rma_header reply = {.kind = VBMPI_DATA, .ticket = header->ticket};
  vbmpi_rma_send(channel, source, &reply, 0, answer, sizeof value + (header->op == VBMPI_IO_READ && value > 0 ? (size_t)value : 0));
  free(pieces);
  free(answer);
}

int64_t vbmpi_io_ask(struct vbmpi_file *file, enum vbmpi_io_request what, int64_t argument, const struct vbmpi_io_piece *pieces, size_t count, void *data,
                     size_t bytes, const char *function) {
  bool reads = what == VBMPI_IO_READ;
  size_t piece_bytes = count * sizeof *pieces, out = piece_bytes + (reads ? 0 : bytes), room = sizeof(int64_t) + (reads ? bytes : 0);
  uint8_t *question = malloc(out + 1), *answer = malloc(room);
  if (question == 0 || answer == 0) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for %zu bytes of a file", bytes);
  if (piece_bytes) memcpy(question, pieces, piece_bytes);
  if (!reads && bytes) memcpy(question + piece_bytes, data, bytes);
  struct vbmpi_request *request = vbmpi_request_new(VBMPI_REQUEST_RECV);
  request->comm = file->comm;
  request->name = function;
  request->peer = 0;
  request->complete = false;
  struct vbmpi_rma_header header = {.kind = VBMPI_SERVE, .op = what, .address = (uint64_t)argument, .count = count, .size = bytes,
                                    .ticket = vbmpi_rma_ticket(answer, room, MPI_BYTE, request)};
  vbmpi_rma_send(file->channel, 0, &header, 0, question, out);
  vbmpi_call = function;
  vbmpi_wait_request(request);
  vbmpi_request_free(request);
  int64_t value;
  memcpy(&value, answer, sizeof value);
  if (reads && value > 0) memcpy(data, answer + sizeof value, (size_t)value);
  free(question);
  free(answer);
  return value;
}
