/*
 * Allgather in a ring. For long blocks, whatever p is, and for MPI_Allgatherv.
 * Each process passes on what it got in the step before; only neighbours talk.
 * Cost: (p - 1) (alpha + n beta).
 */
#include "coll.h"

void vbmpi_allgather_ring(const struct vbmpi_blocks *in, struct vbmpi_comm *comm) {
  int size = comm->size, right = (comm->rank + 1) % size, left = (comm->rank - 1 + size) % size;
  for (int step = 0; step < size - 1; step++) {
    int out = (comm->rank - step + size) % size, next = (comm->rank - step - 1 + size) % size;
    vbmpi_coll_sendrecv(vbmpi_block_at(in, out), vbmpi_block_count(in, out), in->type, right, vbmpi_block_at(in, next), vbmpi_block_count(in, next),
                        in->type, left, comm);
  }
}
