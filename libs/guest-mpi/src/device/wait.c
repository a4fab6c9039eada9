#define _POSIX_C_SOURCE 200809L

#include "wait.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check/check.h"
#include "device.h"
#include "env/error.h"
#include "pt2pt/request.h"

const char *vbmpi_collective;
const char *vbmpi_call;

uint64_t vbmpi_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Reading the clock is a call into the host, so waiting counts polls; one measurement, the quickest of a few, says how many make a time. */
void vbmpi_calibrate_spin(void) {
  if (vbmpi_device.size == 1) return;
  enum { POLLS = 500, TIMES = 5 };
  uint64_t best = UINT64_MAX;
  for (int time = 0; time < TIMES; time++) {
    uint64_t start = vbmpi_now_ns();
    for (uint32_t i = 0; i < POLLS; i++) vbmpi_progress();
    uint64_t took = vbmpi_now_ns() - start;
    if (took < best) best = took;
  }
  vbmpi_device.poll_ps = best < POLLS ? 1000 : (uint32_t)(best * 1000 / POLLS);
}

/* The polls that make the time for which the hypervisor lets guests spin. It changes that while guests run, as cores become crowded. */
static uint32_t spin_limit(void) { return (uint32_t)((uint64_t)vb_boot_info()->spin_ns * 1000 / (vbmpi_device.poll_ps | 1)); }

/* How often a spinning guest looks at the limit. */
#define SPIN_CHECK 32u
/* Looks at the completion queues that take as long as letting the adapter look at a link. */
#define POLL_SPINS 128u

static void arm(void) {
  struct vbmpi_device *device = &vbmpi_device;
  if (device->channels != 0) vb_ivc_arm();
  /* Nothing comes by the adapter when all are neighbours. */
  if (device->channels == device->size - 1) return;
  vb_uar_write(VB_UAR_CQ_ARM, device->recv_cq, device->recv_count);
  if (device->signaled != 0) vb_uar_write(VB_UAR_CQ_ARM, device->send_cq, device->send_count);
}

/* A message whose sender did not see that its receiver armed is visible well within this time (verbena/ivc.h); nanoseconds. */
#define UNSEEN 1000000u

/* Sleeps for at most so long, unless something came before; whether the time did not pass. */
static bool sleep_once(uint64_t timeout) {
  volatile struct vb_event_page *events = vb_event_page();
  uint32_t seen = __atomic_load_n(&events->wakeups, __ATOMIC_SEQ_CST);
  __atomic_store_n(&events->pending, 0, __ATOMIC_SEQ_CST);
  if (vbmpi_device.size > 1) arm();
  if (vbmpi_progress()) return true;
  return vb_hypercall_block(VB_HC_BLOCK, seen, (uint32_t)timeout, (uint32_t)(timeout >> 32), 0) == 0;
}

static void sleep_until_event(uint64_t timeout, vbmpi_describe *describe, const void *subject) {
  if (timeout > UNSEEN && vbmpi_device.channels != 0 && sleep_once(UNSEEN)) return;
  volatile struct vb_status_page *page = vbmpi_page();
  if (describe) {
    char *text = (char *)page->waits_for;
    describe(text, sizeof page->waits_for, subject);
    size_t used = strnlen(text, sizeof page->waits_for);
    vbmpi_describe_site(text + used, sizeof page->waits_for - used, &vbmpi_site);
    page->waiting = 1;
  }
  sleep_once(timeout);
  page->waiting = 0;
}

void vbmpi_wait_turn(uint32_t *spins, vbmpi_describe *describe, const void *subject) {
  if (vbmpi_progress()) {
    *spins = 0;
    return;
  }
  if (vbmpi_device.links) {
    vb_uar_write(VB_UAR_POLL, 0, 0);
    *spins += POLL_SPINS - 1;
  }
  if ((++*spins % SPIN_CHECK) != 0 || *spins < spin_limit()) return;
  *spins = 0;
  sleep_until_event(UINT64_MAX, describe, subject);
}

void vbmpi_nap(uint64_t ns) { sleep_until_event(ns, 0, 0); }

