/* The doorbells of queue pairs that take the long way (VBF_SLOW_*). */
#ifndef VBF_SLOW_H
#define VBF_SLOW_H

#include "arbiter.h"

/* A port on the way is down, or the other end expects other PSNs: what is reliable waits, until its retries are used up; the rest is lost. */
static void request_hold(struct vbf_qp *qp) {
  if (qp->sq_head == qp->sq_tail) return;
  if (qp->type == VB_QPT_UC) unreliable_run(qp); /* its connection is none now */
  else if (qp->type == VB_QPT_UD) unreliable_run(qp);
  else request_wait(qp, WAIT_ANSWER);
}

/* Does what is posted. The caller holds sq_lock. */
void slow_run(struct vbf_qp *qp) {
  if (qp->state == VB_QPS_ERR || qp->state == VB_QPS_SQE) flush_send_queue(qp);
  else if ((qp->slow & VBF_SLOW_HELD) && sends(qp)) request_hold(qp);
  else if (qp->link != 0 && sends(qp)) remote_run(qp);
  else if (qp->state != VB_QPS_RTS) return;
  else if (qp->type != VB_QPT_RC) unreliable_run(qp);
  else send_queue_go_on(qp);
}

/* After the lock was dropped: frames may wait for somebody who moves them. */
void slow_push(const struct vbf_qp *qp) {
  flush_deferred();
  if (qp->link != 0) return guest_push(link_of(qp));
  if (qp->type != VB_QPT_UD) return;
  for (uint64_t links = domain_at(qp->slot)->links; links != 0; links &= links - 1) {
    struct vbf_link *link = link_at((uint32_t)__builtin_ctzll(links));
    if (load32(&link->tx_head) != load32(&link->tx_tail)) guest_push(link);
  }
}

static __attribute__((noinline)) void slow_doorbell(struct vbf_qp *qp, uint32_t tail) {
  lock_take(&qp->sq_lock);
  if (tail - qp->sq_head > qp->sq_mask + 1) {
    qp_broken(qp);
  } else {
    qp->sq_tail = tail;
    if ((qp->slow & VBF_SLOW_SHAPED) == 0 || qp->state != VB_QPS_RTS || (qp->slow & VBF_SLOW_HELD)) slow_run(qp);
  }
  bool shaped = qp->slow & VBF_SLOW_SHAPED;
  lock_drop(&qp->sq_lock);
  slow_push(qp);
  if (shaped) arbitrate(port_at(domain_at(qp->slot)->port - 1));
}

/* Something has changed for the better: goes on. No lock may be held. */
__attribute__((noinline)) void slow_resume(struct vbf_qp *qp) {
  lock_take(&qp->sq_lock);
  bool shaped = (qp->slow & VBF_SLOW_SHAPED) != 0 && qp->state == VB_QPS_RTS;
  if (shaped && qp->waiting != VBF_WAIT_DATA) qp->waiting = 0;
  if (qp->link != 0 && sends(qp)) pend(qp);
  else if (!shaped || (qp->slow & VBF_SLOW_HELD)) slow_run(qp);
  lock_drop(&qp->sq_lock);
  flush_deferred();
  if (shaped && own_slot() == qp->slot) arbitrate(port_at(domain_at(qp->slot)->port - 1));
}

/* VB_UAR_SRQ */
static __attribute__((noinline)) void srq_doorbell(struct vbf_srq *srq, uint32_t tail) {
  uint32_t index = (uint32_t)(srq - (struct vbf_srq *)VBF_SRQ_ADDR), high = load32(&header()->qp_high);
  if (!srq_posted(srq, tail)) return;
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_qp *qp = qp_at(i);
    if (qp->qpn == 0 || qp->srq != index || qp->slot != srq->slot || load32(&qp->rnr) == 0) continue;
    store32(&qp->rnr, 0);
    resume_requester_of(qp);
  }
}

#endif
