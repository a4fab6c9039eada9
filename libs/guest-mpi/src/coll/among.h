/* The halves of the two-level algorithms: trees among some of a communicator's ranks, of which each knows the list. */
#ifndef VBMPI_AMONG_H
#define VBMPI_AMONG_H

#include "coll.h"
#include "locality.h"

struct vbmpi_among {
  const int *ranks;
  int count;
  int place;   /* this rank's in the list */
  int root;    /* the root's place */
};

/* The ranks of this host, whose tree begins at `root` if it is one of them, else at the host's leader. */
struct vbmpi_among vbmpi_among_host(const struct vbmpi_locality *locality, const struct vbmpi_comm *comm, int root);
/* One rank of each host, with `root` in its leader's place; `list` has room for all hosts. `place` is -1 for the others. */
struct vbmpi_among vbmpi_among_leaders(const struct vbmpi_locality *locality, const struct vbmpi_comm *comm, int root, int *list);

/* Along a binomial tree: lg (alpha + n beta), and n gamma for each step of the second, whose operation has to be exact. */
void vbmpi_bcast_among(void *buf, size_t count, MPI_Datatype type, const struct vbmpi_among *among, struct vbmpi_comm *comm);
void vbmpi_reduce_among(void *inout, size_t count, const struct vbmpi_reduction *reduction, const struct vbmpi_among *among, struct vbmpi_comm *comm);

#endif
