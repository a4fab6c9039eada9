#include "quiesce.h"

#include <mpi.h>
#include <stdlib.h>

#include "connect.h"
#include "device.h"
#include "env/error.h"
#include "pt2pt/protocol.h"
#include "wait.h"

/* What a MARK says, in the low bits of its tag; the epoch is above. */
enum mark { STOPPED = 1, QUIET = 2, ENDED = 3 };
#define MARK(epoch, what) (((epoch) << VB_CONTROL_EPOCH_SHIFT) | (uint32_t)(what))

bool vbmpi_means_end(uint32_t mark) { return (mark & VB_CONTROL_PHASE_MASK) == ENDED; }
bool vbmpi_has_left(const struct vbmpi_peer *peer) { return peer->gone || vbmpi_means_end(peer->mark); }

/* This process has said ENDED: nobody waits for it any more. */
static bool left;

static bool reached(uint32_t mark, uint32_t epoch, enum mark what) {
  return mark >> VB_CONTROL_EPOCH_SHIFT == epoch && (mark & VB_CONTROL_PHASE_MASK) >= (uint32_t)what;
}

static void send_mark(struct vbmpi_peer *peer, uint32_t mark) {
  struct vbmpi_header header = {.kind = VBMPI_MARK, .tag = (int32_t)mark};
  peer->marked = mark;
  /* Its completion is that of everything before it. */
  peer->unsignaled = VBMPI_SIGNAL_EVERY;
  vbmpi_post_inline(peer, &header, 0, 0);
}

/* --- gates --- */

static void close_gates(void) {
  struct vbmpi_device *device = &vbmpi_device;
  device->gates = calloc((size_t)device->size, sizeof *device->gates);
  device->gated = device->size;
  if (device->gates == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory to stop %d channels", device->size);
  for (int rank = 0; rank < device->size; rank++) {
    struct vbmpi_peer *peer = &device->peers[rank];
    struct vbmpi_request *gate = &device->gates[rank];
    if (rank == device->rank) continue;
    gate->step = VBMPI_STEP_GATE;
    gate->next = peer->pending_first;
    if (peer->pending_first == 0) {
      peer->pending_last = gate;
      device->pending_peers++;
    }
    peer->pending_first = gate;
  }
}

static void open_gates(void) {
  struct vbmpi_device *device = &vbmpi_device;
  if (device->gates == 0) return;
  for (int rank = 0; rank < device->gated; rank++) {
    struct vbmpi_peer *peer = &device->peers[rank];
    if (rank == device->rank) continue;
    peer->pending_first = device->gates[rank].next;
    if (peer->pending_first == 0) {
      peer->pending_last = 0;
      device->pending_peers--;
    }
  }
  free(device->gates);
  device->gates = 0;
}

/* Posts the WRITEs that the peer has granted, past the gate. They may overtake what else waits: matching was settled by their RTS. */
static bool post_granted(struct vbmpi_peer *peer, bool *left) {
  bool any = false;
  struct vbmpi_request *before = peer->pending_first, *request;
  while ((request = before->next) != 0) {
    if (request->step != VBMPI_STEP_WRITE) {
      before = request;
      continue;
    }
    if (peer->credits == 0 || !vbmpi_has_slot(peer) || !vbmpi_post_step(peer, request)) {
      *left = true;
      return any;
    }
    before->next = request->next;
    if (peer->pending_last == request) peer->pending_last = before;
    request->next = 0;
    any = true;
  }
  return any;
}

/* --- the handshake --- */

/* Goes as far as it can with one peer; true when anything happened. */
static bool drain_peer(struct vbmpi_peer *peer, uint32_t epoch, bool *quiet) {
  if (vbmpi_has_left(peer)) return false;
  bool left = false, any = post_granted(peer, &left);
  if (!reached(peer->marked, epoch, STOPPED) && vbmpi_has_slot(peer)) {
    send_mark(peer, MARK(epoch, STOPPED));
    any = true;
  }
  if (!left && reached(peer->marked, epoch, STOPPED) && !reached(peer->marked, epoch, QUIET) && reached(peer->mark, epoch, STOPPED) &&
      vbmpi_has_slot(peer)) {
    send_mark(peer, MARK(epoch, QUIET));
    any = true;
  }
  *quiet &= reached(peer->marked, epoch, QUIET) && reached(peer->mark, epoch, QUIET);
  return any;
}

static void stop_at_safepoint(uint32_t control, uint32_t flags) {
  int32_t result = vb_hypercall_block(VB_HC_SAFEPOINT, control >> VB_CONTROL_EPOCH_SHIFT, flags, 0, 0);
  vbmpi_device.control = control;
  if (result == VB_SAFEPOINT_NEW_ADAPTER && vb_boot_info()->size > 1) vbmpi_reconnect();
  open_gates();
}

bool vbmpi_quiesce(void) {
  struct vbmpi_device *device = &vbmpi_device;
  uint32_t control = vb_event_page()->control, epoch = control >> VB_CONTROL_EPOCH_SHIFT;
  if ((control & VB_CONTROL_PHASE_MASK) != VB_CONTROL_QUIESCE || left) {
    device->control = control;
    open_gates();
    return true;
  }
  if (device->size == 1) {
    stop_at_safepoint(control, VB_SAFEPOINT_NO_CHANNELS);
    return true;
  }
  if (device->gates == 0) close_gates();
  bool any = false, quiet = true;
  for (int rank = 0; rank < device->size; rank++)
    if (rank != device->rank) any |= drain_peer(&device->peers[rank], epoch, &quiet);
  if (!quiet || device->signaled != 0) return any;
  stop_at_safepoint(control, 0);
  return true;
}

/* Called by toolchain/guest/poll.c. */
void vbmpi_poll(void) {
  if (vbmpi_device.callbacks == 0 && vb_event_page()->control != vbmpi_device.control) vbmpi_progress();
}

void vbmpi_quiesce_end(void) {
  struct vbmpi_device *device = &vbmpi_device;
  left = true;
  open_gates();
  for (int rank = 0; rank < device->size; rank++)
    if (rank != device->rank && !vbmpi_has_left(&device->peers[rank]) && vbmpi_has_slot(&device->peers[rank])) send_mark(&device->peers[rank], ENDED);
  if (device->world_size == device->size) return;
  /* Those of other worlds go on: what was sent to them, this included, must be with them before this process is gone. */
  uint64_t until = vbmpi_now_ns() + 1000000000u;
  while (device->signaled != 0 && vbmpi_now_ns() < until)
    if (!vbmpi_progress()) vbmpi_nap(100000);
}
