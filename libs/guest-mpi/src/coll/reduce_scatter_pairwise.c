/*
 * Reduce-scatter in pairs. For operations that commute, any counts.
 * In step k each process sends the block of the one k further and adds what comes from the one k before to its own block.
 * Cost: (p - 1) alpha + (p - 1)/p n (beta + gamma), n bytes in all blocks together.
 */
#include "coll.h"

void vbmpi_reduce_scatter_pairwise(void *work, void *in, const struct vbmpi_vector *counts, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  ptrdiff_t extent = reduction->layout.extent, start = 0;
  for (int i = 0; i < rank; i++) start += (ptrdiff_t)vbmpi_element(counts, i);
  size_t mine = (size_t)vbmpi_element(counts, rank);
  uint8_t *own = vbmpi_at(work, start, extent);
  void *other = vbmpi_typed_scratch(mine, &reduction->layout);
  for (int step = 1; step < size; step++) {
    int dest = (rank + step) % size, source = (rank - step + size) % size;
    ptrdiff_t at = 0;
    for (int i = 0; i < dest; i++) at += (ptrdiff_t)vbmpi_element(counts, i);
    vbmpi_coll_sendrecv(vbmpi_at(work, at, extent), (size_t)vbmpi_element(counts, dest), reduction->type, dest, other, mine, reduction->type, source, comm);
    vbmpi_coll_reduce(reduction, other, own, mine);
  }
  vbmpi_coll_copy(own, mine, reduction->type, in, mine, reduction->type);
  vbmpi_typed_free(other, &reduction->layout);
}
