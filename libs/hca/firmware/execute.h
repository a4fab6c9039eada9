/*
 * The receiver of a connection whose other end is in another process: executes the requests of frames, each once and in order, with the checks
 * that a request of this process would meet. The payload lies in the link's inbound buffer; the QP's own sq_lock is held.
 */
#ifndef VBF_EXECUTE_H
#define VBF_EXECUTE_H

#include "acknowledge.h"

/* What became of a frame. LATER: a memory is not known to this thread yet, look again. */
enum heard { HEARD, HEARD_LATER, HEARD_BAD };

static inline bool frame_matches(const struct vbf_qp *qp, const struct vbf_link *link, const struct vbf_frame *f) {
  return qp->qpn == f->dest_qpn && f->dest_qpn != 0 && qp->link == link_number(link) + 1 && qp->remote_qpn == f->src_qpn &&
         qp->dest_lid == f->src_lid && qp->lid == f->dest_lid && pkeys_match(qp->pkey, f->pkey);
}

static inline bool frame_may_match(const struct vbf_qp *qp, const struct vbf_frame *f) {
  return qp->qpn == f->dest_qpn && f->dest_qpn != 0 && qp->lid == f->dest_lid && pkeys_match(qp->pkey, f->pkey) && load32(&qp->state) <= VB_QPS_INIT;
}

/* Answers for a QP that cannot. When the ring is full the other end asks again. */
static void answer_for_nobody(struct vbf_link *link, const struct vbf_frame *f, uint8_t opcode) {
  lock_take(&link->tx_lock);
  struct vbf_frame *frame = frame_begin(link, 0, 0);
  if (frame != 0) {
    frame->opcode = opcode;
    frame->src_lid = f->dest_lid;
    frame->dest_lid = f->src_lid;
    frame->dest_qpn = f->src_qpn;
    frame->src_qpn = f->dest_qpn;
    frame->pkey = f->pkey;
    frame->psn = f->psn;
    frame_commit(link, frame);
  }
  lock_drop(&link->tx_lock);
}

static inline void owe(struct vbf_qp *qp, uint32_t what) {
  __atomic_fetch_or(&qp->owe, what, __ATOMIC_SEQ_CST);
  if (what != VBF_OWE_ACK) pend(qp);
  else link_of(qp)->lazy = 1;
}

/* The request cannot be executed: both ends fail (InfiniBand vol. 1, section 9.9.3). */
static void refuse_frame(struct vbf_qp *qp, uint8_t status) {
  qp->nak = status;
  owe(qp, VBF_OWE_NAK);
  refuse(qp, status);
}

static inline bool is_last(const struct vbf_qp *qp, const struct vbf_frame *f) { return qp->rx_offset + f->length == f->total; }

/* An unreliable connection knows no errors of the other side: what cannot be done is not done, nor is the rest of the message (InfiniBand vol. 1, section 9.8.2.2). */
static bool drop_frame(struct vbf_qp *qp, const struct vbf_frame *f) {
  qp->rx_skipping = !is_last(qp, f);
  if (!qp->rx_skipping) qp->rx_drops++;
  return true;
}

/* Places [offset, offset + bytes) of a message into the receive request's list. */
static void scatter_frame(uint32_t slot, const struct segment *to, uint32_t offset, const uint8_t *from, uint32_t bytes) {
  while (bytes != 0) {
    if (offset >= to->length) {
      offset -= to++->length;
      continue;
    }
    uint32_t piece = to->length - offset < bytes ? to->length - offset : bytes;
    scatter_bytes(slot, to->addr + offset, from, piece);
    from += piece;
    bytes -= piece;
    offset = 0;
    to++;
  }
}

