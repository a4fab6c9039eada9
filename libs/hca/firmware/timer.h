/* Time-outs of the reliable service (InfiniBand vol. 1, section 9.7.5), driven by the host's main thread. It moves no data. */
#ifndef VBF_TIMER_H
#define VBF_TIMER_H

#include "acknowledge.h"

#define RNR_TIMER_MS 20u       /* one receiver-not-ready retry */
#define ANSWER_TIMER_MS 1000u  /* one retry towards a QP that is not connected yet */

/* The status with which a waiting send queue must fail now, or success. */
static inline uint8_t timer_verdict(const struct vbf_qp *qp, struct vbf_qp *peer, uint32_t now_ms) {
  uint32_t waited = now_ms - qp->wait_since;
  if (!connected(qp, peer) && !may_come(qp, peer)) return VB_WC_RETRY_EXC_ERR;
  if (qp->waiting == VBF_WAIT_RNR && qp->rnr_retry != 7 && waited > qp->rnr_retry * RNR_TIMER_MS) return VB_WC_RNR_RETRY_EXC_ERR;
  if (qp->waiting == VBF_WAIT_ANSWER && waited > (qp->retry_count + 1) * ANSWER_TIMER_MS) return VB_WC_RETRY_EXC_ERR;
  return VB_WC_SUCCESS;
}

/* The same while a port on the way is down, or the other end expects other PSNs. */
static inline uint8_t hold_verdict(const struct vbf_qp *qp, uint32_t now_ms) {
  return now_ms - qp->wait_since > (qp->retry_count + 1) * ANSWER_TIMER_MS ? VB_WC_RETRY_EXC_ERR : VB_WC_SUCCESS;
}

static void timer_check(struct vbf_qp *qp, uint32_t now_ms) {
  if (qp->type != VB_QPT_RC) return;
  if (!reachable(qp->slot, qp->epoch) || !lock_try(&qp->sq_lock)) return;
  if (qp->waiting && qp->state == VB_QPS_RTS && qp->sq_head != qp->sq_tail) {
    uint8_t status = qp->slow & VBF_SLOW_HELD ? hold_verdict(qp, now_ms) : timer_verdict(qp, qp_at(qp->dest_qpn), now_ms);
    if (status != VB_WC_SUCCESS) {
      struct request r;
      request_read(&r, qp, qp->sq_head);
      r.bytes = 0;
      request_complete(qp, &r, status);
      qp_fail(qp);
    }
  }
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

static void timer_tick(uint32_t now_ms) {
  store32(&header()->now_ms, now_ms);
  uint32_t high = load32(&header()->qp_high);
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_qp *qp = qp_at(i);
    if (qp->qpn == 0) continue;
    if (qp->link != 0 && (qp->slow & VBF_SLOW_DOWN) == 0) remote_timer(qp, now_ms);
    else if (qp->waiting) timer_check(qp, now_ms);
    if ((qp->flush && qp->state == VB_QPS_ERR) || load32(&qp->events) != 0) flush_qp(qp);
  }
}

#endif
