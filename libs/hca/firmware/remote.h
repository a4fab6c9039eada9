/*
 * The requester of a connection whose other end is in another process. A work request is executed there, so between its frames and its
 * completion lies an acknowledgement:
 *
 *   sq_head <= (acknowledged up to here) ... sq_next <= (sent up to here, tx_offset bytes of the next) ... sq_tail
 *
 * A message travels in packets of the path MTU, numbered from the PSN that MODIFY_QP set. They are sent again from the one that the receiver names (a NAK for a
 * PSN sequence error), or from the first of the oldest request when the connection was replaced or nothing moves; the receiver executes each once, since it knows
 * the PSN that it expects (go-back-N, InfiniBand vol. 1, sections 9.7.2 to 9.7.5). Requests complete by the MSN of what answers.
 */
#ifndef VBF_REMOTE_H
#define VBF_REMOTE_H

#include "requester.h"

#define TURN_BYTES (16u * 1024u)  /* of one QP, for each unit of its lane's weight, before others on the link get their turn */
#define MOST_PACKETS (VBF_PSN_HALF - 1) /* that are not acknowledged */
#define LINK_LOST_MS 8000u        /* a link that stays away for longer takes its QPs with it */
#define PROBE_MS 1000u

static void frame_address(struct vbf_frame *frame, const struct vbf_qp *qp, uint8_t opcode) {
  frame->opcode = opcode;
  frame->src_lid = (uint16_t)qp->lid;
  frame->dest_lid = (uint16_t)qp->dest_lid;
  frame->dest_qpn = qp->remote_qpn;
  frame->src_qpn = qp->qpn;
  frame->pkey = (uint16_t)qp->pkey;
  frame->sl = (uint8_t)qp->sl;
  frame->mtu = (uint8_t)qp->path_mtu;
  frame->psn = qp->rx_psn;
  frame->ack = qp->rx_msn;
  frame->ack_psn = qp->rx_ack_psn;
}

static bool control_frame(struct vbf_link *link, const struct vbf_qp *qp, uint8_t opcode, uint32_t imm) {
  struct vbf_frame *frame = frame_begin(link, 0, 0);
  if (frame == 0) return false;
  frame_address(frame, qp, opcode);
  frame->imm = imm;
  frame_commit(link, frame);
  return true;
}

/* What the QP owes, most urgent first. False when the ring is full. */
static bool send_owed(struct vbf_link *link, struct vbf_qp *qp) {
  static const struct { uint8_t bits, opcode; } order[] = {
      {VBF_OWE_NAK, VBF_OP_NAK}, {VBF_OWE_RNR, VBF_OP_RNR}, {VBF_OWE_RESEND, VBF_OP_RESEND}, {VBF_OWE_READY, VBF_OP_READY},
      {VBF_OWE_PROBE, VBF_OP_PROBE}, {VBF_OWE_ACK | VBF_OWE_ACK_NOW, VBF_OP_ACK}};
  for (uint32_t i = 0; i < sizeof order / sizeof *order; i++) {
    if ((load32(&qp->owe) & order[i].bits) == 0) continue;
    uint32_t bits = order[i].bits | VBF_OWE_ACK | VBF_OWE_ACK_NOW; /* every frame acknowledges */
    uint32_t had = __atomic_fetch_and(&qp->owe, ~bits, __ATOMIC_SEQ_CST) & bits;
    if (control_frame(link, qp, order[i].opcode, qp->nak)) continue;
    __atomic_fetch_or(&qp->owe, had, __ATOMIC_SEQ_CST);
    return false;
  }
  return true;
}

/* Copies [offset, offset + bytes) of a gathered message into a frame. */
static void gather_frame(uint8_t *to, const struct request *r, uint32_t slot, uint32_t offset, uint32_t bytes) {
  const struct segment *from = r->list;
  while (bytes != 0) {
    if (offset >= from->length) {
      offset -= from++->length;
      continue;
    }
    uint32_t piece = from->length - offset < bytes ? from->length - offset : bytes;
    gather_bytes(to, slot, from->addr + offset, piece);
    to += piece;
    bytes -= piece;
    offset = 0;
    from++;
  }
}

