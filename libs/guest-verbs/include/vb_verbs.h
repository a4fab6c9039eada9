/*
 * The adapter's queues without ceremony: inline functions over the rings that guest and adapter share (verbena/hca.h). No function here
 * makes a hypercall, but for vb_cq_wait, which sleeps. verbs.h builds the verbs interface on it; a message-passing library may use it as it is:
 *
 *   struct vb_send_wqe *wqe = vb_sq_next(qp);              NULL: the queue is full, take completions first
 *   vb_wqe_inline(wqe, VB_WR_SEND, 0, id, data, bytes);
 *   vb_sq_ring(qp);                                        one doorbell for all that was filled since the last
 *
 *   const struct vb_cqe *cqe = vb_cq_peek(cq);             NULL: nothing there
 *   ... use cqe in place ...
 *   vb_cq_pop(cq);
 *
 * A send work request's slot is free again when a signalled work request at or behind it has completed (vb_sq_completed).
 */
#ifndef VB_VERBS_H
#define VB_VERBS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <verbena/abi.h>
#include <verbena/hca.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A completion queue's ring and how far it has been read. */
struct vb_cq {
  struct vb_cqe *ring;
  uint32_t mask;
  uint32_t cqn;
  uint32_t consumer; /* completions taken */
  uint32_t told;     /* of which the adapter knows */
};

/* A queue pair's rings and how far they have been filled. */
struct vb_qp {
  uint8_t *sq, *rq;
  uint32_t qpn;
  uint32_t sq_mask, rq_mask;
  uint32_t sq_stride, rq_stride;
  uint32_t sq_tail;  /* work requests filled */
  uint32_t sq_rung;  /* of which the adapter knows */
  uint32_t sq_head;  /* work requests known to be complete */
  uint32_t rq_tail, rq_rung, rq_head;
};

/* The next free send work request, or NULL. It counts as filled from now on. */
static inline struct vb_send_wqe *vb_sq_next(struct vb_qp *qp) {
  if (__builtin_expect(qp->sq_tail - qp->sq_head > qp->sq_mask, 0)) return 0;
  return (struct vb_send_wqe *)(qp->sq + (qp->sq_tail++ & qp->sq_mask) * qp->sq_stride);
}

/* Fills a work request whose payload lies in it. `bytes` must fit: at most stride - VB_SEND_WQE_HEADER. */
static inline void vb_wqe_inline(struct vb_send_wqe *wqe, uint8_t opcode, uint8_t flags, uint64_t id, const void *data, uint32_t bytes) {
  wqe->wr_id = id;
  wqe->opcode = opcode;
  wqe->flags = (uint8_t)(flags | VB_SEND_INLINE);
  wqe->num_sge = 0;
  wqe->inline_len = bytes;
  memcpy((uint8_t *)wqe + VB_SEND_WQE_HEADER, data, bytes);
}

/* Fills a work request of one piece of registered memory. */
static inline void vb_wqe_buffer(struct vb_send_wqe *wqe, uint8_t opcode, uint8_t flags, uint64_t id, const void *data, uint32_t bytes, uint32_t lkey) {
  struct vb_sge *sge = (struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER);
  wqe->wr_id = id;
  wqe->opcode = opcode;
  wqe->flags = flags;
  wqe->num_sge = 1;
  wqe->inline_len = 0;
  sge->addr = (uintptr_t)data;
  sge->length = bytes;
  sge->lkey = lkey;
}

/* Where an RDMA work request goes. */
static inline void vb_wqe_remote(struct vb_send_wqe *wqe, uint64_t addr, uint32_t rkey) {
  wqe->remote_addr = addr;
  wqe->rkey = rkey;
}

/* Rings the doorbell for all work requests filled so far. When it returns they are carried out, unless the receiver was not ready. */
static inline void vb_sq_ring(struct vb_qp *qp) {
  qp->sq_rung = qp->sq_tail;
  vb_uar_write(VB_UAR_SQ, qp->qpn, qp->sq_tail);
}

