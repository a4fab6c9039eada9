/* Processor sets, beside what the C library has of <sched.h>: a guest has one virtual CPU, number 0. */
#include_next <sched.h>
#ifndef VERBENA_SCHED_H
#define VERBENA_SCHED_H

#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CPU_SETSIZE 1024
typedef struct cpu_set_t {
  unsigned long bits[CPU_SETSIZE / (8 * sizeof(unsigned long))];
} cpu_set_t;

#define VB_CPU_WORD_BITS (8 * sizeof(unsigned long))
#define CPU_ZERO(set) ((void)memset((set), 0, sizeof(cpu_set_t)))
#define CPU_SET(cpu, set) ((void)((set)->bits[(cpu) / VB_CPU_WORD_BITS] |= 1ul << ((cpu) % VB_CPU_WORD_BITS)))
#define CPU_CLR(cpu, set) ((void)((set)->bits[(cpu) / VB_CPU_WORD_BITS] &= ~(1ul << ((cpu) % VB_CPU_WORD_BITS))))
#define CPU_ISSET(cpu, set) (((set)->bits[(cpu) / VB_CPU_WORD_BITS] >> ((cpu) % VB_CPU_WORD_BITS)) & 1ul)
#define CPU_COUNT(set) vb_cpu_count(set)

static inline int vb_cpu_count(const cpu_set_t *set) {
  int count = 0;
  for (size_t word = 0; word < sizeof set->bits / sizeof set->bits[0]; word++) count += __builtin_popcountl(set->bits[word]);
  return count;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
int sched_getcpu(void);

#ifdef __cplusplus
}
#endif
#endif