/* What one turn of a QP came to. */
enum sent { SENT_ALL, SENT_SOME, RING_FULL };

/* The packets of the request at sq_next, from tx_offset on, until `limit` bytes were sent. */
static enum sent send_packets(struct vbf_link *link, struct vbf_qp *qp, const struct request *r, uint64_t limit) {
  uint32_t mtu = 1u << qp->path_mtu;
  bool first = true;
  do {
    if (UNLIKELY(qp->tx_bytes >= limit)) return SENT_SOME;
    uint32_t left = (uint32_t)r->bytes - qp->tx_offset, bytes = left < mtu ? left : mtu;
    struct vbf_frame *frame = frame_begin(link, bytes, VBF_CONTROL_ROOM);
    if (frame == 0) return RING_FULL;
    frame_address(frame, qp, r->opcode);
    frame->flags = (r->flags & VB_SEND_SIGNALED ? VBF_FRAME_ACK_REQUESTED : 0) | (r->flags & VB_SEND_SOLICITED ? VBF_FRAME_SOLICITED : 0);
    frame->psn = qp->tx_psn;
    frame->total = (uint32_t)r->bytes;
    frame->imm = r->imm;
    frame->rkey = r->rkey;
    frame->remote_addr = r->remote_addr;
    gather_frame((uint8_t *)(frame + 1), r, qp->slot, qp->tx_offset, bytes);
    frame_commit(link, frame);
    if (first) __atomic_fetch_and(&qp->owe, ~(VBF_OWE_ACK | VBF_OWE_ACK_NOW), __ATOMIC_SEQ_CST);
    first = false;
    qp->tx_psn = psn_add(qp->tx_psn, 1);
    qp->tx_offset += bytes;
    qp->tx_bytes += bytes;
  } while (qp->tx_offset < r->bytes);
  qp->tx_packets += more_packets(qp, r->bytes);
  return SENT_ALL;
}

#include "fetch.h"

/* A drained queue (SQD) still finishes what it has begun. */
static inline bool may_send(const struct vbf_qp *qp) {
  if (UNLIKELY(qp->slow & VBF_SLOW_SHAPED) && !self()->arbitrating) return false;
  if (LIKELY(qp->state == VB_QPS_RTS)) return true;
  return qp->state == VB_QPS_SQD && (qp->tx_offset != 0 || (int32_t)(qp->sq_next - qp->sq_high) < 0);
}

/* Requests on the own memory windows are carried out here, once, and travel as messages without an effect, so that both ends count the same. */
static __attribute__((noinline)) uint8_t gather_special(struct vbf_qp *qp, struct request *r) {
  if (r->opcode == VB_WR_SEND_INV) return request_gather_as(r, qp, VB_WR_SEND);
  if (r->opcode != VB_WR_LOCAL_INV && r->opcode != VB_WR_BIND_MW) return VB_WC_LOC_QP_OP_ERR;
  r->bytes = 0;
  return (int32_t)(qp->sq_next - qp->sq_high) < 0 ? VB_WC_SUCCESS : request_local(qp, r);
}

/* What was sent of the request is no part of it any more: the guest has changed it. */
static __attribute__((noinline)) void send_anew(struct vbf_qp *qp) {
  qp->tx_psn = psn_add(qp->tx_psn, 0u - (qp->tx_offset >> qp->path_mtu));
  qp->tx_offset = 0;
}