/* All work requests before number `count` are complete; `count` is sq_tail as it was after the signalled one was filled. */
static inline void vb_sq_completed(struct vb_qp *qp, uint32_t count) {
  if (count - qp->sq_head <= qp->sq_mask + 1) qp->sq_head = count;
}

/* The next free receive request, or NULL; vb_rq_ring makes it known. Completions of receive requests come in order: add 1 to rq_head for each. */
static inline struct vb_recv_wqe *vb_rq_next(struct vb_qp *qp) {
  if (__builtin_expect(qp->rq_tail - qp->rq_head > qp->rq_mask, 0)) return 0;
  return (struct vb_recv_wqe *)(qp->rq + (qp->rq_tail++ & qp->rq_mask) * qp->rq_stride);
}

static inline void vb_rq_ring(struct vb_qp *qp) {
  qp->rq_rung = qp->rq_tail;
  vb_uar_write(VB_UAR_RQ, qp->qpn, qp->rq_tail);
}

/* The next completion in place, or NULL. It is whole, and stays until vb_cq_pop. */
static inline const struct vb_cqe *vb_cq_peek(const struct vb_cq *cq) {
  const struct vb_cqe *cqe = &cq->ring[cq->consumer & cq->mask];
  return __atomic_load_n(&cqe->generation, __ATOMIC_ACQUIRE) == cq->consumer + 1 ? cqe : 0;
}

/* Done with the completion at the front. The adapter learns of it each quarter of a ring. */
static inline void vb_cq_pop(struct vb_cq *cq) {
  cq->consumer++;
  if (__builtin_expect(cq->consumer - cq->told > cq->mask / 4, 0)) {
    cq->told = cq->consumer;
    vb_uar_write(VB_UAR_CQ_CI, cq->cqn, cq->consumer);
  }
}

/* Asks for VB_CHANNEL_CQ once, as soon as there is a completion that has not been taken. */
static inline void vb_cq_arm(struct vb_cq *cq) {
  cq->told = cq->consumer;
  vb_uar_write(VB_UAR_CQ_ARM, cq->cqn, cq->consumer);
}

/* The same for the next that is solicited or an error. What is there already must be looked at afterwards. */
static inline void vb_cq_arm_solicited(struct vb_cq *cq) {
  cq->told = cq->consumer;
  vb_uar_write(VB_UAR_CQ_ARM_SOLICITED, cq->cqn, cq->consumer);
}

/* The number to sleep on. Read it, then arm, then look once more, then sleep: what happens in between changes it. */
static inline uint32_t vb_event_count(void) { return __atomic_load_n(&((struct vb_event_page *)VB_EVENT_PAGE_ADDR)->wakeups, __ATOMIC_ACQUIRE); }

/* Takes (and clears) the pending bits of the given channels. */
static inline uint32_t vb_event_take(uint32_t channels) {
  return __atomic_fetch_and(&((struct vb_event_page *)VB_EVENT_PAGE_ADDR)->pending, ~channels, __ATOMIC_SEQ_CST) & channels;
}

/* This program's number among those of its job, and how many there are. */
static inline uint32_t vb_rank(void) { return vb_boot_info()->rank; }
static inline uint32_t vb_size(void) { return vb_boot_info()->size; }

/* Exchanges addresses without MPI: each program of the job gives `bytes` (at most VB_CARD_MAX, the same number everywhere), and `all` gets those of
 * all, in the order of ranks. Every program must call it. May be called again. Returns 0, or -1. */
static inline int vb_rendezvous(const void *mine, uint32_t bytes, void *all) {
  int32_t got = vb_hypercall_block(VB_HC_RENDEZVOUS, (uint32_t)(uintptr_t)mine, bytes, (uint32_t)(uintptr_t)all, vb_size() * bytes);
  return got == (int32_t)(vb_size() * bytes) ? 0 : -1;
}

/* Spins for `polls` looks, then sleeps, until there is a completion. Returns it in place, or NULL after `timeout_ns` (all ones: no limit). */
const struct vb_cqe *vb_cq_wait(struct vb_cq *cq, uint32_t polls, uint64_t timeout_ns);

#ifdef __cplusplus
}
#endif

#endif
