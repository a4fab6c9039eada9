/*
 * Broadcast to one rank of each host, and from there within the hosts. Where several hosts have several ranks each: the data comes to a host once.
 * Cost: lg h (alpha + n beta) between h hosts, then lg (p / h) (alpha' + n beta') within them.
 */
#include <stdlib.h>

#include "among.h"

void vbmpi_bcast_two_level(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm) {
  const struct vbmpi_locality *l = comm->locality;
  int *list = vbmpi_scratch((size_t)l->hosts * sizeof *list);
  struct vbmpi_among leaders = vbmpi_among_leaders(l, comm, root, list), host = vbmpi_among_host(l, comm, root);
  if (leaders.place >= 0) vbmpi_bcast_among(buf, count, type, &leaders, comm);
  vbmpi_bcast_among(buf, count, type, &host, comm);
  free(list);
}
