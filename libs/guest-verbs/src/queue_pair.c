/* Queue pairs: set-up by command. */
#include "command.h"

static uint32_t stride_for(uint32_t bytes, uint32_t least, uint32_t most) {
  uint32_t stride = least;
  while (stride < bytes && stride < most) stride *= 2;
  return stride;
}

static uint32_t larger(uint32_t a, uint32_t b) { return a > b ? a : b; }

static int check_wish(const struct ibv_context *context, const struct ibv_qp_init_attr *init) {
  const struct ibv_qp_cap *cap = &init->cap;
  if (init->qp_type < IBV_QPT_RC || init->qp_type > IBV_QPT_UD || !init->send_cq || !init->recv_cq) return EINVAL;
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
  if (qp->srq) rq = 0;
  qp->hw = (struct vb_qp){.sq = vb_ring(sq * sq_stride), .rq = rq ? vb_ring(rq * rq_stride) : 0, .sq_mask = sq - 1, .rq_mask = rq - 1,
                          .sq_stride = sq_stride, .rq_stride = rq_stride};
  qp->sq_ids = calloc(sq, sizeof *qp->sq_ids);
  if (!qp->hw.sq || (rq && !qp->hw.rq) || !qp->sq_ids) return ENOMEM;
  struct vb_create_qp_in in = {.pd = qp->pd->handle, .send_cq = init->send_cq->hw.cqn, .recv_cq = init->recv_cq->hw.cqn,
                               .sq_addr = (uintptr_t)qp->hw.sq, .rq_addr = (uintptr_t)qp->hw.rq,
                               .sq_entries = sq, .sq_stride = sq_stride, .rq_entries = rq, .rq_stride = rq_stride,
                               .type = (uint32_t)init->qp_type, .srq = qp->srq ? qp->srq->handle : 0};
  struct vb_create_qp_out out;
  int error = vb_command(VB_CMD_CREATE_QP, &in, sizeof in, &out);
  if (error) return error;
  qp->qp_num = qp->hw.qpn = out.qpn;
  *cap = (struct ibv_qp_cap){.max_send_wr = sq, .max_recv_wr = rq, .max_send_sge = (sq_stride - VB_SEND_WQE_HEADER) / 16,
                             .max_recv_sge = rq ? (rq_stride - VB_RECV_WQE_HEADER) / 16 : 0, .max_inline_data = sq_stride - VB_SEND_WQE_HEADER};
  qp->cap = *cap;
  return 0;
}

struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *init) {
  struct ibv_qp *qp = calloc(1, sizeof *qp);
  int error = qp ? check_wish(pd->context, init) : ENOMEM;
  if (!error) {
    *qp = (struct ibv_qp){.context = pd->context, .qp_context = init->qp_context, .pd = pd, .send_cq = init->send_cq, .recv_cq = init->recv_cq,
                          .srq = init->srq, .state = IBV_QPS_RESET, .qp_type = init->qp_type, .sq_sig_all = init->sq_sig_all};
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
  int error = vb_destroy(qp->context, VB_CMD_DESTROY_QP, qp->qp_num);
  if (error) return error;
  struct ibv_qp **link = &qp->context->qps;
  while (*link != qp) link = &(*link)->next;
  *link = qp->next;
  release(qp);
  return 0;
}

/* What a transition must name (InfiniBand vol. 1, table 91), by type; everything else may be there or not. */
static const struct { enum ibv_qp_state from, to; int rc, uc, ud; } needs[] = {
    {IBV_QPS_RESET, IBV_QPS_INIT, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS,
     IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY},
    {IBV_QPS_INIT, IBV_QPS_RTR,
     IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER,
     IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN, 0},
    {IBV_QPS_RTR, IBV_QPS_RTS, IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC, IBV_QP_SQ_PSN, IBV_QP_SQ_PSN}};

static int check_mask(const struct ibv_qp *qp, const struct ibv_qp_attr *attr, int mask) {
  if ((mask & IBV_QP_PORT) && attr->port_num != 1) return EINVAL;
  if ((mask & IBV_QP_CUR_STATE) && attr->cur_qp_state != qp->state) return EINVAL;
  if (mask & (IBV_QP_ALT_PATH | IBV_QP_PATH_MIG_STATE | IBV_QP_CAP)) return ENOSYS;
  if (!(mask & IBV_QP_STATE)) return 0;
  for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
    if (needs[i].from != qp->state || needs[i].to != attr->qp_state) continue;
    int needed = qp->qp_type == IBV_QPT_RC ? needs[i].rc : qp->qp_type == IBV_QPT_UC ? needs[i].uc : needs[i].ud;
    return (mask & needed) == needed ? 0 : EINVAL;
  }
  return 0;
}

