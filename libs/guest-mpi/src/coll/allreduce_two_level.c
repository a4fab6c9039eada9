/*
 * Allreduce within the hosts, between one rank of each, and back. As for a reduce, for operations whose result does not depend on the order.
 * Cost: 2 lg (p / h) (alpha' + n beta') within the hosts, 2 lg h (alpha + n beta) between them, and n gamma for each step on the way up.
 */
#include "among.h"

void vbmpi_allreduce_two_level(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  vbmpi_reduce_two_level(inout, count, reduction, 0, comm);
  vbmpi_bcast_two_level(inout, count, reduction->type, 0, comm);
}
