/*
 * Reduce along a binomial tree. For MPI_Reduce of any length.
 * Every step combines neighbouring spans of ranks, the lower on the left, so operations that do not commute are right too: they run
 * towards rank 0, which hands the result to the root.
 * Cost: lg (alpha + n beta + n gamma).
 */
#include "coll.h"

void vbmpi_reduce_binomial(void *inout, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm) {
  int size = comm->size, top = reduction->commutes ? root : 0, place = (comm->rank - top + size) % size;
  void *other = vbmpi_typed_scratch(count, &reduction->layout);
  for (int bit = 1; bit < size; bit *= 2) {
    if (place & bit) {
      vbmpi_coll_send(inout, count, reduction->type, (place - bit + top) % size, comm);
      break;
    }
    if (place + bit >= size) continue;
    vbmpi_coll_recv(other, count, reduction->type, (place + bit + top) % size, comm);
    if (reduction->commutes) {
      vbmpi_coll_reduce(reduction, other, inout, count);
    } else {
      /* inout = inout op other, and kernels compute right = left op right. */
      vbmpi_coll_reduce(reduction, inout, other, count);
      vbmpi_coll_copy(other, count, reduction->type, inout, count, reduction->type);
    }
  }
  vbmpi_typed_free(other, &reduction->layout);
  if (top == root) return;
  if (comm->rank == top) vbmpi_coll_send(inout, count, reduction->type, root, comm);
  if (comm->rank == root) vbmpi_coll_recv(inout, count, reduction->type, top, comm);
}
