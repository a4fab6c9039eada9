/*
 * Barrier by dissemination (Hensgen, Finkel, Manber 1988). For every size.
 * In round k each process signals the one 2^k further and waits for the one 2^k before.
 * Cost: lg alpha.
 */
#include "coll.h"

void vbmpi_barrier_dissemination(struct vbmpi_comm *comm) {
  for (int distance = 1; distance < comm->size; distance *= 2) {
    int to = (comm->rank + distance) % comm->size, from = (comm->rank - distance + comm->size) % comm->size;
    vbmpi_coll_sendrecv(0, 0, MPI_BYTE, to, 0, 0, MPI_BYTE, from, comm);
  }
}
