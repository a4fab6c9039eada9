/* Queue pairs: set-up by command, posting by doorbell. */
#include "command.h"

static uint32_t stride_for(uint32_t bytes, uint32_t least, uint32_t most) {
  uint32_t stride = least;
  while (stride < bytes && stride < most) stride *= 2;
  return stride;
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static int check_wish(const struct ibv_context *context, const struct ibv_qp_init_attr *init) {
  const struct ibv_qp_cap *cap = &init->cap;
  if (init->qp_type != IBV_QPT_RC || init->srq || !init->send_cq || !init->recv_cq) return EINVAL;
  if (cap->max_send_wr > context->info.max_qp_wr || cap->max_recv_wr > context->info.max_qp_wr) return EINVAL;
  if (cap->max_send_sge > context->info.max_sge || cap->max_recv_sge > 7 || cap->max_inline_data > context->info.max_inline) return EINVAL;
  return 0;
}

static void release(struct ibv_qp *qp) {
  if (!qp) return;
  free(qp->hw.sq);
  free(qp->hw.rq);
  free(qp->sq_ids);
  free(qp);
}

static int create(struct ibv_qp *qp, struct ibv_qp_init_attr *init) {
  struct ibv_qp_cap *cap = &init->cap;
  uint32_t sq = vb_power_of_two(larger(cap->max_send_wr, 1)), rq = vb_power_of_two(larger(cap->max_recv_wr, 1));
  uint32_t sq_stride = stride_for(VB_SEND_WQE_HEADER + larger(cap->max_inline_data, cap->max_send_sge * 16), 64, 256);
  uint32_t rq_stride = stride_for(VB_RECV_WQE_HEADER + cap->max_recv_sge * 16, 32, 128);
  qp->hw = (struct vb_qp){.sq = vb_ring(sq * sq_stride), .rq = vb_ring(rq * rq_stride), .sq_mask = sq - 1, .rq_mask = rq - 1,
                          .sq_stride = sq_stride, .rq_stride = rq_stride};
  qp->sq_ids = calloc(sq, sizeof *qp->sq_ids);
  if (!qp->hw.sq || !qp->hw.rq || !qp->sq_ids) return ENOMEM;
  struct vb_create_qp_in in = {.pd = qp->pd->handle, .send_cq = init->send_cq->hw.cqn, .recv_cq = init->recv_cq->hw.cqn,
                               .sq_addr = (uintptr_t)qp->hw.sq, .rq_addr = (uintptr_t)qp->hw.rq,
                               .sq_entries = sq, .sq_stride = sq_stride, .rq_entries = rq, .rq_stride = rq_stride};
  struct vb_create_qp_out out;
  int error = vb_command(VB_CMD_CREATE_QP, &in, sizeof in, &out);
  if (error) return error;
  qp->qp_num = qp->hw.qpn = out.qpn;
  *cap = (struct ibv_qp_cap){.max_send_wr = sq, .max_recv_wr = rq, .max_send_sge = (sq_stride - VB_SEND_WQE_HEADER) / 16,
                             .max_recv_sge = (rq_stride - VB_RECV_WQE_HEADER) / 16, .max_inline_data = sq_stride - VB_SEND_WQE_HEADER};
  qp->cap = *cap;
  return 0;
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *init) {
  struct ibv_qp *qp = calloc(1, sizeof *qp);
  int error = qp ? check_wish(pd->context, init) : ENOMEM;
  if (!error) {
    *qp = (struct ibv_qp){.context = pd->context, .qp_context = init->qp_context, .pd = pd, .send_cq = init->send_cq, .recv_cq = init->recv_cq,
                          .state = IBV_QPS_RESET, .qp_type = IBV_QPT_RC, .sq_sig_all = init->sq_sig_all};
    error = create(qp, init);
  }
  if (error) {
    release(qp);
    errno = error;
    return 0;
  }
  qp->next = pd->context->qps;
  pd->context->qps = qp;
  return qp;
}

int ibv_destroy_qp(struct ibv_qp *qp) {
  int error = vb_destroy(VB_CMD_DESTROY_QP, qp->qp_num);
  if (error) return error;
  struct ibv_qp **link = &qp->context->qps;
  while (*link != qp) link = &(*link)->next;
  *link = qp->next;
  release(qp);
  return 0;
}

int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask) {
  struct vb_modify_qp_in in = {.qpn = qp->qp_num, .state = attr->qp_state, .access = attr->qp_access_flags};
  if (attr_mask & IBV_QP_STATE) in.attr_mask |= VB_ATTR_STATE;
  if (attr_mask & IBV_QP_ACCESS_FLAGS) in.attr_mask |= VB_ATTR_ACCESS;
  if (attr_mask & IBV_QP_DEST_QPN) {
    if (!(attr_mask & IBV_QP_AV)) return EINVAL;
    in.attr_mask |= VB_ATTR_DEST;
    in.dest_lid = attr->ah_attr.dlid;
    in.dest_qpn = attr->dest_qp_num;
  }
  if (attr_mask & (IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY)) {
    in.attr_mask |= VB_ATTR_RETRY;
    in.retry_count = attr_mask & IBV_QP_RETRY_CNT ? attr->retry_cnt : 7;
    in.rnr_retry = attr_mask & IBV_QP_RNR_RETRY ? attr->rnr_retry : 7;
  }
  int error = vb_command(VB_CMD_MODIFY_QP, &in, sizeof in, 0);
  if (error || !(attr_mask & IBV_QP_STATE)) return error;
  qp->state = attr->qp_state;
  if (qp->state == IBV_QPS_RESET) {
    qp->hw.sq_tail = qp->hw.sq_rung = qp->hw.sq_head = 0;
    qp->hw.rq_tail = qp->hw.rq_rung = qp->hw.rq_head = 0;
  }
  return 0;
}

int ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask, struct ibv_qp_init_attr *init) {
  struct vb_cmd_handle in = {.handle = qp->qp_num};
  struct vb_query_qp_out out;
  (void)attr_mask;
  int error = vb_command(VB_CMD_QUERY_QP, &in, sizeof in, &out);
  if (error) return error;
  qp->state = (enum ibv_qp_state)out.state;
  *attr = (struct ibv_qp_attr){.qp_state = qp->state, .cur_qp_state = qp->state, .dest_qp_num = out.dest_qpn, .cap = qp->cap, .port_num = 1};
  attr->ah_attr.dlid = (uint16_t)out.dest_lid;
  if (init) {
    *init = (struct ibv_qp_init_attr){.qp_context = qp->qp_context, .send_cq = qp->send_cq, .recv_cq = qp->recv_cq, .cap = qp->cap,
                                      .qp_type = qp->qp_type, .sq_sig_all = qp->sq_sig_all};
  }
  return 0;
}

static int opcode_for(enum ibv_wr_opcode opcode) {
  switch (opcode) {
    case IBV_WR_SEND: return VB_WR_SEND;
    case IBV_WR_SEND_WITH_IMM: return VB_WR_SEND_IMM;
    case IBV_WR_RDMA_WRITE: return VB_WR_RDMA_WRITE;
    case IBV_WR_RDMA_WRITE_WITH_IMM: return VB_WR_RDMA_WRITE_IMM;
    case IBV_WR_RDMA_READ: return VB_WR_RDMA_READ;
    case IBV_WR_ATOMIC_CMP_AND_SWP: return VB_WR_ATOMIC_CAS;
    case IBV_WR_ATOMIC_FETCH_AND_ADD: return VB_WR_ATOMIC_FADD;
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
  int error = opcode >= VB_WR_ATOMIC_CAS ? fill_atomic(qp, wqe, wr) : fill_payload(qp, wqe, wr);
  if (error) qp->hw.sq_tail = before;
  return error;
}

int ibv_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr) {
  int error = qp->state == IBV_QPS_RTS || qp->state == IBV_QPS_ERR ? 0 : EINVAL;
  while (wr && !error && (error = fill_send(qp, wr)) == 0) wr = wr->next;
  if (error && bad_wr) *bad_wr = wr;
  if (qp->hw.sq_rung != qp->hw.sq_tail) vb_sq_ring(&qp->hw);
  return error;
}

int ibv_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr) {
  int error = qp->state == IBV_QPS_RESET ? EINVAL : 0;
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
