/* Progress: what arrives in the two completion queues, and what waits for credits. */
#include "device.h"

#include "channel.h"

#include "coll/schedule.h"
#include "env/error.h"
#include "pt2pt/request.h"
#include "quiesce.h"
#include "wait.h"

static const char *status_text(uint8_t status) {
  switch (status) {
    case VB_WC_LOC_LEN_ERR: return "local length error";
    case VB_WC_LOC_QP_OP_ERR: return "local queue pair error";
    case VB_WC_LOC_PROT_ERR: return "local protection error";
    case VB_WC_WR_FLUSH_ERR: return "queue pair is in the error state";
    case VB_WC_REM_INV_REQ_ERR: return "remote invalid request";
    case VB_WC_REM_ACCESS_ERR: return "remote access error";
    case VB_WC_REM_OP_ERR: return "remote operation error";
    case VB_WC_RETRY_EXC_ERR: return "no answer";
    case VB_WC_RNR_RETRY_EXC_ERR: return "receiver not ready";
    default: return "fatal adapter error";
  }
}

/* The process at the other end has most likely failed, and the job is being ended for that. Waits for this end, so that its cause is told and
 * not what follows from it. */
static void wait_to_be_ended(void) {
  volatile struct vb_event_page *events = vb_event_page();
  uint64_t until = vbmpi_now_ns() + 3000000000u;
  for (uint64_t now = vbmpi_now_ns(); now < until; now = vbmpi_now_ns()) {
    uint64_t left = until - now;
    vb_hypercall_block(VB_HC_BLOCK, __atomic_load_n(&events->wakeups, __ATOMIC_SEQ_CST), (uint32_t)left, (uint32_t)(left >> 32), 0);
  }
}

/* The entry that comes next, once its generation says that it is whole. */
static inline const struct vb_cqe *next_cqe(const struct vb_cqe *ring, uint32_t mask, uint32_t count) {
  const struct vb_cqe *cqe = &ring[count & mask];
  return __atomic_load_n(&cqe->generation, __ATOMIC_ACQUIRE) == count + 1 ? cqe : 0;
}

static inline const uint8_t *message_of(const struct vbmpi_peer *peer, const struct vb_cqe *cqe) {
  return cqe->flags & VB_CQE_F_INLINE ? cqe->inline_data : peer->buffers + (uint32_t)cqe->wr_id * vbmpi_device.buffer_bytes;
}

/* Whether the word that it leaves has come from a process, be it unread. */
static bool leaves(int rank) {
  const struct vbmpi_device *device = &vbmpi_device;
  if (vbmpi_has_left(&device->peers[rank])) return true;
  for (uint32_t count = device->recv_count; next_cqe(device->recv_ring, device->recv_mask, count) != 0; count++) {
    const struct vb_cqe *cqe = next_cqe(device->recv_ring, device->recv_mask, count);
    if ((int)(uint32_t)(cqe->wr_id >> 32) != rank || cqe->status != VB_WC_SUCCESS || cqe->opcode == VB_WC_RECV_RDMA_IMM) continue;
    const struct vbmpi_header *header = (const struct vbmpi_header *)message_of(&device->peers[rank], cqe);
    if ((header->kind & VBMPI_KIND_MASK) == VBMPI_MARK && vbmpi_means_end((uint32_t)header->tag)) return true;
  }
  return false;
}

static void transport_failed(int rank, uint8_t status) {
  if (vbmpi_device.finalizing || leaves(rank)) return;
  wait_to_be_ended();
  vbmpi_fatal(MPI_ERR_OTHER, vbmpi_collective_or_call(), "the connection to rank %d is lost (%s): has that process ended?", rank, status_text(status));
}

static inline void consumed_receive(void) {
  struct vbmpi_device *device = &vbmpi_device;
  device->recv_count++;
  if (device->recv_count - device->recv_told > device->recv_mask / 4) {
    device->recv_told = device->recv_count;
    vb_uar_write(VB_UAR_CQ_CI, device->recv_cq, device->recv_count);
  }
}

/* A one-sided stream of messages is answered by credits alone. What finds no place in a full send queue goes when there is one (take_send): the peer
 * may have nothing left to send with, and then nothing more would come that reminds us. */
