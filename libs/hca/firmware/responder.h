/* The receiving side of a connection, run by the sender's thread while it holds the sender's sq_lock. */
#ifndef VBF_RESPONDER_H
#define VBF_RESPONDER_H

#include "cq.h"
#include "srq.h"
#include "tpt.h"

#define MAX_SGE 16u

struct segment {
  uint32_t addr;
  uint32_t length;
};

void qp_fail(struct vbf_qp *qp);
void qp_raise(struct vbf_qp *qp, uint32_t what);

/* What became of a work request at the receiver. */
enum outcome { DONE, WAIT_RNR, WAIT_ANSWER, FAILED };

/* A doorbell beyond the ring: the guest's fault, at its cost. Or one for a QP that has a shared queue, which means nothing. */
static __attribute__((noinline)) bool rq_beyond(struct vbf_qp *qp) {
  qp->rq_seen = qp->rq_head;
  if (qp->srq != 0) return false;
  qp_raise(qp, VBF_RAISE_FATAL);
  qp_fail(qp);
  return false;
}

/* Reads the receive request at rq_head into the responder's line, if one is posted. */
static inline __attribute__((always_inline)) bool rq_prefetch(struct vbf_qp *qp) {
  if (qp->rq_head == qp->rq_seen) {
    qp->rq_seen = load32(&qp->rq_tail);
    if (qp->rq_head == qp->rq_seen) return false;
    if (UNLIKELY(qp->rq_seen - qp->rq_head > qp->rq_mask + 1)) return rq_beyond(qp);
  }
  uint32_t addr = qp->rq_addr + (qp->rq_head & qp->rq_mask) * qp->rq_stride;
  struct vbf_thread *me = self();
  uint64_t *words = (uint64_t *)me->scratch;
  fetch(words, qp->slot, addr, 32);
  qp->next_wr_id = words[0];
  qp->next_sges = (uint32_t)words[1];
  qp->next_addr = words[2];
  qp->next_length = (uint32_t)words[3];
  qp->next_lkey = (uint32_t)(words[3] >> 32);
  qp->next_valid = 1;
  return true;
}

static inline bool rq_find(struct vbf_qp *qp) { return qp->srq != 0 ? srq_take(qp) : rq_prefetch(qp); }

/* Nothing in the QP's own queue: takes one from its shared queue, or leaves a note for the receiver's next doorbell. */
static __attribute__((noinline)) bool rq_look_again(struct vbf_qp *qp) {
  if (qp->srq != 0 && srq_take(qp)) return true;
  store32(&qp->rnr, 1);
  if (qp->srq != 0) store32(&srq_at(qp->srq)->starving, 1);
  if (!rq_find(qp)) return false;
  store32(&qp->rnr, 0);
  return true;
}

/* The receive request that the next message consumes. RNR when there is none; then the receiver's doorbell will find `rnr` set. */
static inline bool rq_ready(struct vbf_qp *qp) {
  if (LIKELY(qp->next_valid)) return true;
  return LIKELY(rq_prefetch(qp)) || rq_look_again(qp);
}

static inline void rq_advance(struct vbf_qp *qp) {
  qp->rq_head++;
  qp->next_valid = 0;
}

/* The receive request's list, checked; -1 when the guest wrote nonsense. Its own lkeys need local write access. */
static inline __attribute__((always_inline)) int rq_segments(struct vbf_qp *qp, struct segment *out, uint64_t *room) {
  uint32_t count = qp->next_sges;
  uint32_t limit = (qp->rq_stride - VB_RECV_WQE_HEADER) / (uint32_t)sizeof(struct vb_sge);
  *room = 0;
  if (count > limit || count > MAX_SGE) return -1;
  if (LIKELY(count <= 1)) {
    out[0].addr = (uint32_t)qp->next_addr;
    out[0].length = count ? qp->next_length : 0;
    if (out[0].length && !tpt_allows(qp->next_lkey, qp->slot, qp->pd, VB_ACCESS_LOCAL_WRITE, qp->next_addr, qp->next_length)) return -1;
    *room = out[0].length;
    return (int)count;
  }
  struct vb_sge *list = (struct vb_sge *)self()->scratch;
  if (qp->srq != 0) {
    list[0] = (struct vb_sge){.addr = qp->next_addr, .length = qp->next_length, .lkey = qp->next_lkey};
    for (uint32_t i = 0; i < 8; i++) ((uint32_t *)(list + 1))[i] = qp->more[i];
  } else {
    fetch(list, qp->slot, qp->rq_addr + (qp->rq_head & qp->rq_mask) * qp->rq_stride + VB_RECV_WQE_HEADER, count * (uint32_t)sizeof *list);
  }
  for (uint32_t i = 0; i < count; i++) {
    if (list[i].length && !tpt_allows(list[i].lkey, qp->slot, qp->pd, VB_ACCESS_LOCAL_WRITE, list[i].addr, list[i].length)) return -1;
    out[i] = (struct segment){(uint32_t)list[i].addr, list[i].length};
    *room += list[i].length;
  }
  return (int)count;
}

/* Scatters a gathered message, byte for byte once. */
static inline void scatter(uint32_t to_slot, const struct segment *to, uint32_t from_slot, const struct segment *from, uint64_t bytes) {
  uint32_t done_to = 0, done_from = 0;
  while (bytes != 0) {
    uint32_t left_to = to->length - done_to, left_from = from->length - done_from;
    uint32_t piece = left_to < left_from ? left_to : left_from;
    if (piece > bytes) piece = (uint32_t)bytes;
    if (piece != 0) move(to_slot, to->addr + done_to, from_slot, from->addr + done_from, piece);
    bytes -= piece;
    done_to += piece;
    done_from += piece;
    if (done_to == to->length) to++, done_to = 0;
    if (done_from == from->length) from++, done_from = 0;
  }
}

/* The receiver's completion of the message that took the request at rq_head. */
static inline __attribute__((always_inline)) bool rq_complete(struct vbf_qp *qp, uint8_t opcode, uint8_t status, uint8_t flags, uint32_t bytes, uint32_t imm, uint32_t slid, const uint64_t *data) {
  struct vbf_cq *cq = cq_at(qp->recv_cq);
  uint32_t index;
  if (UNLIKELY(!cq_take(cq, qp->next_wr_id, qp->qpn, opcode, &index))) {
    cq_overrun(cq);
    return false;
  }
  struct completion c = {.wr_id = qp->next_wr_id, .qpn = qp->qpn, .byte_len = bytes, .imm = imm, .opcode = opcode, .status = status, .flags = flags, .slid = (uint16_t)slid};
  rq_advance(qp);
  for (int i = 0; i < 4; i++) c.data[i] = data ? data[i] : 0;
  cq_fill(cq, index, &c);
  return true;
}

#endif
