/* Topologies as objects (MPI-3.1, chapter 7): a grid, a graph that all know whole, or a graph of which each knows its own edges. */
#ifndef VBMPI_TOPO_H
#define VBMPI_TOPO_H

#include "comm/comm.h"

struct vbmpi_topology {
  int kind;             /* MPI_CART, MPI_GRAPH or MPI_DIST_GRAPH */
  int ndims;            /* grid */
  int *dims, *periods, *coords;
  int nodes;            /* graph: neighbours of node i are edges[index[i - 1]] to edges[index[i] - 1] */
  int *index, *edges;
  int incoming, outgoing;   /* distributed graph */
  bool weighted;
  int *sources, *source_weights, *dests, *dest_weights;
  size_t ints;
  int block[];          /* what the pointers point into */
};

/* Room for `ints` integers; NULL without memory. */
struct vbmpi_topology *vbmpi_topology_new(int kind, size_t ints);
struct vbmpi_topology *vbmpi_topology_copy(const struct vbmpi_topology *topology);

/* The neighbours of this process in the order of the neighbourhood collectives; MPI_PROC_NULL beyond the edge of a grid. */
struct vbmpi_neighbors {
  int incoming, outgoing;
  int *sources, *dests;
};
void vbmpi_neighbors_of(const struct vbmpi_comm *comm, struct vbmpi_neighbors *neighbors);
void vbmpi_neighbors_free(struct vbmpi_neighbors *neighbors);

/* Rank at a place of a grid: wraps around in periodic dimensions, MPI_PROC_NULL outside of others. */
int vbmpi_cart_rank(const struct vbmpi_topology *grid, const int coords[]);

#endif
