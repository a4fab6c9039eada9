/* Shared receive queues: set-up by command, posting by doorbell. */
#include "command.h"

static uint32_t entries_for(uint32_t stride) { return (stride - VB_RECV_WQE_HEADER) / (uint32_t)sizeof(struct vb_sge); }

struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *init) {
  uint32_t entries = vb_power_of_two(init->attr.max_wr ? init->attr.max_wr : 1), stride = init->attr.max_sge > 1 ? 64 : 32;
  struct ibv_srq *srq = calloc(1, sizeof *srq);
  uint8_t *ring = vb_ring((size_t)entries * stride);
  struct vb_create_srq_in in = {.ring_addr = (uintptr_t)ring, .pd = pd->handle, .entries = entries, .stride = stride, .limit = init->attr.srq_limit};
  struct vb_cmd_handle out;
  int error = init->attr.max_sge > entries_for(64) ? EINVAL : !srq || !ring ? ENOMEM : vb_command(VB_CMD_CREATE_SRQ, &in, sizeof in, &out);
  if (error) {
    free(ring);
    free(srq);
    errno = error;
    return 0;
  }
  *srq = (struct ibv_srq){.context = pd->context, .srq_context = init->srq_context, .pd = pd, .handle = out.handle, .ring = ring, .mask = entries - 1,
                          .stride = stride, .next = pd->context->srqs};
  pd->context->srqs = srq;
  init->attr.max_wr = entries;
  init->attr.max_sge = entries_for(stride);
  return srq;
}

int ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask) {
  struct vb_modify_srq_in in = {.srqn = srq->handle, .limit = attr->srq_limit};
  if (mask & ~IBV_SRQ_LIMIT) return mask & IBV_SRQ_MAX_WR ? ENOSYS : EINVAL;
  return mask ? vb_command(VB_CMD_MODIFY_SRQ, &in, sizeof in, 0) : 0;
}

int ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr) {
  struct vb_cmd_handle in = {.handle = srq->handle};
  struct vb_query_srq_out out;
  int error = vb_command(VB_CMD_QUERY_SRQ, &in, sizeof in, &out);
  if (!error) *attr = (struct ibv_srq_attr){.max_wr = out.entries, .max_sge = entries_for(srq->stride), .srq_limit = out.limit};
  return error;
}

int ibv_destroy_srq(struct ibv_srq *srq) {
  int error = vb_destroy(srq->context, VB_CMD_DESTROY_SRQ, srq->handle);
  if (error) return error;
  struct ibv_srq **link = &srq->context->srqs;
  while (*link != srq) link = &(*link)->next;
  *link = srq->next;
  free(srq->ring);
  free(srq);
  return 0;
}

int ibv_post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr) {
  uint32_t before = srq->tail;
  int error = 0;
  for (; wr; wr = wr->next) {
    if (wr->num_sge < 0 || (uint32_t)wr->num_sge > entries_for(srq->stride)) error = EINVAL;
    else if (srq->tail - srq->done > srq->mask) error = ENOMEM;
    if (error) break;
    struct vb_recv_wqe *wqe = (struct vb_recv_wqe *)(srq->ring + (srq->tail++ & srq->mask) * srq->stride);
    *wqe = (struct vb_recv_wqe){.wr_id = wr->wr_id, .num_sge = (uint32_t)wr->num_sge};
    memcpy(wqe + 1, wr->sg_list, (size_t)wr->num_sge * sizeof *wr->sg_list);
  }
  if (error && bad_wr) *bad_wr = wr;
  if (srq->tail != before) vb_uar_write(VB_UAR_SRQ, srq->handle, srq->tail);
  return error;
}
