/* Posting: requests go into the rings, and one doorbell says so. No hypercall is made. */
#include "command.h"

static int opcode_for(enum ibv_wr_opcode opcode) {
  switch (opcode) {
    case IBV_WR_SEND: return VB_WR_SEND;
    case IBV_WR_SEND_WITH_IMM: return VB_WR_SEND_IMM;
    case IBV_WR_RDMA_WRITE: return VB_WR_RDMA_WRITE;
    case IBV_WR_RDMA_WRITE_WITH_IMM: return VB_WR_RDMA_WRITE_IMM;
    case IBV_WR_RDMA_READ: return VB_WR_RDMA_READ;
    case IBV_WR_ATOMIC_CMP_AND_SWP: return VB_WR_ATOMIC_CAS;
    case IBV_WR_ATOMIC_FETCH_AND_ADD: return VB_WR_ATOMIC_FADD;
    case IBV_WR_SEND_WITH_INV: return VB_WR_SEND_INV;
    case IBV_WR_LOCAL_INV: return VB_WR_LOCAL_INV;
    case IBV_WR_BIND_MW: return VB_WR_BIND_MW;
    default: return 0;
  }
}

/* One entry of 8 bytes, and the operands behind it. */
static int fill_atomic(const struct ibv_qp *qp, struct vb_send_wqe *wqe, const struct ibv_send_wr *wr) {
  struct vb_sge *sge = (struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER);
  if (wr->num_sge != 1 || (wr->send_flags & IBV_SEND_INLINE) || qp->hw.sq_stride < VB_SEND_WQE_HEADER + sizeof *sge + sizeof(struct vb_atomic)) return EINVAL;
  memcpy(sge, wr->sg_list, sizeof *sge);
  *(struct vb_atomic *)(sge + 1) = (struct vb_atomic){.compare_add = wr->wr.atomic.compare_add, .swap = wr->wr.atomic.swap};
  wqe->num_sge = 1;
  wqe->remote_addr = wr->wr.atomic.remote_addr;
  wqe->rkey = wr->wr.atomic.rkey;
  return 0;
}

/* The range that the window shows is the one entry. */
static int fill_bind(struct vb_send_wqe *wqe, const struct ibv_send_wr *wr) {
  struct vb_sge *sge = (struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER);
  const struct ibv_mw_bind_info *info = &wr->bind_mw.bind_info;
  if (!wr->bind_mw.mw || !info->mr || info->length > UINT32_MAX) return EINVAL;
  *sge = (struct vb_sge){.addr = info->addr, .length = (uint32_t)info->length, .lkey = info->mr->lkey};
  wqe->num_sge = 1;
  wqe->flags &= (uint8_t)~VB_SEND_INLINE;
  wqe->rkey = wr->bind_mw.rkey;
  wqe->imm = info->mw_access_flags;
  wr->bind_mw.mw->rkey = wr->bind_mw.rkey;
  return 0;
}

static int fill_datagram(struct vb_send_wqe *wqe, const struct ibv_send_wr *wr) {
  const struct ibv_ah *ah = wr->wr.ud.ah;
  if (!ah) return EINVAL;
  wqe->remote_addr = VB_UD_ADDRESS(ah->dlid, wr->wr.ud.remote_qpn, ah->sl);
  wqe->rkey = wr->wr.ud.remote_qkey;
  return 0;
}

static int fill_payload(const struct ibv_qp *qp, struct vb_send_wqe *wqe, const struct ibv_send_wr *wr) {
  uint8_t *payload = (uint8_t *)wqe + VB_SEND_WQE_HEADER;
  uint32_t bytes = 0;
  if (!(wr->send_flags & IBV_SEND_INLINE)) {
    wqe->num_sge = (uint16_t)wr->num_sge;
    memcpy(payload, wr->sg_list, (size_t)wr->num_sge * sizeof *wr->sg_list);
    return 0;
  }
  for (int i = 0; i < wr->num_sge; i++) {
    if (wr->sg_list[i].length > qp->cap.max_inline_data - bytes) return EINVAL;
    memcpy(payload + bytes, (const void *)(uintptr_t)wr->sg_list[i].addr, wr->sg_list[i].length);
    bytes += wr->sg_list[i].length;
  }
  wqe->inline_len = bytes;
  return 0;
}

static int fill_send(struct ibv_qp *qp, const struct ibv_send_wr *wr) {
  int opcode = opcode_for(wr->opcode);
  if (!opcode || wr->num_sge < 0 || (uint32_t)wr->num_sge > qp->cap.max_send_sge) return EINVAL;
  uint32_t before = qp->hw.sq_tail;
  struct vb_send_wqe *wqe = vb_sq_next(&qp->hw);
  if (!wqe) return ENOMEM;
  uint8_t flags = 0;
  if ((wr->send_flags & IBV_SEND_SIGNALED) || qp->sq_sig_all) flags |= VB_SEND_SIGNALED;
  if (wr->send_flags & IBV_SEND_SOLICITED) flags |= VB_SEND_SOLICITED;
  if (wr->send_flags & IBV_SEND_FENCE) flags |= VB_SEND_FENCE;
  if (wr->send_flags & IBV_SEND_INLINE) flags |= VB_SEND_INLINE;
  *wqe = (struct vb_send_wqe){.wr_id = qp->hw.sq_tail, .opcode = (uint8_t)opcode, .flags = flags, .imm = wr->imm_data,
                              .remote_addr = wr->wr.rdma.remote_addr, .rkey = wr->wr.rdma.rkey};
  qp->sq_ids[before & qp->hw.sq_mask] = wr->wr_id;
  int error = qp->qp_type == IBV_QPT_UD ? fill_datagram(wqe, wr) : 0;
  if (opcode == VB_WR_BIND_MW) error = fill_bind(wqe, wr);
  else if (opcode == VB_WR_ATOMIC_CAS || opcode == VB_WR_ATOMIC_FADD) error = fill_atomic(qp, wqe, wr);
  else if (!error && opcode != VB_WR_LOCAL_INV) error = fill_payload(qp, wqe, wr);
  if (error) qp->hw.sq_tail = before;
  return error;
}

int ibv_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr) {
  int error = qp->state >= IBV_QPS_RTS ? 0 : EINVAL;
  while (wr && !error && (error = fill_send(qp, wr)) == 0) wr = wr->next;
  if (error && bad_wr) *bad_wr = wr;
  if (qp->hw.sq_rung != qp->hw.sq_tail) vb_sq_ring(&qp->hw);
  return error;
}

int ibv_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr) {
  int error = qp->state == IBV_QPS_RESET || qp->srq ? EINVAL : 0;
  for (; wr && !error; wr = wr->next) {
    if (wr->num_sge < 0 || (uint32_t)wr->num_sge > qp->cap.max_recv_sge) {
      error = EINVAL;
      break;
    }
    struct vb_recv_wqe *wqe = vb_rq_next(&qp->hw);
    if (!wqe) {
      error = ENOMEM;
      break;
    }
    *wqe = (struct vb_recv_wqe){.wr_id = wr->wr_id, .num_sge = (uint32_t)wr->num_sge};
    memcpy(wqe + 1, wr->sg_list, (size_t)wr->num_sge * sizeof *wr->sg_list);
  }
  if (error && bad_wr) *bad_wr = wr;
  if (qp->hw.rq_rung != qp->hw.rq_tail) vb_rq_ring(&qp->hw);
  return error;
}
