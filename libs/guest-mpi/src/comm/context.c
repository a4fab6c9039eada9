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

#define WORDS VBMPI_CONTEXT_WORDS
static uint32_t taken[WORDS];

void vbmpi_context_take(int context) { taken[context / 2 / 32] |= 1u << (context / 2 % 32); }
void vbmpi_context_give_back(int context) { taken[context / 2 / 32] &= ~(1u << (context / 2 % 32)); }

void vbmpi_contexts_free(struct vbmpi_comm *comm, uint32_t bits[WORDS]) {
  uint32_t mine[WORDS];
  for (int i = 0; i < WORDS; i++) mine[i] = ~taken[i];
  vbmpi_allreduce(mine, bits, WORDS, MPI_UINT32_T, MPI_BAND, comm);
}

int vbmpi_context_pick(const uint32_t a[WORDS], const uint32_t b[WORDS], int skip) {
  for (int i = 0; i < WORDS; i++) {
    uint32_t common = a[i] & b[i];
    if (skip >= 0 && skip / 2 / 32 == i) common &= ~(1u << (skip / 2 % 32));
    if (common != 0) return (i * 32 + __builtin_ctz(common)) * 2;
  }
  return -1;
}

int vbmpi_context_agree(struct vbmpi_comm *comm) {
  uint32_t all[WORDS];
  if (comm->local) return vbmpi_context_agree_two(comm, 0);
  vbmpi_contexts_free(comm, all);
  return vbmpi_context_pick(all, all, -1);
}

/* Rank 0 of each group tells the other what is free in its own. */
int vbmpi_context_agree_two(struct vbmpi_comm *comm, int *second) {
  uint32_t ours[WORDS], theirs[WORDS];
  vbmpi_contexts_free(comm->local, ours);
  if (comm->rank == 0) vbmpi_coll_sendrecv(ours, WORDS, MPI_UINT32_T, 0, theirs, WORDS, MPI_UINT32_T, 0, comm);
  vbmpi_bcast(theirs, WORDS, MPI_UINT32_T, 0, comm->local);
  int context = vbmpi_context_pick(ours, theirs, -1);
  if (second) *second = vbmpi_context_pick(ours, ours, context);
  return second && *second < 0 ? -1 : context;
}
