/*
 * The error state: what was posted and not done completes with VB_WC_WR_FLUSH_ERR. A QP's send queue is flushed under its own sq_lock, its
 * receive queue under that of the QP at the other end; since only one lock is held at a time, QPs are noted first and flushed later.
 */
#ifndef VBF_FLUSH_H
#define VBF_FLUSH_H

#include "lock.h"
#include "responder.h"

static inline uint32_t *responder_lock(struct vbf_qp *qp) {
  if (UNLIKELY(qp->type == VB_QPT_UD)) return &qp->rq_lock;
  return qp->dest_qpn ? &qp_at(qp->dest_qpn)->sq_lock : &qp->sq_lock;
}

static void flush_send_queue(struct vbf_qp *qp) {
  qp->waiting = 0;
  uint32_t count = qp->sq_tail - qp->sq_head;
  for (uint32_t i = 0; i < count && i <= qp->sq_mask; i++) {
    uint64_t wr[2];
    fetch(wr, qp->slot, qp->sq_addr + (qp->sq_head & qp->sq_mask) * qp->sq_stride, 16);
    struct completion c = {.wr_id = wr[0], .qpn = qp->qpn, .opcode = (uint8_t)wr[1], .status = VB_WC_WR_FLUSH_ERR};
    cq_complete(qp->send_cq, &c, &qp->sq_head);
  }
  qp->sq_head = qp->sq_next = qp->sq_tail;
  qp->tx_offset = 0;
}

/* What was posted to a shared queue stays there, but for a request that this QP has taken. */
static void flush_receive_queue(struct vbf_qp *qp) {
  for (uint32_t i = 0; i <= qp->rq_mask && (qp->next_valid || rq_prefetch(qp)); i++)
    if (!rq_complete(qp, VB_WC_RECV, VB_WC_WR_FLUSH_ERR, 0, 0, 0, 0, 0)) break;
}

/* How long the main thread waits for a lock; a vCPU's thread waits for as long as it takes. */
#define MAIN_PATIENCE_MS 20u
static inline bool flush_lock(uint32_t *lock) {
  if (own_slot() < VBF_DOMAINS) return lock_take(lock), true;
  return lock_take_within(lock, MAIN_PATIENCE_MS);
}

static __attribute__((noinline)) void post_events(struct vbf_qp *qp) {
  static const struct { uint8_t bit, type; } table[] = {
      {VBF_RAISE_ESTABLISHED, VB_EVENT_COMM_EST}, {VBF_RAISE_DRAINED, VB_EVENT_SQ_DRAINED}, {VBF_RAISE_REQUEST, VB_EVENT_QP_REQ_ERR},
      {VBF_RAISE_ACCESS, VB_EVENT_QP_ACCESS_ERR}, {VBF_RAISE_FATAL, VB_EVENT_QP_FATAL}, {VBF_RAISE_LAST, VB_EVENT_QP_LAST_WQE_REACHED}};
  if (!reachable(qp->slot, qp->epoch)) return;
  uint32_t events = __atomic_exchange_n(&qp->events, 0, __ATOMIC_SEQ_CST);
  for (uint32_t i = 0; i < sizeof table / sizeof *table; i++)
    if (events & table[i].bit) event_post(qp->slot, qp->epoch, table[i].type, qp->qpn);
}

/* Flushes what `flush` says, and posts what happened. No lock may be held. Leaves the rest to the next tick when a lock or a memory is out of reach. */
static __attribute__((noinline)) void flush_qp(struct vbf_qp *qp) {
  if (!reachable(qp->slot, qp->epoch)) return;
  if ((load32(&qp->flush) & VBF_FLUSH_SQ) && flush_lock(&qp->sq_lock)) {
    if (qp->state == VB_QPS_ERR && (__atomic_fetch_and(&qp->flush, ~VBF_FLUSH_SQ, __ATOMIC_SEQ_CST) & VBF_FLUSH_SQ)) flush_send_queue(qp);
    lock_drop(&qp->sq_lock);
  }
  uint32_t *lock = responder_lock(qp);
  if ((load32(&qp->flush) & VBF_FLUSH_RQ) && flush_lock(lock)) {
    if (qp->state == VB_QPS_ERR && (__atomic_fetch_and(&qp->flush, ~VBF_FLUSH_RQ, __ATOMIC_SEQ_CST) & VBF_FLUSH_RQ)) flush_receive_queue(qp);
    lock_drop(lock);
    if (qp->srq != 0) __atomic_fetch_or(&qp->events, VBF_RAISE_LAST, __ATOMIC_SEQ_CST); /* it takes no more from the shared queue */
  }
  if (load32(&qp->events) != 0) post_events(qp);
}

static void defer(const struct vbf_qp *qp) {
  struct vbf_thread *me = self();
  if (me->deferred_count < 20) me->deferred[me->deferred_count++] = (uint32_t)(qp - (struct vbf_qp *)VBF_QP_ADDR);
}

/* Sends a QP to the error state; it is flushed by flush_deferred. Any lock may be held. */
__attribute__((noinline)) void qp_fail(struct vbf_qp *qp) {
  if (qp->state == VB_QPS_RESET || qp->state == VB_QPS_ERR) return;
  store32(&qp->state, VB_QPS_ERR);
  __atomic_fetch_or(&qp->flush, VBF_FLUSH_SQ | VBF_FLUSH_RQ, __ATOMIC_SEQ_CST);
  defer(qp);
}

/* Asynchronous events of a QP (VBF_RAISE_*), posted by flush_deferred or by the next tick. Any lock may be held. */
__attribute__((noinline)) void qp_raise(struct vbf_qp *qp, uint32_t what) {
  __atomic_fetch_or(&qp->events, what, __ATOMIC_SEQ_CST);
  defer(qp);
}

/* A send error of a QP without acknowledgements: its receive queue goes on (SQE, vol. 1, section 10.3.1.5). The caller holds sq_lock. */
static void send_queue_fail(struct vbf_qp *qp) {
  if (qp->state == VB_QPS_RTS || qp->state == VB_QPS_SQD) store32(&qp->state, VB_QPS_SQE);
  flush_send_queue(qp);
}

static __attribute__((noinline)) void flush_now(struct vbf_thread *me) {
  while (me->deferred_count != 0) flush_qp(qp_at(me->deferred[--me->deferred_count]));
}
static inline void flush_deferred(void) {
  struct vbf_thread *me = self();
  if (UNLIKELY(me->deferred_count != 0)) flush_now(me);
}

#endif