static inline void give_credit(struct vbmpi_peer *peer) {
  if (peer->owed < vbmpi_device.give_back || !vbmpi_has_slot(peer) || vbmpi_has_left(peer)) return;
  struct vbmpi_header header = {.kind = VBMPI_CREDIT};
  /* Whoever stops its channels has to see the end of everything that it has posted. */
  if (vbmpi_device.gates) peer->unsignaled = VBMPI_SIGNAL_EVERY;
  vbmpi_post_inline(peer, &header, 0, 0);
}

static inline void account_credit(struct vbmpi_peer *peer) {
  peer->owed++;
  give_credit(peer);
}

/* However it came; false for one that cost no credit. */
static inline bool take_message(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes) {
  struct vbmpi_peer *peer = &vbmpi_device.peers[source];
  if (__builtin_expect(header->sequence != peer->received, 0))
    vbmpi_fatal(MPI_ERR_INTERN, vbmpi_call, "message %u from rank %d is out of order (got %u)", peer->received, source, header->sequence);
  peer->received++;
  peer->credits += header->credits;
  peer->choked = (header->kind & VBMPI_CHOKED) != 0;
  if (__builtin_expect(header->kind == VBMPI_EAGER, 1)) {
    vbmpi_on_eager(source, header, payload, bytes);
    return true;
  }
  if ((header->kind & VBMPI_KIND_MASK) >= VBMPI_CREDIT) {
    if ((header->kind & VBMPI_KIND_MASK) == VBMPI_MARK) peer->mark = (uint32_t)header->tag;
    /* These used one of the RESERVED buffers, which goes straight back. */
    if (peer->channel) return false;
    peer->rq_tail++;
    vb_uar_write(VB_UAR_RQ, peer->qpn, peer->rq_tail);
    return false;
  }
  if ((header->kind & VBMPI_KIND_MASK) == VBMPI_WRITTEN) vbmpi_on_written(source, header->receiver);
  else vbmpi_on_message(source, header, payload, bytes);
  return true;
}

static void take_receive(const struct vb_cqe *cqe) {
  int source = (int)(uint32_t)(cqe->wr_id >> 32);
  struct vbmpi_peer *peer = &vbmpi_device.peers[source];
  if (__builtin_expect(cqe->status != VB_WC_SUCCESS, 0)) {
    uint8_t status = cqe->status;
    consumed_receive();
    transport_failed(source, status);
    return;
  }
  if (cqe->opcode == VB_WC_RECV_RDMA_IMM) {
    uint32_t request = cqe->imm;
    consumed_receive();
    account_credit(peer);
    vbmpi_on_written(source, request);
    return;
  }
  const uint8_t *message = message_of(peer, cqe);
  const struct vbmpi_header *header = (const struct vbmpi_header *)message;
  if (__builtin_expect(cqe->byte_len < sizeof *header, 0))
    vbmpi_fatal(MPI_ERR_INTERN, vbmpi_call, "message %u from rank %d has no header", peer->received, source);
  bool costs = take_message(source, header, message + sizeof *header, cqe->byte_len - sizeof *header);
  consumed_receive();
  if (costs) account_credit(peer);
}

void vbmpi_take_message(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes) {
  if (take_message(source, header, payload, bytes)) account_credit(&vbmpi_device.peers[source]);
}

void vbmpi_take_late(void) {
  struct vbmpi_device *device = &vbmpi_device;
  const struct vb_cqe *cqe;
  while ((cqe = next_cqe(device->recv_ring, device->recv_mask, device->recv_count)) != 0) {
    int source = (int)(uint32_t)(cqe->wr_id >> 32);
    const struct vbmpi_header *header = (const struct vbmpi_header *)message_of(&device->peers[source], cqe);
    device->recv_count++;
    /* What the adapter flushed when it was taken away was never sent. */
    if (cqe->status != VB_WC_SUCCESS) continue;
    bool mark = cqe->opcode != VB_WC_RECV_RDMA_IMM && (header->kind & VBMPI_KIND_MASK) == VBMPI_MARK;
    /* It was quiet, and then its MPI_Finalize was through. */
    if (mark && vbmpi_means_end((uint32_t)header->tag))
      device->peers[source].mark = (uint32_t)header->tag;
    else if (cqe->opcode == VB_WC_RECV_RDMA_IMM || (header->kind & VBMPI_KIND_MASK) != VBMPI_CREDIT)
      vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "a message from rank %d arrived on a quiet channel", source);
    device->peers[source].received++;
  }
}

