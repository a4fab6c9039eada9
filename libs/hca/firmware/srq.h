/* Shared receive queues (InfiniBand vol. 1, section 10.2.9): a message takes the oldest request, whichever QP it came to. */
#ifndef VBF_SRQ_H
#define VBF_SRQ_H

#include "lock.h"
#include "cq.h"

static inline struct vbf_srq *srq_at(uint32_t number) { return (struct vbf_srq *)VBF_SRQ_ADDR + (number % VBF_SRQS); }

/* Copies the oldest request into the QP's responder line. The caller holds the lock of the QP's responder. False when there is none. */
static bool srq_take(struct vbf_qp *qp) {
  struct vbf_srq *srq = srq_at(qp->srq);
  lock_take(&srq->lock);
  uint32_t left = load32(&srq->tail) - srq->head;
  if (left == 0) {
    lock_drop(&srq->lock);
    return false;
  }
  uint32_t *words = (uint32_t *)self()->scratch;
  fetch(words, srq->slot, srq->ring_addr + (srq->head & srq->mask) * srq->stride, srq->stride);
  srq->head++;
  qp->next_wr_id = words[0] | (uint64_t)words[1] << 32;
  qp->next_sges = words[2];
  qp->next_addr = words[4] | (uint64_t)words[5] << 32;
  qp->next_length = words[6];
  qp->next_lkey = words[7];
  for (uint32_t i = 8; i < srq->stride / 4; i++) qp->more[i - 8] = words[i];
  qp->rq_seen = qp->rq_head + 1;
  qp->next_valid = 1;
  bool low = srq->limit != 0 && left - 1 < srq->limit;
  if (low) srq->limit = 0;
  uint32_t number = srq->srqn;
  lock_drop(&srq->lock);
  if (low) event_post(srq->slot, srq->epoch, VB_EVENT_SRQ_LIMIT_REACHED, number);
  return true;
}

/* VB_UAR_SRQ: a tail beyond the ring means nothing. True when some QP's sender waits for a request. */
static bool srq_posted(struct vbf_srq *srq, uint32_t tail) {
  lock_take(&srq->lock);
  if (tail - srq->head <= srq->mask + 1) store32(&srq->tail, tail);
  lock_drop(&srq->lock);
  return load32(&srq->starving) != 0 && __atomic_exchange_n(&srq->starving, 0, __ATOMIC_SEQ_CST) != 0;
}

#endif
