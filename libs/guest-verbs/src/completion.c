/* Completion queues and channels. */
#include "command.h"

#define FOREVER UINT64_MAX

static void sleep_until(uint32_t seen, uint64_t timeout_ns) { vb_hypercall_block(VB_HC_BLOCK, seen, (uint32_t)timeout_ns, (uint32_t)(timeout_ns >> 32), 0); }

const struct vb_cqe *vb_cq_wait(struct vb_cq *cq, uint32_t polls, uint64_t timeout_ns) {
  const struct vb_cqe *cqe;
  for (uint32_t i = 0; i < polls; i++)
    if ((cqe = vb_cq_peek(cq)) != 0) return cqe;
  for (;;) {
    uint32_t seen = vb_event_count();
    vb_event_take(1u << VB_CHANNEL_CQ);
    vb_cq_arm(cq);
    if ((cqe = vb_cq_peek(cq)) != 0) return cqe;
    int32_t result = vb_hypercall_block(VB_HC_BLOCK, seen, (uint32_t)timeout_ns, (uint32_t)(timeout_ns >> 32), 0);
    if ((cqe = vb_cq_peek(cq)) != 0) return cqe;
    if (result != 0) return 0;
  }
}

struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context) {
  struct ibv_comp_channel *channel = calloc(1, sizeof *channel);
  if (channel) channel->context = context;
  return channel;
}

int ibv_destroy_comp_channel(struct ibv_comp_channel *channel) {
  if (channel->refcnt != 0) return EBUSY;
  free(channel);
  return 0;
}

struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context, struct ibv_comp_channel *channel, int comp_vector) {
  if (cqe < 1 || (uint32_t)cqe > context->info.max_cqe || comp_vector != 0) {
    errno = EINVAL;
    return 0;
  }
  uint32_t entries = vb_power_of_two((uint32_t)cqe);
  struct ibv_cq *cq = calloc(1, sizeof *cq);
  struct vb_cqe *ring = vb_ring(entries * sizeof *ring);
  struct vb_create_cq_in in = {.ring_addr = (uintptr_t)ring, .entries = entries};
  struct vb_cmd_handle out;
  int error = cq && ring ? vb_command(VB_CMD_CREATE_CQ, &in, sizeof in, &out) : ENOMEM;
  if (error) {
    free(ring);
    free(cq);
    errno = error;
    return 0;
  }
  *cq = (struct ibv_cq){.context = context, .channel = channel, .cq_context = cq_context, .cqe = (int)entries,
                        .hw = {.ring = ring, .mask = entries - 1, .cqn = out.handle}};
  cq->sibling = context->cqs;
  context->cqs = cq;
  if (channel) {
    cq->next = channel->cqs;
    channel->cqs = cq;
    channel->refcnt++;
  }
  return cq;
}

int ibv_destroy_cq(struct ibv_cq *cq) {
  int error = vb_destroy(cq->context, VB_CMD_DESTROY_CQ, cq->hw.cqn);
  if (error) return error;
  struct ibv_cq **sibling = &cq->context->cqs;
  while (*sibling != cq) sibling = &(*sibling)->sibling;
  *sibling = cq->sibling;
  if (cq->channel) {
    struct ibv_cq **link = &cq->channel->cqs;
    while (*link != cq) link = &(*link)->next;
    *link = cq->next;
    cq->channel->refcnt--;
  }
  free(cq->hw.ring);
  free(cq);
  return 0;
}

struct ibv_qp *vb_find_qp(struct ibv_context *context, uint32_t qpn) {
  struct ibv_qp *qp = context->qps;
  while (qp && qp->qp_num != qpn) qp = qp->next;
  return qp;
}

static enum ibv_wc_opcode opcode_of(uint8_t opcode) {
  switch (opcode) {
    case VB_WC_RECV: return IBV_WC_RECV;
    case VB_WC_RECV_RDMA_IMM: return IBV_WC_RECV_RDMA_WITH_IMM;
    case VB_WR_RDMA_WRITE:
    case VB_WR_RDMA_WRITE_IMM: return IBV_WC_RDMA_WRITE;
    case VB_WR_RDMA_READ: return IBV_WC_RDMA_READ;
    case VB_WR_ATOMIC_CAS: return IBV_WC_COMP_SWAP;
    case VB_WR_ATOMIC_FADD: return IBV_WC_FETCH_ADD;
    case VB_WR_LOCAL_INV: return IBV_WC_LOCAL_INV;
    case VB_WR_BIND_MW: return IBV_WC_BIND_MW;
    default: return IBV_WC_SEND;
  }
}

