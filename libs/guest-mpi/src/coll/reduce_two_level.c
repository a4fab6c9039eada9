/*
 * Reduce within the hosts, and then between one rank of each. Where several hosts have several ranks each, for operations whose result does not depend on the order, since that follows
 * where the ranks are: a result must not change when they move (MPI-3.1, section 5.9.1, advice to implementors).
 * Cost: lg (p / h) (alpha' + n beta' + n gamma) within the hosts, lg h (alpha + n beta + n gamma) between them.
 */
#include <stdlib.h>

#include "among.h"

void vbmpi_reduce_two_level(void *inout, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm) {
  const struct vbmpi_locality *l = comm->locality;
  int *list = vbmpi_scratch((size_t)l->hosts * sizeof *list);
  struct vbmpi_among leaders = vbmpi_among_leaders(l, comm, root, list), host = vbmpi_among_host(l, comm, root);
  vbmpi_reduce_among(inout, count, reduction, &host, comm);
  if (leaders.place >= 0) vbmpi_reduce_among(inout, count, reduction, &leaders, comm);
  free(list);
}