static bool execute_send(struct vbf_qp *qp, const struct vbf_frame *f, const uint8_t *payload) {
  bool last = is_last(qp, f);
  uint8_t flags = f->flags & VBF_FRAME_SOLICITED ? VB_CQE_F_SOLICITED : 0;
  if (f->opcode != VB_WR_SEND) flags |= f->opcode == VB_WR_SEND_IMM ? VB_CQE_F_IMM : VB_CQE_F_INVALIDATED;
  uint64_t data[4] = {0, 0, 0, 0};
  if (f->total <= VB_CQE_INLINE && (qp->flags & VB_QP_SCATTER_TO_CQE)) {
    const uint64_t *words = (const uint64_t *)payload; /* the padding was checked with the rest, and is cut off here */
    for (uint32_t i = 0; 8 * i < f->length; i++) data[i] = f->length - 8 * i >= 8 ? words[i] : words[i] & ((1ull << (8 * (f->length - 8 * i))) - 1);
    flags |= VB_CQE_F_INLINE;
  } else {
    struct segment to[MAX_SGE];
    uint64_t room;
    if (rq_segments(qp, to, &room) < 0) {
      rq_complete(qp, VB_WC_RECV, VB_WC_LOC_PROT_ERR, 0, 0, 0, f->src_lid, 0);
      refuse_frame(qp, VB_WC_REM_OP_ERR);
      return false;
    }
    if (f->total > room && qp->type == VB_QPT_UC) return drop_frame(qp, f);
    if (f->total > room) {
      rq_complete(qp, VB_WC_RECV, VB_WC_LOC_LEN_ERR, 0, 0, 0, f->src_lid, 0);
      refuse_frame(qp, VB_WC_REM_INV_REQ_ERR);
      return false;
    }
    scatter_frame(qp->slot, to, qp->rx_offset, payload, f->length);
  }
  if (last && f->opcode == VB_WR_SEND_INV && !window_invalidate(qp, f->imm)) {
    refuse_frame(qp, VB_WC_REM_ACCESS_ERR);
    return false;
  }
  if (last && !rq_complete(qp, VB_WC_RECV, VB_WC_SUCCESS, flags, f->total, f->opcode == VB_WR_SEND ? 0 : f->imm, f->src_lid, data)) {
    refuse_frame(qp, VB_WC_REM_OP_ERR);
    return false;
  }
  return true;
}

static bool execute_write(struct vbf_qp *qp, const struct vbf_frame *f, const uint8_t *payload) {
  bool last = is_last(qp, f);
  if ((qp->access & VB_ACCESS_REMOTE_WRITE) == 0 ||
      (f->total != 0 && !tpt_allows_remote(f->rkey, qp, VB_ACCESS_REMOTE_WRITE, f->remote_addr, f->total))) {
    if (qp->type == VB_QPT_UC) return drop_frame(qp, f);
    refuse_frame(qp, VB_WC_REM_ACCESS_ERR);
    return false;
  }
  if (f->length != 0) scatter_bytes(qp->slot, (uint32_t)f->remote_addr + qp->rx_offset, payload, f->length);
  if (last && f->opcode == VB_WR_RDMA_WRITE_IMM &&
      !rq_complete(qp, VB_WC_RECV_RDMA_IMM, VB_WC_SUCCESS, (uint8_t)(VB_CQE_F_IMM | (f->flags & VBF_FRAME_SOLICITED) << 1), f->total, f->imm, f->src_lid, 0)) {
    refuse_frame(qp, VB_WC_REM_OP_ERR);
    return false;
  }
  return true;
}

/* A READ or an atomic, for the first time or again. */
static void execute_fetch(struct vbf_qp *qp, const struct vbf_frame *f, const uint8_t *payload, bool again) {
  uint8_t status = may_fetch(qp, f->opcode, f->rkey, f->remote_addr, f->total);
  if (status != VB_WC_SUCCESS) return refuse_frame(qp, status);
  if (f->opcode == VB_WR_RDMA_READ) {
    qp->out_addr = (uint32_t)f->remote_addr;
    qp->out_rkey = f->rkey;
    qp->out_length = f->total;
    qp->out_offset = 0;
    qp->out_again = again;
    if (again) qp->atomic_psn = f->psn;
    return owe(qp, VBF_OWE_DATA);
  }
  const struct vb_atomic *operands = (const struct vb_atomic *)payload;
  if (!again) {
    qp->atomic_result = atomic_at(qp->slot, (uint32_t)f->remote_addr, f->opcode == VB_WR_ATOMIC_CAS, operands->compare_add, operands->swap);
    qp->atomic_psn = f->psn;
    qp->rx_psn = qp->rx_ack_psn = psn_add(qp->rx_psn, 1);
    qp->rx_msn++;
    qp->rx_messages++;
  } else if (qp->atomic_psn != f->psn) {
    return refuse_frame(qp, VB_WC_REM_INV_REQ_ERR);
  }
  owe(qp, VBF_OWE_RESULT);
}

