/* The translation and protection table: whether a key gives a domain the right to touch [addr, addr + length). */
#ifndef VBF_TPT_H
#define VBF_TPT_H

#include "memory.h"

static inline bool tpt_allows(uint32_t key, uint32_t slot, uint32_t pd, uint32_t rights, uint64_t addr, uint64_t length) {
  const struct vbf_mr *mr = mr_at(key);
  if (__atomic_load_n(&mr->key, __ATOMIC_SEQ_CST) != key || key == 0) return false;
  if (mr->slot != slot || mr->pd != pd || (mr->access & rights) != rights) return false;
  uint64_t offset = addr - mr->addr;
  return addr >= mr->addr && offset <= mr->length && length <= mr->length - offset;
}

/* The same for a memory window, which only the peer of the QP to which it is bound may use (type 2B, vol. 1, section 10.6.7.2.2). */
static __attribute__((noinline)) bool window_allows(uint32_t key, const struct vbf_qp *qp, uint32_t rights, uint64_t addr, uint64_t length) {
  const struct vbf_mr *mr = mr_at(key);
  if (__atomic_load_n(&mr->key, __ATOMIC_SEQ_CST) != key || key == 0 || mr->kind != VBF_MR_WINDOW || mr->length == 0) return false;
  if (mr->slot != qp->slot || mr->window_pd != qp->pd || mr->qpn != qp->qpn || (mr->access & rights) != rights) return false;
  uint64_t offset = addr - mr->addr;
  return addr >= mr->addr && offset <= mr->length && length <= mr->length - offset;
}

/* Whether the peer of `qp` may touch the memory of its domain by this key. */
static inline bool tpt_allows_remote(uint32_t key, const struct vbf_qp *qp, uint32_t rights, uint64_t addr, uint64_t length) {
  return LIKELY(tpt_allows(key, qp->slot, qp->pd, rights, addr, length)) || window_allows(key, qp, rights, addr, length);
}

#endif