/* A send's completion names its slot count, which frees all slots before it; the caller's wr_id was kept aside (queue_pair.c). */
static void take(struct ibv_cq *cq, const struct vb_cqe *cqe, struct ibv_wc *wc) {
  struct ibv_qp *qp = vb_find_qp(cq->context, cqe->qpn);
  *wc = (struct ibv_wc){.wr_id = cqe->wr_id, .status = (enum ibv_wc_status)cqe->status, .opcode = opcode_of(cqe->opcode), .vendor_err = cqe->vendor_err,
                        .byte_len = cqe->byte_len, .imm_data = cqe->imm, .qp_num = cqe->qpn, .slid = cqe->slid,
                        .wc_flags = cqe->flags & VB_CQE_F_IMM ? IBV_WC_WITH_IMM : cqe->flags & VB_CQE_F_INVALIDATED ? IBV_WC_WITH_INV : 0};
  if (!qp) return;
  if (cqe->opcode & 128) {
    if (qp->srq) qp->srq->done++;
    else qp->hw.rq_head++;
    if (qp->qp_type == IBV_QPT_UD) {
      if (cqe->flags & VB_CQE_F_GRH) wc->wc_flags |= IBV_WC_GRH;
      memcpy(&wc->src_qp, cqe->inline_data, 4);
      wc->sl = cqe->inline_data[4];
    }
  } else {
    uint32_t count = (uint32_t)cqe->wr_id;
    wc->wr_id = qp->sq_ids[(count - 1) & qp->hw.sq_mask];
    vb_sq_completed(&qp->hw, count);
  }
  if (cqe->status == VB_WC_SUCCESS) return;
  if (qp->qp_type == IBV_QPT_RC || (cqe->opcode & 128)) qp->state = IBV_QPS_ERR;
  else if (cqe->status != VB_WC_WR_FLUSH_ERR) qp->state = IBV_QPS_SQE;
}

int ibv_poll_cq(struct ibv_cq *cq, int num_entries, struct ibv_wc *wc) {
  int taken = 0;
  const struct vb_cqe *cqe;
  while (taken < num_entries && (cqe = vb_cq_peek(&cq->hw)) != 0) {
    take(cq, cqe, &wc[taken++]);
    vb_cq_pop(&cq->hw);
  }
  if (taken == 0) vb_look_at_links(cq->context);
  return taken;
}

int ibv_req_notify_cq(struct ibv_cq *cq, int solicited_only) {
  cq->armed = solicited_only ? 2 : 1;
  if (solicited_only) vb_cq_arm_solicited(&cq->hw);
  else vb_cq_arm(&cq->hw);
  return 0;
}

/* Whether there is what the CQ was armed for. */
static int worth_an_event(const struct ibv_cq *cq) {
  struct vb_cq look = cq->hw;
  const struct vb_cqe *cqe;
  for (; (cqe = vb_cq_peek(&look)) != 0; look.consumer++)
    if (cq->armed == 1 || cqe->status != VB_WC_SUCCESS || (cqe->flags & VB_CQE_F_SOLICITED)) return 1;
  return 0;
}

int ibv_resize_cq(struct ibv_cq *cq, int cqe) {
  if (cqe < 1 || (uint32_t)cqe > cq->context->info.max_cqe) return EINVAL;
  uint32_t entries = vb_power_of_two((uint32_t)cqe);
  struct vb_cqe *ring = vb_ring(entries * sizeof *ring);
  if (!ring) return ENOMEM;
  struct vb_resize_cq_in in = {.cqn = cq->hw.cqn, .entries = entries, .ring_addr = (uintptr_t)ring};
  vb_uar_write(VB_UAR_CQ_CI, cq->hw.cqn, cq->hw.consumer);
  int error = vb_command(VB_CMD_RESIZE_CQ, &in, sizeof in, 0);
  free(error ? ring : cq->hw.ring);
  if (error) return error;
  cq->hw.ring = ring;
  cq->hw.mask = entries - 1;
  cq->cqe = (int)entries;
  return 0;
}

int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context) {
  for (;;) {
    uint32_t seen = vb_event_count();
    vb_event_take(1u << VB_CHANNEL_CQ);
    for (struct ibv_cq *each = channel->cqs; each; each = each->next) {
      if (!each->armed || !worth_an_event(each)) continue;
      each->armed = 0;
      each->events++;
      *cq = each;
      *cq_context = each->cq_context;
      return 0;
    }
    sleep_until(seen, FOREVER);
  }
}

void ibv_ack_cq_events(struct ibv_cq *cq, unsigned int nevents) {
  cq->acked += nevents;
}
