/* Asynchronous events: they lie in a completion queue of their own (VB_CMD_SET_EVENTS), one for all contexts of the program. */
#include "command.h"

#define ENTRIES 256u

static _Alignas(64) struct vb_cqe ring[ENTRIES];
static struct vb_cq queue;
static int users;

/* Events are a comfort: a program that has no completion queue left for them runs without. */
void vb_events_begin(void) {
  if (users++ != 0) return;
  memset(ring, 0, sizeof ring);
  struct vb_create_cq_in in = {.ring_addr = (uintptr_t)ring, .entries = ENTRIES};
  struct vb_cmd_handle out;
  if (vb_command(VB_CMD_CREATE_CQ, &in, sizeof in, &out)) return;
  queue = (struct vb_cq){.ring = ring, .mask = ENTRIES - 1, .cqn = out.handle};
  out.reserved = 0;
  vb_command(VB_CMD_SET_EVENTS, &out, sizeof out, 0);
}

void vb_events_end(void) {
  if (--users != 0 || queue.cqn == 0) return;
  struct vb_cmd_handle in = {.handle = queue.cqn};
  vb_command(VB_CMD_DESTROY_CQ, &in, sizeof in, 0);
  queue.cqn = 0;
}

static int of_srq(uint32_t type) { return type == VB_EVENT_SRQ_LIMIT_REACHED; }
static int of_port(uint32_t type) { return type >= VB_EVENT_DEVICE_FATAL && type <= VB_EVENT_SM_CHANGE; }

/* False when what it is about is gone. */
static int name_element(struct ibv_context *context, uint32_t type, uint32_t number, struct ibv_async_event *event) {
  event->event_type = (enum ibv_event_type)type;
  if (type == VB_EVENT_DEVICE_FATAL) context->lost = 1;
  if (of_port(type)) {
    event->element.port_num = 1;
    return 1;
  }
  if (type == VB_EVENT_CQ_ERR) {
    struct ibv_cq *cq = context->cqs;
    while (cq && cq->hw.cqn != number) cq = cq->sibling;
    return (event->element.cq = cq) != 0;
  }
  if (of_srq(type)) {
    struct ibv_srq *srq = context->srqs;
    while (srq && srq->handle != number) srq = srq->next;
    return (event->element.srq = srq) != 0;
  }
  return (event->element.qp = vb_find_qp(context, number)) != 0;
}

int vb_poll_async_event(struct ibv_context *context, struct ibv_async_event *event) {
  const struct vb_cqe *cqe;
  while (queue.cqn != 0 && (cqe = vb_cq_peek(&queue)) != 0) {
    int there = cqe->opcode == VB_WC_EVENT && cqe->status == VB_WC_SUCCESS && name_element(context, cqe->imm, cqe->qpn, event);
    vb_cq_pop(&queue);
    if (there) return 0;
  }
  vb_look_at_links(context);
  return EAGAIN;
}

int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event) {
  for (;;) {
    uint32_t seen = vb_event_count();
    vb_event_take(1u << VB_CHANNEL_ASYNC);
    if (queue.cqn != 0) vb_cq_arm(&queue);
    if (vb_poll_async_event(context, event) == 0) return 0;
    vb_hypercall_block(VB_HC_BLOCK, seen, UINT32_MAX, UINT32_MAX, 0);
  }
}

void ibv_ack_async_event(struct ibv_async_event *event) { (void)event; }