/* Whether the packet is as long as its place in the message wants it (vol. 1, section 9.7.4.1.6): all but the last have the path MTU, which both ends must have set alike. */
static bool length_fits(const struct vbf_qp *qp, const struct vbf_frame *f) {
  uint32_t mtu = 1u << qp->path_mtu;
  if (is_fetch(f->opcode)) return qp->rx_offset == 0 && (f->mtu == qp->path_mtu || f->total <= 256);
  if (f->length > mtu || qp->rx_offset > f->total || f->length > f->total - qp->rx_offset) return false;
  return is_last(qp, f) || f->length == mtu;
}

/* A packet that is not the one expected: of a request that was executed, whose acknowledgement was lost, or behind one that was. */
static void out_of_order(struct vbf_qp *qp, const struct vbf_frame *f, const uint8_t *payload, uint32_t ahead) {
  if (ahead >= VBF_PSN_HALF) {
    qp->duplicate_request++;
    if (is_fetch(f->opcode)) execute_fetch(qp, f, payload, true);
    else owe(qp, VBF_OWE_ACK_NOW);
    return;
  }
  qp->out_of_sequence++;
  if (!qp->rx_refused) owe(qp, VBF_OWE_RESEND);
  qp->rx_refused = 1;
}

/* A packet of a request for a connected QP, in order or not. */
static void execute_frame(struct vbf_qp *qp, const struct vbf_frame *f, const uint8_t *payload) {
  uint32_t ahead = psn_from(qp->rx_psn, f->psn);
  if (ahead != 0) return out_of_order(qp, f, payload, ahead);
  if (!length_fits(qp, f)) return refuse_frame(qp, VB_WC_REM_INV_REQ_ERR);
  if (is_fetch(f->opcode)) {
    qp->rx_refused = 0;
    if (qp->type == VB_QPT_UC) return refuse_frame(qp, VB_WC_REM_INV_REQ_ERR);
    return execute_fetch(qp, f, payload, false);
  }
  if (qp->state == VB_QPS_RTR && qp->rx_messages == 0 && qp->rx_offset == 0) qp_raise(qp, VBF_RAISE_ESTABLISHED);
  bool good;
  if (f->opcode == VB_WR_LOCAL_INV || f->opcode == VB_WR_BIND_MW) {
    good = true; /* of the other end's own windows */
  } else if (qp->rx_skipping) {
    good = drop_frame(qp, f);
  } else if (f->opcode != VB_WR_RDMA_WRITE && !rq_ready(qp)) {
    if (qp->state == VB_QPS_ERR) return;
    if (qp->type != VB_QPT_UC) {
      qp->rx_refused = 1;
      owe(qp, VBF_OWE_RNR);
      return;
    }
    good = drop_frame(qp, f);
  } else {
    good = f->opcode <= VB_WR_SEND_IMM || f->opcode == VB_WR_SEND_INV ? execute_send(qp, f, payload) : execute_write(qp, f, payload);
  }
  qp->rx_refused = 0;
  if (!good) return;
  qp->rx_psn = psn_add(qp->rx_psn, 1);
  qp->rx_offset += f->length;
  if (qp->rx_offset != f->total) return;
  qp->rx_offset = 0;
  qp->rx_ack_psn = qp->rx_psn;
  qp->rx_msn++;
  qp->rx_messages++;
  qp->rx_bytes += f->total;
  qp->rx_packets += more_packets(qp, f->total);
  owe(qp, f->flags & VBF_FRAME_ACK_REQUESTED ? VBF_OWE_ACK_NOW : VBF_OWE_ACK);
}

#endif
