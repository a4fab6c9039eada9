/*
 * What the requester of a connection over a link hears of its requests, and does when it hears nothing (InfiniBand vol. 1, section 9.7.5): completions, retries, time-outs.
 */
#ifndef VBF_ACKNOWLEDGE_H
#define VBF_ACKNOWLEDGE_H

#include "remote.h"

static void remote_gone(struct vbf_qp *qp) {
  struct vbf_link *link = link_of(qp);
  if (qp->remote_qpn == 0 || !lock_take_within(&link->tx_lock, 20)) return;
  control_frame(link, qp, VBF_OP_GONE, 0);
  lock_drop(&link->tx_lock);
  wire_ring();
}

static uint64_t request_length(const struct request *r, const struct vbf_qp *qp) {
  if (r->flags & VB_SEND_INLINE) return r->inline_len;
  struct vb_sge *list = (struct vb_sge *)self()->scratch;
  uint64_t bytes = 0;
  if (r->num_sge == 0 || r->num_sge > MAX_SGE || r->num_sge * sizeof *list > qp->sq_stride - VB_SEND_WQE_HEADER) return 0;
  fetch(list, qp->slot, r->wqe + VB_SEND_WQE_HEADER, r->num_sge * (uint32_t)sizeof *list);
  for (uint32_t i = 0; i < r->num_sge; i++) bytes += list[i].length;
  return bytes;
}

static inline bool sends(const struct vbf_qp *qp) { return qp->state == VB_QPS_RTS || qp->state == VB_QPS_SQD; }

/* In SQD: what was begun is done. */
static inline bool drained(const struct vbf_qp *qp) { return qp->link == 0 || (qp->sq_head == qp->sq_high && qp->tx_offset == 0); }

static void report_drained(struct vbf_qp *qp) {
  if (LIKELY(qp->state != VB_QPS_SQD) || !qp->sqd_event || !drained(qp)) return;
  qp->sqd_event = 0;
  qp_raise(qp, VBF_RAISE_DRAINED);
}

/* The other end has executed `msn` messages, the last of them before `psn`. False when that cannot be. */
static bool remote_acked(struct vbf_qp *qp, uint32_t msn, uint32_t psn) {
  uint32_t count = msn - qp->sq_head;
  if (count == 0 || !sends(qp)) return true;
  if (count > qp->sq_high - qp->sq_head) return (int32_t)count < 0;
  bool fetching = false;
  while (!fetching && count-- != 0 && sends(qp)) {
    struct request r;
    request_read(&r, qp, qp->sq_head);
    fetching = is_fetch(r.opcode); /* its data completes it; when that was lost it is asked for again */
    if (fetching) break;
    r.bytes = r.flags & VB_SEND_SIGNALED ? request_length(&r, qp) : 0;
    request_complete(qp, &r, VB_WC_SUCCESS);
    qp->tx_messages++;
  }
  qp->una_psn = fetching ? qp->fetch_psn : psn & VBF_PSN_MASK;
  if ((int32_t)(qp->sq_next - qp->sq_head) < 0) remote_rewind(qp);
  qp->progress_at = header()->now_ms;
  if (qp->waiting != VBF_WAIT_DATA) qp->waiting = 0;
  if (qp->sq_next != qp->sq_tail) pend(qp);
  report_drained(qp);
  return true;
}

/* The oldest request fails, and with it the connection. */
static void remote_failed(struct vbf_qp *qp, uint8_t status) {
  if (sends(qp) && qp->sq_head != qp->sq_tail) {
    struct request r;
    request_read(&r, qp, qp->sq_head);
    r.bytes = 0;
    request_complete(qp, &r, status);
  }
  qp_fail(qp);
}

/* What an answer says of the packets that were sent: a status, or success. Packets that are missing again and again, or never come, use up the retries. */
static uint8_t remote_progress(struct vbf_qp *qp, const struct vbf_frame *f) {
  bool missing = f->opcode == VBF_OP_RESEND, stands = f->opcode == VBF_OP_ACK && qp->asked && qp->sq_next != qp->sq_head;
  qp->asked = 0;
  if (f->opcode != VBF_OP_ACK && !missing) return VB_WC_SUCCESS;
  if (f->psn != qp->seen_psn) {
    qp->seen_psn = f->psn;
    qp->retries = 0;
    qp->progress_at = header()->now_ms;
  } else if ((missing || stands) && ++qp->retries > qp->retry_count + 1) {
    return VB_WC_RETRY_EXC_ERR;
  } else if (stands) {
    remote_rewind(qp);
    qp->waiting = 0;
    pend(qp);
  }
  if (missing) qp->packet_seq_err++;
  return VB_WC_SUCCESS;
}

static void remote_wait(struct vbf_qp *qp, enum outcome why) {
  remote_rewind(qp);
  if (why == WAIT_RNR) qp->rnr_nak_retry_err++;
  if (qp->sq_head == qp->sq_tail) return;
  if (why == WAIT_RNR && qp->rnr_retry == 0) return remote_failed(qp, VB_WC_RNR_RETRY_EXC_ERR);
  request_wait(qp, why);
}

/* How long the QP has been without a link, in ms. */
static inline uint32_t remote_cut_off(const struct vbf_qp *qp, const struct vbf_link *link, uint32_t now) {
  if (link->state == VBF_LINK_UP) return 0;
  return now - ((int32_t)(link->down_since - qp->progress_at) > 0 ? link->down_since : qp->progress_at);
}

static uint8_t remote_verdict(const struct vbf_qp *qp, const struct vbf_link *link, uint32_t now) {
  if (link->state != VBF_LINK_UP) return remote_cut_off(qp, link, now) > (qp->retry_count + 1) * 1000u ? VB_WC_RETRY_EXC_ERR : VB_WC_SUCCESS;
  uint32_t waited = now - qp->wait_since;
  if (qp->waiting == VBF_WAIT_RNR && qp->rnr_retry != 7 && waited > qp->rnr_retry * 20u) return VB_WC_RNR_RETRY_EXC_ERR;
  if (qp->waiting == VBF_WAIT_ANSWER && waited > (qp->retry_count + 1) * 1000u) return VB_WC_RETRY_EXC_ERR;
  return VB_WC_SUCCESS;
}

/* Time-outs, on the host's main thread. */
static void remote_timer(struct vbf_qp *qp, uint32_t now) {
  struct vbf_link *link = link_of(qp);
  bool busy = qp->sq_head != qp->sq_tail && sends(qp) && (qp->state == VB_QPS_RTS || !drained(qp));
  bool open = receives(qp->state);
  bool lost = remote_cut_off(qp, link, now) > LINK_LOST_MS;
  if (!(busy || (open && lost)) || !reachable(qp->slot, qp->epoch) || !lock_try(&qp->sq_lock)) return;
  uint8_t status = busy ? remote_verdict(qp, link, now) : VB_WC_SUCCESS;
  if (open && lost) status = VB_WC_RETRY_EXC_ERR;
  if (status != VB_WC_SUCCESS) {
    remote_failed(qp, status);
  } else if (link->state == VBF_LINK_UP && (qp->sq_next != qp->sq_head || qp->waiting) && now - qp->progress_at > PROBE_MS && now - qp->probe_at > PROBE_MS) {
    qp->probe_at = now;
    qp->asked = 1;
    remote_owe(qp, VBF_OWE_PROBE);
  }
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

#endif
