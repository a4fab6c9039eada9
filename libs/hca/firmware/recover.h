/*
 * A thread can be ended at any function entry or loop inside the firmware. Afterwards the main thread finishes what it began: the entry of a
 * CQ that it had reserved is filled, its locks are released, and the connections on which it worked go to the error state at both ends.
 */
#ifndef VBF_RECOVER_H
#define VBF_RECOVER_H

#include "resize.h"
#include "timer.h"

static void recover_completion(struct vbf_thread *dead) {
  if (dead->note_cq == 0) return;
  struct vbf_cq *cq = cq_at(dead->note_cq - 1);
  uint32_t index = dead->note_index;
  dead->note_cq = 0;
  if (cq->state == VBF_CQ_FREE || !reachable(cq->slot, cq->epoch)) return;
  uint32_t addr = cq->ring_addr + (index & cq->mask) * (uint32_t)sizeof(struct vb_cqe) + 60;
  uint32_t generation = cq->slot == own_slot() ? own_generation(addr) : PEER_GENERATION(cq->slot)(addr);
  if (generation == index + 1) return;
  struct completion c = {.wr_id = dead->note_wr_id, .qpn = dead->note_qpn, .opcode = (uint8_t)dead->note_opcode, .status = VB_WC_WR_FLUSH_ERR};
  cq_fill(cq, index, &c);
}

/* A link whose lock the thread held is in a state that nobody knows: its connection is given up, and what it carried is sent again. */
static void recover_links(uint32_t number) {
  uint32_t high = load32(&header()->link_high);
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_link *link = link_at(i);
    if (load32(&link->tx_lock) >> 1 == number + 1) lock_drop(&link->tx_lock);
    if (load32(&link->io_lock) >> 1 != number + 1) continue;
    link_break(link, VBF_FAULT_THREAD, 0);
    lock_drop(&link->io_lock);
    wire_ring();
  }
}

static void recover_thread(uint32_t number) {
  struct vbf_thread *dead = (struct vbf_thread *)(uintptr_t)(VBF_THREAD_ADDR + number * VBF_THREAD_STRIDE);
  recover_completion(dead);
  recover_resize(number);
  recover_links(number);
  for (uint32_t i = 0; i < load32(&header()->srq_high); i++)
    if (load32(&srq_at(i)->lock) >> 1 == number + 1) lock_drop(&srq_at(i)->lock);
  store32(&dead->invalidating, 0);
  dead->arbitrating = 0;
  for (uint32_t i = 0; i < VBF_PORTS && port_at(i)->state != 0; i++)
    if (load32(&port_at(i)->lock) >> 1 == number + 1) lock_drop(&port_at(i)->lock);
  uint32_t high = load32(&header()->qp_high);
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_qp *qp = qp_at(i);
    if (load32(&qp->rq_lock) >> 1 == number + 1) {
      qp_fail(qp);
      lock_drop(&qp->rq_lock);
      flush_deferred();
    }
    if (load32(&qp->sq_lock) >> 1 != number + 1) continue;
    struct vbf_qp *peer = qp_at(qp->dest_qpn);
    qp_fail(qp);
    if (qp->dest_qpn != 0 && peer->dest_qpn == qp->qpn) qp_fail(peer);
    lock_drop(&qp->sq_lock);
    flush_deferred();
  }
}

#endif
