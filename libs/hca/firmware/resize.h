/*
 * Moves a completion queue to another ring while others complete into it (InfiniBand vol. 1, section 11.2.8.4). Producers take entries by compare-and-swap on
 * `head`; it is put so far ahead that the queue looks full to each of them, whatever he has read of it before. What was taken until then is waited for and copied; then
 * `head` is put back. A producer that found the queue full meanwhile looks again when it is ready (cq_take).
 */
#ifndef VBF_RESIZE_H
#define VBF_RESIZE_H

#include "cq.h"

#define RESIZE_AHEAD 0x40000000u
#define RESIZE_FULL 1u     /* more completions are there than the new ring has entries */
#define RESIZE_BUSY 2u     /* one that was begun does not end, or the queue is broken */

static uint32_t cq_entry(const struct vbf_cq *cq, uint32_t index) { return cq->ring_addr + (index & cq->mask) * (uint32_t)sizeof(struct vb_cqe); }

static bool cq_filled(const struct vbf_cq *cq, uint32_t index) {
  uint32_t addr = cq_entry(cq, index) + 60;
  for (uint32_t i = 0; i < RESIZE_SPINS / 4; i++)
    if ((cq->slot == own_slot() ? own_generation(addr) : PEER_GENERATION(cq->slot)(addr)) == index + 1) return true;
  return false;
}

static void cq_resume(struct vbf_cq *cq) {
  uint32_t head = cq->resume_head;
  if ((int32_t)(load32(&cq->consumer) - head) > 0) store32(&cq->consumer, head); /* a doorbell that believed the head */
  store32(&cq->head, head);
  store32(&cq->state, VBF_CQ_READY);
  cq->resizer = 0;
}

/* Copies what is not consumed. The ring is checked, and this thread reaches its memory. */
static uint32_t cq_resize(struct vbf_cq *cq, uint32_t ring, uint32_t entries) {
  if (load32(&cq->state) != VBF_CQ_READY) return RESIZE_BUSY;
  uint32_t consumer = load32(&cq->consumer), head = load32(&cq->head), result = 0;
  cq->resizer = own_thread() + 1;
  do cq->resume_head = head;
  while (!__atomic_compare_exchange_n(&cq->head, &head, head + RESIZE_AHEAD, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  store32(&cq->state, VBF_CQ_RESIZING);
  if (head - consumer > entries) result = RESIZE_FULL;
  for (uint32_t i = consumer; result == 0 && i != head; i++) {
    if (!cq_filled(cq, i)) result = RESIZE_BUSY;
    else move(cq->slot, ring + (i & (entries - 1)) * (uint32_t)sizeof(struct vb_cqe), cq->slot, cq_entry(cq, i), sizeof(struct vb_cqe));
  }
  if (result == 0) {
    cq->ring_addr = ring;
    cq->mask = entries - 1;
  }
  cq_resume(cq);
  return result;
}

/* The thread was ended meanwhile: the queue goes on in the ring that it has. */
static void recover_resize(uint32_t thread) {
  for (uint32_t i = 0; i < load32(&header()->cq_high); i++) {
    struct vbf_cq *cq = cq_at(i);
    if (cq->resizer == thread + 1 && load32(&cq->state) == VBF_CQ_RESIZING) cq_resume(cq);
  }
}

#endif
