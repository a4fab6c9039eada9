/* Completion queues: producers reserve an entry by compare-and-swap on `head`, fill it, and store its generation last. */
#ifndef VBF_CQ_H
#define VBF_CQ_H

#include "memory.h"

struct completion {
  uint64_t wr_id;
  uint32_t qpn, byte_len, imm;
  uint8_t opcode, status, flags;
  uint16_t slid;
  uint64_t data[4];
};

/* Takes the next entry and notes what goes into it. `head` may be old by the time that `consumer` is read, and then the consumer may even be
 * ahead of it: that is no overrun, the exchange fails and all begins again. There is neither a call nor a loop between the exchange and the last note, hence no
 * point at which the thread could be ended: an entry is either not taken or known (recover.h). */
static inline __attribute__((always_inline)) bool cq_reserve(struct vbf_cq *cq, uint64_t wr_id, uint32_t qpn, uint32_t opcode, uint32_t *index) {
  struct vbf_thread *me = self();
  uint32_t head = load32(&cq->head);
  do {
    if (UNLIKELY((int32_t)(head - load32(&cq->consumer)) > (int32_t)cq->mask)) return false;
  } while (!__atomic_compare_exchange_n(&cq->head, &head, head + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  me->note_index = head;
  me->note_wr_id = wr_id;
  me->note_qpn = qpn;
  me->note_opcode = opcode;
  me->note_cq = (uint32_t)(cq - (struct vbf_cq *)VBF_CQ_ADDR) + 1;
  *index = head;
  return true;
}

/* The entry was not to be had. While the queue is moved to another ring that means nothing. */
#define RESIZE_SPINS 20000000u
static __attribute__((noinline)) bool cq_reserve_late(struct vbf_cq *cq, uint64_t wr_id, uint32_t qpn, uint32_t opcode, uint32_t *index) {
  for (uint32_t i = 0; i < RESIZE_SPINS && load32(&cq->state) == VBF_CQ_RESIZING; i++) {}
  return load32(&cq->state) == VBF_CQ_READY && cq_reserve(cq, wr_id, qpn, opcode, index);
}

/* Takes the next entry of a queue that works. */
static inline __attribute__((always_inline)) bool cq_take(struct vbf_cq *cq, uint64_t wr_id, uint32_t qpn, uint32_t opcode, uint32_t *index) {
  if (LIKELY(cq->state == VBF_CQ_READY && cq_reserve(cq, wr_id, qpn, opcode, index))) return true;
  return cq_reserve_late(cq, wr_id, qpn, opcode, index);
}

#define ARMED_FOR_ALL 1u
#define ARMED_FOR_SOLICITED 2u

/* Raises the event for which the queue is armed, if this completion is one that is waited for. */
static __attribute__((noinline)) void cq_wake(struct vbf_cq *cq, const struct completion *c) {
  bool solicited = c->status != VB_WC_SUCCESS || (c->flags & VB_CQE_F_SOLICITED);
  if (load32(&cq->armed) == ARMED_FOR_SOLICITED && !solicited) return;
  if (__atomic_exchange_n(&cq->armed, 0, __ATOMIC_SEQ_CST) != 0) raise(cq->slot, VB_CHANNEL_CQ);
}

static inline __attribute__((always_inline)) void cq_fill(struct vbf_cq *cq, uint32_t index, const struct completion *c) {
  uint32_t addr = cq->ring_addr + (index & cq->mask) * (uint32_t)sizeof(struct vb_cqe);
  uint64_t w1 = (uint64_t)c->qpn | (uint64_t)c->byte_len << 32;
  uint64_t w2 = (uint64_t)c->imm | (uint64_t)c->opcode << 32 | (uint64_t)c->status << 40 | (uint64_t)c->flags << 48;
  uint64_t last = (uint64_t)c->slid | (uint64_t)(index + 1) << 32;
  if (cq->slot == own_slot()) own_push(addr, c->wr_id, w1, w2, c->data[0], c->data[1], c->data[2], c->data[3], last);
  else PEER_PUSH(cq->slot)(addr, c->wr_id, w1, w2, c->data[0], c->data[1], c->data[2], c->data[3], last);
  self()->note_cq = 0;
  /* The store of the generation was sequentially consistent: either we see the consumer armed, or it sees our entry when it arms. */
  if (UNLIKELY(load32(&cq->armed) != 0)) cq_wake(cq, c);
}

/* Posts an asynchronous event for a domain whose memory is in reach. */
static __attribute__((noinline)) void event_post(uint32_t slot, uint32_t epoch, uint32_t type, uint32_t number) {
  struct vbf_domain *domain = domain_at(slot);
  if (!reachable(slot, epoch)) return;
  struct vbf_cq *cq = cq_at(domain->event_cq);
  uint32_t index;
  if (domain->event_cq != 0) {
    if (cq->cqn == domain->event_cq && reachable(cq->slot, cq->epoch) && cq_take(cq, number, number, VB_WC_EVENT, &index)) {
      struct completion c = {.wr_id = number, .qpn = number, .imm = type, .opcode = VB_WC_EVENT};
      cq_fill(cq, index, &c);
    } else {
      domain->lost_events++;
    }
  }
  raise(slot, VB_CHANNEL_ASYNC);
}

/* A CQ that overflows is broken for good (InfiniBand vol. 1, section 11.6.3.1): entries in it stay, no more are added. */
static __attribute__((noinline)) void cq_overrun(struct vbf_cq *cq) {
  if (cq->state != VBF_CQ_READY) return;
  cq->state = VBF_CQ_OVERRUN;
  event_post(cq->slot, cq->epoch, VB_EVENT_CQ_ERR, cq->cqn);
}

/* Completes the request that `head` counts. Taking the entry and counting belong together, as in cq_reserve: a request is counted exactly
 * when its completion is certain, even if the thread ends here. */
static inline bool cq_complete(uint32_t cq_number, const struct completion *c, uint32_t *request) {
  struct vbf_cq *cq = cq_at(cq_number);
  uint32_t index;
  if (UNLIKELY(!cq_take(cq, c->wr_id, c->qpn, c->opcode, &index))) {
    ++*request;
    cq_overrun(cq);
    return false;
  }
  ++*request;
  cq_fill(cq, index, c);
  return true;
}

/* VB_UAR_CQ_CI: only numbers between the last and the newest entry mean anything. */
static inline void cq_consumed(struct vbf_cq *cq, uint32_t consumer) {
  uint32_t old = load32(&cq->consumer);
  if (consumer - old <= load32(&cq->head) - old) store32(&cq->consumer, consumer);
}

/* VB_UAR_CQ_ARM_SOLICITED: what is there already is looked at by the guest, after it has armed the queue. */
static void cq_arm_solicited(struct vbf_cq *cq, uint32_t consumer) {
  cq_consumed(cq, consumer);
  store32(&cq->armed, ARMED_FOR_SOLICITED);
}

/* VB_UAR_CQ_ARM */
static void cq_arm(struct vbf_cq *cq, uint32_t consumer) {
  cq_consumed(cq, consumer);
  store32(&cq->armed, ARMED_FOR_ALL);
  uint32_t addr = cq->ring_addr + (consumer & cq->mask) * (uint32_t)sizeof(struct vb_cqe);
  if (own_generation(addr + 60) == consumer + 1 && __atomic_exchange_n(&cq->armed, 0, __ATOMIC_SEQ_CST) != 0) own_raise(1u << VB_CHANNEL_CQ);
}

#endif