static uint32_t vain;

void vbmpi_tested_in_vain(void) {
  if ((++vain % SPIN_CHECK) != 0) return;
  uint32_t limit = spin_limit(), patience = limit > 64 ? limit : 64;
  if (vain < patience) return;
  /* After that many, each further test may cost a nap; a completion ends it at once. */
  vain -= patience / 4;
  if (vbmpi_device.size > 1) sleep_until_event(50000, 0, 0);
}

void vbmpi_tested_well(void) { vain = 0; }

static void name_of(const struct vbmpi_comm *comm, char *name, size_t capacity) {
  if (comm->name[0]) {
    snprintf(name, capacity, "%s", comm->name);
  } else {
    snprintf(name, capacity, "communicator of %d ranks", comm->size);
  }
}

static size_t describe_rank_and_tag(char *text, size_t capacity, const struct vbmpi_request *request) {
  if (request->name) {
    int written = snprintf(text, capacity, "%s", request->name);
    return written < 0 ? 0 : (size_t)written;
  }
  const char *role = request->kind == VBMPI_REQUEST_RECV ? "source" : "dest";
  char rank[24], tag[24];
  if (request->peer == MPI_ANY_SOURCE) {
    snprintf(rank, sizeof rank, "MPI_ANY_SOURCE");
  } else {
    snprintf(rank, sizeof rank, "%d", vbmpi_comm_rank_of_world(request->comm, request->peer));
  }
  if (request->tag == MPI_ANY_TAG) {
    snprintf(tag, sizeof tag, "MPI_ANY_TAG");
  } else {
    snprintf(tag, sizeof tag, "%d", request->tag);
  }
  int written = snprintf(text, capacity, "%s=%s, tag=%s", role, rank, tag);
  return written < 0 ? 0 : (size_t)written;
}

void vbmpi_describe_request(char *text, size_t capacity, const void *subject) {
  const struct vbmpi_request *request = subject;
  char comm[MPI_MAX_OBJECT_NAME + 16], what[96];
  name_of(request->comm, comm, sizeof comm);
  if (vbmpi_collective) {
    if (request->peer == MPI_ANY_SOURCE) {
      snprintf(text, capacity, "%s(comm=%s)", vbmpi_collective, comm);
    } else {
      snprintf(text, capacity, "%s(comm=%s), for rank %d", vbmpi_collective, comm, vbmpi_comm_rank_of_world(request->comm, request->peer));
    }
    return;
  }
  describe_rank_and_tag(what, sizeof what, request);
  const char *fallback = request->kind == VBMPI_REQUEST_RECV ? "MPI_Recv" : "MPI_Send";
  snprintf(text, capacity, "%s(%s, comm=%s)", vbmpi_call ? vbmpi_call : fallback, what, comm);
}

void vbmpi_describe_waitall(char *text, size_t capacity, const void *subject) {
  const struct vbmpi_wait_list *list = subject;
  int open = 0;
  size_t used = 0;
  for (int i = 0; i < list->count; i++) {
    const struct vbmpi_request *request = vbmpi_request_of(list->requests[i]);
    if (request && request->active && !request->complete) open++;
  }
  int written = snprintf(text, capacity, "%s(%d request%s", vbmpi_call, open, open == 1 ? "" : "s");
  used = written < 0 ? 0 : (size_t)written;
  int shown = 0;
  for (int i = 0; i < list->count && shown < 4 && used + 100 < capacity; i++) {
    const struct vbmpi_request *request = vbmpi_request_of(list->requests[i]);
    if (request == 0 || !request->active || request->complete) continue;
    char what[96];
    describe_rank_and_tag(what, sizeof what, request);
    written = snprintf(text + used, capacity - used, "%s%s(%s)", shown ? ", " : ": ",
                       request->name ? "request" : request->kind == VBMPI_REQUEST_RECV ? "Irecv" : "Isend", what);
    if (written > 0) used += (size_t)written;
    shown++;
  }
  if (used < capacity) snprintf(text + used, capacity - used, "%s)", open > shown ? ", ..." : "");
}
