/*
 * Memory windows of type 2 (InfiniBand vol. 1, section 10.6.7): bound to a range of a region and to a QP by a work request, taken back by one of the owner or
 * of the peer. A window's binding is changed under the sq_lock of the QP to which it is bound, or under that of the QP at its other end.
 */
#ifndef VBF_WINDOW_H
#define VBF_WINDOW_H

#include "flush.h"

/* The window of this key that belongs to the QP's domain and protection domain, or null. */
static struct vbf_mr *window_of(const struct vbf_qp *qp, uint32_t key) {
  struct vbf_mr *mr = mr_at(key);
  return key != 0 && load32(&mr->key) == key && mr->kind == VBF_MR_WINDOW && mr->slot == qp->slot && mr->window_pd == qp->pd ? mr : 0;
}

static bool window_unbind(struct vbf_mr *window, uint32_t qpn) {
  if (window->length == 0 || window->qpn != qpn) return false;
  struct vbf_mr *region = mr_at(window->parent);
  window->length = 0;
  window->qpn = 0;
  if (load32(&region->key) == window->parent && region->slot == window->slot) __atomic_fetch_sub(&region->windows, 1, __ATOMIC_SEQ_CST);
  return true;
}

/* The peer of `qp` gives a window back, with its message. The caller holds the lock under which all accesses through this QP happen. */
static bool window_invalidate(const struct vbf_qp *qp, uint32_t key) {
  struct vbf_mr *window = window_of(qp, key);
  return window != 0 && window_unbind(window, qp->qpn);
}

/*
 * Waits until whoever works under `lock` now has finished, without taking it: the caller holds another. Who waits in the same way copies nothing,
 * so that two who wait for each other go on. A lock of a dead thread is released by the main thread.
 */
static void await_others(uint32_t *lock) {
  struct vbf_thread *me = self();
  uint32_t held = load32(lock) >> 1;
  store32(&me->invalidating, 1);
  for (uint32_t slept = 0; held != 0 && slept < 2000; slept++) {
    uint32_t now = load32(lock);
    const struct vbf_thread *owner = (struct vbf_thread *)(uintptr_t)(VBF_THREAD_ADDR + (held - 1) % VBF_THREADS * VBF_THREAD_STRIDE);
    if (now >> 1 != held || load32(&owner->invalidating) != 0 || held == lock_owner() >> 1) break;
    __builtin_wasm_memory_atomic_wait32((int *)lock, (int)now, LOCK_SLEEP_NS);
  }
  store32(&me->invalidating, 0);
}

/* VB_WR_LOCAL_INV. When it completes nobody reads or writes through the window any more. */
static uint8_t window_withdraw(struct vbf_qp *qp, uint32_t key) {
  struct vbf_mr *window = window_of(qp, key);
  if (window == 0 || !window_unbind(window, qp->qpn)) return VB_WC_MW_BIND_ERR;
  if (qp->link == 0) await_others(responder_lock(qp)); /* over a link, accesses happen under the lock that we hold */
  return VB_WC_SUCCESS;
}

#define WINDOW_RIGHTS (VB_ACCESS_REMOTE_WRITE | VB_ACCESS_REMOTE_READ | VB_ACCESS_REMOTE_ATOMIC)

/* VB_WR_BIND_MW (vol. 1, section 11.4.1.2): of a window that is not bound, to a range of a region that allows it. */
static uint8_t window_bind(struct vbf_qp *qp, uint32_t key, uint32_t rights, const struct vb_sge *range) {
  struct vbf_mr *window = mr_at(key);
  struct vbf_mr *region = mr_at(range->lkey);
  uint32_t needed = VB_ACCESS_MW_BIND | (rights & (VB_ACCESS_REMOTE_WRITE | VB_ACCESS_REMOTE_ATOMIC) ? VB_ACCESS_LOCAL_WRITE : 0);
  uint32_t old = load32(&window->key);
  if (old == 0 || old >> 8 != key >> 8 || window_of(qp, old) != window || window->length != 0) return VB_WC_MW_BIND_ERR;
  if ((rights & ~WINDOW_RIGHTS) != 0 || range->length == 0) return VB_WC_MW_BIND_ERR;
  if (!tpt_allows(range->lkey, qp->slot, qp->pd, needed, range->addr, range->length)) return VB_WC_MW_BIND_ERR;
  __atomic_fetch_add(&region->windows, 1, __ATOMIC_SEQ_CST); /* from here on it cannot be deregistered; it may have been until now */
  if (!tpt_allows(range->lkey, qp->slot, qp->pd, needed, range->addr, range->length)) {
    __atomic_fetch_sub(&region->windows, 1, __ATOMIC_SEQ_CST);
    return VB_WC_MW_BIND_ERR;
  }
  window->access = rights;
  window->addr = range->addr;
  window->parent = range->lkey;
  window->qpn = qp->qpn;
  window->length = range->length;
  store32(&window->key, key);
  return VB_WC_SUCCESS;
}

#endif
