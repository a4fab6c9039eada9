/*
 * Allgather after Bruck et al. (1997). For short blocks when p is not a power of two.
 * Blocks are kept rotated so that one's own is first; round k fetches up to 2^k blocks from the process 2^k further.
 * Cost: lg alpha + (p - 1) n beta, and a copy of p n at the end.
 */
#include "coll.h"

void vbmpi_allgather_bruck(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  size_t block = count * layout.size;
  uint8_t *bytes = vbmpi_coll_scratch(block * (size_t)size);
  vbmpi_coll_copy(vbmpi_at(in, (ptrdiff_t)count * rank, layout.extent), count, type, bytes, block, MPI_BYTE);
  for (int have = 1; have < size; have *= 2) {
    int many = have < size - have ? have : size - have;
    int to = (rank - have + size) % size, from = (rank + have) % size;
    vbmpi_coll_sendrecv(bytes, block * (size_t)many, MPI_BYTE, to, bytes + block * (size_t)have, block * (size_t)many, MPI_BYTE, from, comm);
  }
  for (int i = 1; i < size; i++)
    vbmpi_coll_copy(bytes + block * (size_t)i, block, MPI_BYTE, vbmpi_at(in, (ptrdiff_t)count * ((rank + i) % size), layout.extent), count, type);
  vbmpi_coll_free(bytes);
}
