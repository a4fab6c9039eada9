#include "topo.h"

#include <stdlib.h>
#include <string.h>

#include "coll/coll.h"
#include "env/error.h"

struct vbmpi_topology *vbmpi_topology_new(int kind, size_t ints) {
  struct vbmpi_topology *topology = calloc(1, sizeof *topology + ints * sizeof(int));
  if (topology == 0) return 0;
  topology->kind = kind;
  topology->ints = ints;
  return topology;
}

static int *moved(int *pointer, const struct vbmpi_topology *from, struct vbmpi_topology *to) {
  return pointer ? to->block + (pointer - from->block) : 0;
}

struct vbmpi_topology *vbmpi_topology_copy(const struct vbmpi_topology *from) {
  size_t bytes = sizeof *from + from->ints * sizeof(int);
  struct vbmpi_topology *to = malloc(bytes);
  if (to == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Comm_dup", "no memory for a topology");
  memcpy(to, from, bytes);
  int **const pointers[] = {&to->dims, &to->periods, &to->coords, &to->index, &to->edges, &to->sources, &to->source_weights, &to->dests, &to->dest_weights};
  for (size_t i = 0; i < sizeof pointers / sizeof pointers[0]; i++) *pointers[i] = moved(*pointers[i], from, to);
  return to;
}

static void grid_neighbors(const struct vbmpi_topology *grid, int ranks[]) {
  for (int d = 0; d < grid->ndims; d++) {
    int here = grid->coords[d];
    grid->coords[d] = here - 1;
    ranks[2 * d] = vbmpi_cart_rank(grid, grid->coords);
    grid->coords[d] = here + 1;
    ranks[2 * d + 1] = vbmpi_cart_rank(grid, grid->coords);
    grid->coords[d] = here;
  }
}

void vbmpi_neighbors_of(const struct vbmpi_comm *comm, struct vbmpi_neighbors *neighbors) {
  const struct vbmpi_topology *topology = comm->topology;
  if (topology->kind == MPI_DIST_GRAPH) {
    *neighbors = (struct vbmpi_neighbors){topology->incoming, topology->outgoing, topology->sources, topology->dests};
    neighbors->sources = vbmpi_scratch((size_t)(topology->incoming + topology->outgoing) * sizeof(int));
    neighbors->dests = neighbors->sources + topology->incoming;
    memcpy(neighbors->sources, topology->sources, (size_t)topology->incoming * sizeof(int));
    memcpy(neighbors->dests, topology->dests, (size_t)topology->outgoing * sizeof(int));
    return;
  }
  int first = 0, count = 2 * topology->ndims;
  if (topology->kind == MPI_GRAPH) {
    first = comm->rank ? topology->index[comm->rank - 1] : 0;
    count = topology->index[comm->rank] - first;
  }
  int *ranks = vbmpi_scratch((size_t)count * sizeof(int));
  if (topology->kind == MPI_GRAPH) {
    memcpy(ranks, topology->edges + first, (size_t)count * sizeof(int));
  } else {
    grid_neighbors(topology, ranks);
  }
  *neighbors = (struct vbmpi_neighbors){count, count, ranks, ranks};
}

void vbmpi_neighbors_free(struct vbmpi_neighbors *neighbors) { free(neighbors->sources); }

int PMPI_Topo_test(MPI_Comm comm, int *status) {
  VBMPI_COMM(c, comm, "MPI_Topo_test")
  *status = c->topology ? c->topology->kind : MPI_UNDEFINED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Topo_test)