/* Attributes of the interface, and those of the adapter. */
static void translate(const struct ibv_qp *qp, const struct ibv_qp_attr *attr, int mask, struct vb_modify_qp_in *in) {
  static const struct { int from; uint32_t to; } table[] = {
      {IBV_QP_STATE, VB_ATTR_STATE}, {IBV_QP_ACCESS_FLAGS, VB_ATTR_ACCESS}, {IBV_QP_QKEY, VB_ATTR_QKEY}, {IBV_QP_PKEY_INDEX, VB_ATTR_PKEY_INDEX},
      {IBV_QP_AV, VB_ATTR_SL}, {IBV_QP_PATH_MTU, VB_ATTR_PATH_MTU}, {IBV_QP_SQ_PSN, VB_ATTR_SQ_PSN}, {IBV_QP_RQ_PSN, VB_ATTR_RQ_PSN},
      {IBV_QP_TIMEOUT, VB_ATTR_TIMEOUT}, {IBV_QP_MIN_RNR_TIMER, VB_ATTR_MIN_RNR_TIMER}, {IBV_QP_MAX_QP_RD_ATOMIC, VB_ATTR_MAX_RD_ATOMIC},
      {IBV_QP_MAX_DEST_RD_ATOMIC, VB_ATTR_MAX_DEST_RD_ATOMIC}};
  uint32_t given = 0;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (mask & table[i].from) given |= table[i].to;
  if (mask & IBV_QP_DEST_QPN) given |= VB_ATTR_DEST;
  if (mask & (IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY)) given |= VB_ATTR_RETRY;
  if ((mask & IBV_QP_EN_SQD_ASYNC_NOTIFY) && attr->en_sqd_async_notify) given |= VB_ATTR_SQD_EVENT;
  *in = (struct vb_modify_qp_in){
      .qpn = qp->qp_num, .attr_mask = given, .state = attr->qp_state, .access = attr->qp_access_flags, .dest_lid = attr->ah_attr.dlid,
      .dest_qpn = attr->dest_qp_num, .retry_count = mask & IBV_QP_RETRY_CNT ? attr->retry_cnt : 7, .rnr_retry = mask & IBV_QP_RNR_RETRY ? attr->rnr_retry : 7,
      .qkey = attr->qkey, .sq_psn = attr->sq_psn & 0xffffffu, .rq_psn = attr->rq_psn & 0xffffffu, .pkey_index = attr->pkey_index, .sl = attr->ah_attr.sl,
      .path_mtu = (uint8_t)attr->path_mtu, .timeout = attr->timeout, .min_rnr_timer = attr->min_rnr_timer, .max_rd_atomic = attr->max_rd_atomic,
      .max_dest_rd_atomic = attr->max_dest_rd_atomic};
}

int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask) {
  struct vb_modify_qp_in in;
  if ((attr_mask & IBV_QP_DEST_QPN) && !(attr_mask & IBV_QP_AV)) return EINVAL;
  int error = check_mask(qp, attr, attr_mask);
  if (error) return error;
  translate(qp, attr, attr_mask, &in);
  error = vb_command(VB_CMD_MODIFY_QP, &in, sizeof in, 0);
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
  struct vb_query_qp_attr_out out;
  (void)attr_mask;
  int error = vb_command(VB_CMD_QUERY_QP_ATTR, &in, sizeof in, &out);
  if (error) return error;
  qp->state = (enum ibv_qp_state)out.state;
  *attr = (struct ibv_qp_attr){
      .qp_state = qp->state, .cur_qp_state = qp->state, .path_mtu = (enum ibv_mtu)out.path_mtu, .qkey = out.qkey, .rq_psn = out.rq_psn,
      .sq_psn = out.sq_psn, .dest_qp_num = out.dest_qpn, .qp_access_flags = out.access, .cap = qp->cap, .pkey_index = out.pkey_index,
      .sq_draining = (uint8_t)out.draining, .max_rd_atomic = out.max_rd_atomic, .max_dest_rd_atomic = out.max_dest_rd_atomic,
      .min_rnr_timer = out.min_rnr_timer, .port_num = 1, .timeout = out.timeout, .retry_cnt = (uint8_t)out.retry_count, .rnr_retry = (uint8_t)out.rnr_retry,
      .ah_attr = {.dlid = (uint16_t)out.dest_lid, .sl = out.sl, .port_num = 1}};
  if (init) {
    *init = (struct ibv_qp_init_attr){.qp_context = qp->qp_context, .send_cq = qp->send_cq, .recv_cq = qp->recv_cq, .srq = qp->srq, .cap = qp->cap,
                                      .qp_type = qp->qp_type, .sq_sig_all = qp->sq_sig_all};
  }
  return 0;
}

