/*
 * Context numbers: every communicator owns two, for its point-to-point messages and for its collectives.
 *
 * Members agree by a bitwise AND over the sets of numbers that each has free, and take the lowest that is left. Communicators made by
 * one split are disjoint, so all of them may take the same number.
 */
#include <stdint.h>

#include "coll/coll.h"
#include "comm.h"
#include "env/error.h"

#define WORDS 64
static uint32_t taken[WORDS];

void vbmpi_context_take(int context) { taken[context / 2 / 32] |= 1u << (context / 2 % 32); }
void vbmpi_context_give_back(int context) { taken[context / 2 / 32] &= ~(1u << (context / 2 % 32)); }

int vbmpi_context_agree(struct vbmpi_comm *comm) {
  uint32_t mine[WORDS], all[WORDS];
  for (int i = 0; i < WORDS; i++) mine[i] = ~taken[i];
  vbmpi_allreduce(mine, all, WORDS, MPI_UINT32_T, MPI_BAND, comm);
  for (int i = 0; i < WORDS; i++)
    if (all[i] != 0) return (i * 32 + __builtin_ctz(all[i])) * 2;
  return -1;
}
