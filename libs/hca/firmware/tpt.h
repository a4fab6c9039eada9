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

#endif
