/* The frames of queue pairs as they come: whose they are, whether they can be, and who takes them. */
#ifndef VBF_HEAR_H
#define VBF_HEAR_H

#include "execute.h"

static inline bool request_sane(const struct vbf_frame *f) {
  if (f->psn > VBF_PSN_MASK || f->ack_psn > VBF_PSN_MASK) return false;
  if (f->opcode == VB_WR_RDMA_READ) return f->length == 0 && f->total <= MAX_MESSAGE;
  if (f->opcode == VB_WR_ATOMIC_CAS || f->opcode == VB_WR_ATOMIC_FADD) return f->length == sizeof(struct vb_atomic) && f->total == 8;
  if (f->opcode == VB_WR_LOCAL_INV || f->opcode == VB_WR_BIND_MW) return f->length == 0 && f->total == 0;
  return ((f->opcode >= VB_WR_SEND && f->opcode <= VB_WR_RDMA_WRITE_IMM) || f->opcode == VB_WR_SEND_INV) && f->total <= MAX_MESSAGE && f->length <= f->total &&
         (f->length != 0 || f->total == 0);
}

static enum heard hear_request(struct vbf_link *link, const struct vbf_frame *f, const uint8_t *payload) {
  if (!request_sane(f)) return HEARD_BAD;
  struct vbf_qp *qp = qp_at(f->dest_qpn);
  if (frame_matches(qp, link, f) && !reachable(qp->slot, qp->epoch)) return HEARD_LATER;
  if (!frame_matches(qp, link, f) && !frame_may_match(qp, f)) return answer_for_nobody(link, f, VBF_OP_GONE), HEARD;
  lock_take(&qp->sq_lock);
  enum heard heard = HEARD;
  if (frame_matches(qp, link, f) && receives(qp->state) && reachable(qp->slot, qp->epoch)) {
    if (remote_acked(qp, f->ack, f->ack_psn)) execute_frame(qp, f, payload);
    else heard = HEARD_BAD;
  } else if (frame_matches(qp, link, f) && qp->state == VB_QPS_ERR && qp->nak != 0) {
    owe(qp, VBF_OWE_NAK);
  } else {
    answer_for_nobody(link, f, frame_may_match(qp, f) ? VBF_OP_NOT_READY : VBF_OP_GONE);
  }
  lock_drop(&qp->sq_lock);
  flush_deferred();
  return heard;
}

/* A probe says nothing, and is answered with everything. */
static void answer_probe(struct vbf_qp *qp) {
  owe(qp, qp->rx_refused && !qp->next_valid && !rq_prefetch(qp) ? VBF_OWE_RNR : qp->rx_refused ? VBF_OWE_RESEND : VBF_OWE_ACK_NOW);
}

static bool hear_for(struct vbf_qp *qp, const struct vbf_frame *f) {
  if (!remote_acked(qp, f->ack, f->ack_psn)) return false;
  uint8_t status = remote_progress(qp, f);
  if (status != VB_WC_SUCCESS) return remote_failed(qp, status), true;
  switch (f->opcode) {
    case VBF_OP_RNR: remote_wait(qp, WAIT_RNR); break;
    case VBF_OP_NOT_READY: remote_wait(qp, WAIT_ANSWER); break;
    case VBF_OP_READY:
      if (qp->waiting != VBF_WAIT_DATA) qp->waiting = 0;
      pend(qp);
      break;
    case VBF_OP_RESEND:
      remote_rewind_to(qp, f->psn);
      qp->waiting = 0;
      pend(qp);
      break;
    case VBF_OP_NAK: remote_failed(qp, (uint8_t)f->imm); break;
    case VBF_OP_GONE: remote_failed(qp, VB_WC_RETRY_EXC_ERR); break;
    case VBF_OP_PROBE: answer_probe(qp); break;
  }
  return true;
}

/* The answer to the READ or atomic at sq_head. What does not fit belongs to a life of the queue pair that is over, and is dropped. */
static void take_data(struct vbf_qp *qp, const struct vbf_frame *f) {
  struct request r;
  request_read(&r, qp, qp->sq_head);
  uint8_t status = request_gather(&r, qp);
  if (status == VB_WC_SUCCESS && (!is_fetch(r.opcode) || r.bytes != f->total)) status = VB_WC_LOC_QP_OP_ERR;
  if (status != VB_WC_SUCCESS) return remote_failed(qp, status);
  scatter_frame(qp->slot, r.list, qp->read_offset, (const uint8_t *)(f + 1), f->length);
  qp->read_offset += f->length;
  qp->progress_at = header()->now_ms;
  if (qp->read_offset != f->total) return;
  qp->una_psn = qp->tx_psn;
  request_complete(qp, &r, VB_WC_SUCCESS);
  qp->tx_messages++;
  qp->rx_packets += r.opcode == VB_WR_RDMA_READ ? more_packets(qp, r.bytes) : 0;
  qp->waiting = 0;
  pend(qp);
  report_drained(qp);
}

static enum heard hear_data(struct vbf_link *link, const struct vbf_frame *f) {
  struct vbf_qp *qp = qp_at(f->dest_qpn);
  if (f->length > f->total || (f->length == 0 && f->total != 0)) return HEARD_BAD;
  if (!frame_matches(qp, link, f)) return HEARD;
  if (!reachable(qp->slot, qp->epoch)) return HEARD_LATER;
  lock_take(&qp->sq_lock);
  bool fits = frame_matches(qp, link, f) && sends(qp) && remote_acked(qp, f->ack, f->ack_psn) &&
              qp->read_offset <= f->total && f->length <= f->total - qp->read_offset;
  uint32_t expected = psn_add(qp->fetch_psn, qp->read_offset >> qp->path_mtu);
  if (fits && qp->waiting == VBF_WAIT_DATA && qp->sq_head + 1 == qp->sq_next && qp->una_psn == qp->fetch_psn && f->psn == expected) take_data(qp, f);
  lock_drop(&qp->sq_lock);
  flush_deferred();
  return HEARD;
}

static enum heard hear_control(struct vbf_link *link, const struct vbf_frame *f) {
  struct vbf_qp *qp = qp_at(f->dest_qpn);
  if (f->length != 0 || (f->opcode == VBF_OP_NAK && (f->imm == VB_WC_SUCCESS || f->imm > VB_WC_FATAL_ERR))) return HEARD_BAD;
  if (frame_matches(qp, link, f) && !reachable(qp->slot, qp->epoch)) return HEARD_LATER;
  if (!frame_matches(qp, link, f) && (f->opcode != VBF_OP_PROBE || !frame_may_match(qp, f))) {
    if (f->opcode == VBF_OP_PROBE) answer_for_nobody(link, f, VBF_OP_GONE);
    return HEARD;
  }
  lock_take(&qp->sq_lock);
  bool good = true;
  if (frame_matches(qp, link, f) && receives(qp->state)) good = hear_for(qp, f);
  else if (f->opcode == VBF_OP_PROBE) answer_for_nobody(link, f, frame_may_match(qp, f) ? VBF_OP_NOT_READY : VBF_OP_GONE);
  lock_drop(&qp->sq_lock);
  flush_deferred();
  return good ? HEARD : HEARD_BAD;
}

#endif