static enum sent send_requests(struct vbf_link *link, struct vbf_qp *qp, struct request *failed, uint8_t *status) {
  uint64_t limit = qp->tx_bytes + TURN_BYTES * qp->weight;
  while (may_send(qp) && !qp->waiting && qp->sq_next != qp->sq_tail) {
    if (qp->sq_next == qp->sq_head && qp->tx_offset == 0) qp->progress_at = header()->now_ms;
    request_read(failed, qp, qp->sq_next);
    *status = request_gather(failed, qp);
    if (UNLIKELY(*status == VB_WC_LOC_QP_OP_ERR)) *status = gather_special(qp, failed);
    if (UNLIKELY(qp->type == VB_QPT_UC) && failed->opcode > VB_WR_RDMA_WRITE_IMM) *status = VB_WC_LOC_QP_OP_ERR;
    /* Earlier requests complete first; their acknowledgement brings us here again. */
    if (UNLIKELY(*status != VB_WC_SUCCESS)) return SENT_ALL;
    if (UNLIKELY(qp->tx_offset != 0 && qp->tx_offset >= failed->bytes)) send_anew(qp);
    if (UNLIKELY(psn_from(qp->una_psn, qp->tx_psn) + packets_of(qp, failed->bytes) > MOST_PACKETS)) return SENT_ALL;
    if (is_fetch(failed->opcode)) {
      if (!send_fetch(link, qp, failed)) return RING_FULL;
    } else {
      enum sent sent = send_packets(link, qp, failed, limit);
      if (sent != SENT_ALL) return sent;
    }
    qp->tx_offset = 0;
    qp->sq_next++;
    if ((int32_t)(qp->sq_next - qp->sq_high) > 0) qp->sq_high = qp->sq_next;
  }
  return SENT_ALL;
}

/* Others wait for room on the link, and this domain has had its part of the round (wire.h). */
static inline bool must_wait(const struct vbf_link *link, const struct vbf_qp *qp) {
  return load32(&link->crowded) != 0 && link->share[qp->slot % VBF_DOMAINS] <= 0 && !self()->arbitrating;
}

/* Sends what the QP owes and what is posted. The caller holds sq_lock, and calls flush_deferred after it. */
static __attribute__((noinline)) enum sent remote_run(struct vbf_qp *qp) {
  struct vbf_link *link = link_of(qp);
  if (!reachable(qp->slot, qp->epoch)) return SENT_ALL;
  struct request request;
  uint8_t status = VB_WC_SUCCESS;
  uint64_t before = qp->tx_bytes;
  lock_take(&link->tx_lock);
  enum sent sent = send_owed(link, qp) && send_answers(link, qp) ? SENT_ALL : RING_FULL;
  if (sent == SENT_ALL && UNLIKELY(must_wait(link, qp))) sent = qp->sq_next != qp->sq_tail ? SENT_SOME : SENT_ALL;
  else if (sent == SENT_ALL) sent = send_requests(link, qp, &request, &status);
  link->share[qp->slot % VBF_DOMAINS] -= (int32_t)(qp->tx_bytes - before);
  lock_drop(&link->tx_lock);
  if (UNLIKELY(status != VB_WC_SUCCESS) && qp->sq_next == qp->sq_head) {
    request.bytes = 0;
    request_complete(qp, &request, status);
    qp->sq_next = qp->sq_head;
    if (qp->type == VB_QPT_UC) send_queue_fail(qp);
    else qp_fail(qp);
  }
  if (sent == SENT_ALL) return sent;
  store32(&link->crowded, 1);
  pend(qp);
  return sent;
}

/* Sends again from the oldest request that is not acknowledged. */
static void remote_rewind(struct vbf_qp *qp) {
  qp->sq_next = qp->sq_head;
  qp->tx_offset = 0;
  qp->tx_psn = qp->una_psn;
}

/* From a packet of it, or from its first one when there is no such packet. */
static void remote_rewind_to(struct vbf_qp *qp, uint32_t psn) {
  uint32_t packets = psn_from(qp->una_psn, psn), sent = psn_from(qp->una_psn, qp->tx_psn);
  remote_rewind(qp);
  if (packets == 0 || packets > sent || packets > MAX_MESSAGE >> qp->path_mtu) return;
  qp->tx_offset = packets << qp->path_mtu;
  qp->tx_psn = psn;
}

#endif