/* Everything posted up to the slot that wr_id names is complete: its buffers are free again and its writes are done. */
static void take_send(const struct vb_cqe *cqe) {
  int rank = (int)(uint32_t)(cqe->wr_id >> 32);
  struct vbmpi_peer *peer = &vbmpi_device.peers[rank];
  uint32_t end = (uint32_t)cqe->wr_id;
  vbmpi_device.signaled--;
  if (__builtin_expect(cqe->status != VB_WC_SUCCESS, 0)) transport_failed(rank, cqe->status);
  for (uint32_t i = peer->sq_head; i != end; i++) {
    uint32_t slot = i & (VBMPI_SQ_ENTRIES - 1);
    if (peer->sq_buffer[slot] != VBMPI_NO_BUFFER) {
      vbmpi_device.free_buffers[vbmpi_device.free_buffers_used++] = peer->sq_buffer[slot];
      peer->sq_buffer[slot] = VBMPI_NO_BUFFER;
    }
    if (peer->sq_write[slot] != 0) {
      uint32_t request = peer->sq_write[slot];
      peer->sq_write[slot] = 0;
      if (request == VBMPI_DIRECT) {
        vbmpi_transfers--;
      } else {
        vbmpi_on_write_done(request);
      }
    }
  }
  peer->sq_head = end;
  give_credit(peer);
}

static bool poll_sends(void) {
  struct vbmpi_device *device = &vbmpi_device;
  bool any = false;
  while (device->signaled != 0) {
    const struct vb_cqe *cqe = next_cqe(device->send_ring, device->send_mask, device->send_count);
    if (cqe == 0) break;
    take_send(cqe);
    any = true;
    device->send_count++;
    if (device->send_count - device->send_told > device->send_mask / 4) {
      device->send_told = device->send_count;
      vb_uar_write(VB_UAR_CQ_CI, device->send_cq, device->send_count);
    }
  }
  return any;
}

static bool drain(struct vbmpi_peer *peer) {
  bool any = false;
  while (peer->pending_first != 0 && peer->credits != 0 && peer->sq_tail - peer->sq_head < VBMPI_SQ_ENTRIES) {
    struct vbmpi_request *request = peer->pending_first;
    peer->pending_first = request->next;
    if (peer->pending_first == 0) {
      peer->pending_last = 0;
      vbmpi_device.pending_peers--;
    }
    request->next = 0;
    if (!vbmpi_post_step(peer, request)) {
      request->next = peer->pending_first;
      if (peer->pending_first == 0) {
        peer->pending_last = request;
        vbmpi_device.pending_peers++;
      }
      peer->pending_first = request;
      break;
    }
    any = true;
  }
  return any;
}

static bool drain_all(void) {
  bool any = false;
  for (int rank = 0; rank < vbmpi_device.size && vbmpi_device.pending_peers != 0; rank++)
    if (vbmpi_device.peers[rank].pending_first != 0) any |= drain(&vbmpi_device.peers[rank]);
  return any;
}

void vbmpi_enqueue(struct vbmpi_request *request, int step) {
  struct vbmpi_peer *peer = &vbmpi_device.peers[request->peer];
  request->step = (uint8_t)step;
  if (vbmpi_can_post(peer) && vbmpi_post_step(peer, request)) return;
  request->next = 0;
  if (peer->pending_last) {
    peer->pending_last->next = request;
  } else {
    peer->pending_first = request;
    vbmpi_device.pending_peers++;
  }
  peer->pending_last = request;
}

bool vbmpi_progress(void) {
  struct vbmpi_device *device = &vbmpi_device;
  bool any = false;
  if (__builtin_expect(vb_event_page()->control != device->control, 0)) any = vbmpi_quiesce();
  if (__builtin_expect(device->size == 1, 0)) return vbmpi_schedules && vbmpi_schedules_advance();
  if (device->channels != 0) any |= vbmpi_channel_poll();
  const struct vb_cqe *cqe;
  for (int burst = 0; burst < 64 && (cqe = next_cqe(device->recv_ring, device->recv_mask, device->recv_count)) != 0; burst++) {
    take_receive(cqe);
    any = true;
  }
  if (device->signaled != 0) any |= poll_sends();
  if (__builtin_expect(device->pending_peers != 0, 0)) any |= drain_all();
  if (__builtin_expect(vbmpi_schedules != 0, 0)) any |= vbmpi_schedules_advance();
  if (__builtin_expect(device->windows_busy, 0)) any |= device->windows_progress();
  return any;
}
