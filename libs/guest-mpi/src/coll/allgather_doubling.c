/*
 * Allgather by recursive doubling. For short and medium blocks when p is a power of two.
 * In round k, partners at distance 2^k exchange the 2^k blocks that each has.
 * Cost: lg alpha + (p - 1) n beta.
 */
#include "coll.h"

void vbmpi_allgather_doubling(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  for (int bit = 1; bit < comm->size; bit *= 2) {
    int partner = comm->rank ^ bit, mine = comm->rank & ~(bit - 1), theirs = partner & ~(bit - 1);
    vbmpi_coll_sendrecv(vbmpi_at(in, (ptrdiff_t)count * mine, layout.extent), count * (size_t)bit, type, partner,
                        vbmpi_at(in, (ptrdiff_t)count * theirs, layout.extent), count * (size_t)bit, type, partner, comm);
  }
}
