/*
 * Broadcast along a binomial tree. For short messages, few processes, and types with gaps.
 * A process receives from the one whose number lacks its lowest set bit, and serves those that differ in a lower bit.
 * Cost: lg (alpha + n beta).
 */
#include "coll.h"

void vbmpi_bcast_binomial(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm) {
  int size = comm->size, place = (comm->rank - root + size) % size, bit = 1;
  while (bit < size && !(place & bit)) bit *= 2;
  if (place != 0) vbmpi_coll_recv(buf, count, type, (place - bit + root) % size, comm);
  for (bit /= 2; bit > 0; bit /= 2)
    if (place + bit < size) vbmpi_coll_send(buf, count, type, (place + bit + root) % size, comm);
}
