/* Partitions (InfiniBand vol. 1, section 10.9): two members may talk unless both are limited. */
#ifndef VBF_PARTITION_H
#define VBF_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#define VBF_PKEY_FULL 0x8000u

/* Keys as they stand in the tables: above the 16 bits of the standard a limited member has its slot. */
static inline bool pkeys_match(uint32_t a, uint32_t b) {
  return ((a ^ b) & 0x7fffu) == 0 && (a & 0x7fffu) != 0 && ((a | b) & VBF_PKEY_FULL) != 0;
}

#endif
