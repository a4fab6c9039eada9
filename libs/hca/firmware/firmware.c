/* The adapter's firmware: what a doorbell does, and what the control path asks for. One translation unit, so that all of it inlines. */
#include "requester.h"
#include "engage.h"
#include "timer.h"
#include "recover.h"
#include "slow.h"

#define EXPORT(name) __attribute__((export_name(#name)))

/* A QP of the calling domain, or null: a guest that names any other thing rings nothing (R9). */
static inline struct vbf_qp *own_qp(uint32_t qpn) {
  struct vbf_qp *qp = qp_at(qpn);
  return LIKELY(qp->qpn == qpn && qpn != 0 && qp->slot == own_slot() && qp->state != VB_QPS_RESET) ? qp : 0;
}

static inline struct vbf_cq *own_cq(uint32_t cqn) {
  struct vbf_cq *cq = cq_at(cqn);
  return LIKELY(cq->cqn == cqn && cqn != 0 && cq->slot == own_slot()) ? cq : 0;
}

static inline struct vbf_srq *own_srq(uint32_t srqn) {
  struct vbf_srq *srq = srq_at(srqn);
  return srq->srqn == srqn && srqn != 0 && srq->slot == own_slot() ? srq : 0;
}

static inline void send_doorbell(struct vbf_qp *qp, uint32_t tail) {
  if (UNLIKELY(qp->slow != 0)) return slow_doorbell(qp, tail);
  lock_take(&qp->sq_lock);
  if (UNLIKELY(tail - qp->sq_head > qp->sq_mask + 1)) {
    qp_broken(qp);
  } else {
    qp->sq_tail = tail;
    if (LIKELY(qp->state == VB_QPS_RTS)) send_queue_run(qp);
    else if (qp->state == VB_QPS_ERR) flush_send_queue(qp);
  }
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

static inline void receive_doorbell(struct vbf_qp *qp, uint32_t tail) {
  store32(&qp->rq_tail, tail);
  if (UNLIKELY(load32(&qp->rnr) != 0)) {
    store32(&qp->rnr, 0);
    resume_requester_of(qp);
  }
  if (UNLIKELY(qp->state == VB_QPS_ERR)) {
    __atomic_fetch_or(&qp->flush, VBF_FLUSH_RQ, __ATOMIC_SEQ_CST);
    flush_qp(qp);
  }
}

static inline void doorbell(uint32_t reg, uint32_t lo, uint32_t hi) {
  if (LIKELY(reg <= VB_UAR_RQ)) {
    struct vbf_qp *qp = own_qp(lo);
    if (UNLIKELY(qp == 0)) return;
    if (reg == VB_UAR_SQ) send_doorbell(qp, hi);
    else receive_doorbell(qp, hi);
    return;
  }
  uint64_t links = domain_at(own_slot())->links;
  if (reg == VB_UAR_POLL) {
    if (links != 0) guest_poll(links);
    return;
  }
  if (reg == VB_UAR_SRQ) {
    struct vbf_srq *srq = own_srq(lo);
    if (srq != 0) srq_doorbell(srq, hi);
    return;
  }
  struct vbf_cq *cq = own_cq(lo);
  if (cq == 0) return;
  if (reg == VB_UAR_CQ_ARM || reg == VB_UAR_CQ_ARM_SOLICITED) {
    if (reg == VB_UAR_CQ_ARM) cq_arm(cq, hi);
    else cq_arm_solicited(cq, hi);
    if (links != 0) wire_ring(); /* it is about to sleep, and polls no more */
  } else if (reg == VB_UAR_CQ_CI) cq_consumed(cq, hi);
}

/* A write to the user access region: the only way from a guest into the data path. Meanwhile `busy` tells the profiler where the thread is. */
EXPORT(uar_write) void uar_write(uint32_t reg, uint32_t lo, uint32_t hi) {
  struct vbf_thread *me = self();
  me->doorbells++;
  *(volatile uint32_t *)&me->busy = 1;
  doorbell(reg, lo, hi);
  *(volatile uint32_t *)&me->busy = 0;
}

/* The control path opened a connection: this QP's queued requests and those of the other end may go. */
EXPORT(qp_opened) void qp_opened(uint32_t qpn) {
  struct vbf_qp *qp = qp_at(qpn);
  if (qp->qpn != qpn) return;
  resume_requester_of(qp);
  if (qp->slow != 0) return slow_resume(qp);
  lock_take(&qp->sq_lock);
  if (qp->state == VB_QPS_RTS) send_queue_go_on(qp);
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

/* The QP went to SQD: returns when its thread is out of the send queue. Says (by an event, if one is wanted) when nothing is under way any more. */
EXPORT(qp_drain) uint32_t qp_drain(uint32_t qpn) {
  struct vbf_qp *qp = qp_at(qpn);
  if (qp->qpn != qpn) return 1;
  lock_take(&qp->sq_lock);
  bool done = drained(qp);
  report_drained(qp);
  lock_drop(&qp->sq_lock);
  flush_deferred();
  return done;
}

/* Moves a completion queue to another ring of this thread's reach: 0, or RESIZE_*. */
EXPORT(cq_move) uint32_t cq_move(uint32_t cqn, uint32_t ring, uint32_t entries) { return cq_resize(cq_at(cqn), ring, entries); }

/* An asynchronous event of a port or a device, from the control path. */
EXPORT(event) void event(uint32_t slot, uint32_t type, uint32_t number) { event_post(slot, domain_at(slot)->epoch, type, number); }

/* Sends a QP to the error state and flushes it. */
EXPORT(qp_error) void qp_error(uint32_t qpn) {
  struct vbf_qp *qp = qp_at(qpn);
  if (qp->qpn != qpn) return;
  qp_fail(qp);
  flush_deferred();
}

/* After the control path took a QP or an MR away: returns when no other thread can still be at work on this QP. 0: gave up waiting. */
EXPORT(qp_quiesce) uint32_t qp_quiesce(uint32_t qpn, uint32_t milliseconds) {
  struct vbf_qp *qp = qp_at(qpn);
  uint32_t *locks[2] = {&qp->sq_lock, responder_lock(qp)};
  for (int i = 0; i < 2; i++) {
    if (!lock_take_within(locks[i], milliseconds)) return 0;
    lock_drop(locks[i]);
  }
  return 1;
}

/* The QP is being taken away: tells the other process, if its end is there. */
EXPORT(qp_gone) void qp_gone(uint32_t qpn) {
  struct vbf_qp *qp = qp_at(qpn);
  if (qp->qpn == qpn && qp->link != 0) remote_gone(qp);
}

/* One turn of a link: reads, executes, sends. WIRE_* bits say what came of it. */
EXPORT(wire_turn) uint32_t wire_turn(uint32_t number) { return wire_run(link_at(number)); }

/* Up to `turns` turns of all links, or until something other than data happens. */
EXPORT(wire_poll) uint32_t wire_poll(uint32_t turns) { return wire_spin(turns); }

/* A new connection: the worker has put its keys in place. */
EXPORT(link_up) void link_up(uint32_t number, uint32_t received) { wire_up(number, received); }

EXPORT(link_down) void link_down(uint32_t number) { wire_down(link_at(number)); }

EXPORT(link_lost) void link_lost(uint32_t number) { wire_lost(number); }

/* Sends what acknowledgements could wait for company until now. */
EXPORT(wire_settle) void wire_settle(void) {
  uint32_t high = load32(&header()->link_high);
  for (uint32_t i = 0; i < high; i++) wire_acknowledge(link_at(i));
}

EXPORT(wire_doze) uint32_t wire_doze(void) { return wire_hold(); }

EXPORT(wire_resume) void wire_resume(uint32_t held) { wire_release(held); }

EXPORT(tick) void tick(uint32_t now_ms) {
  timer_tick(now_ms);
  arbitrate_all();
}

EXPORT(recover) void recover(uint32_t thread) { recover_thread(thread); }
