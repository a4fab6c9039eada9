/* Graphs that every process knows whole (MPI-3.1, section 7.5.3). No reordering. */
#include <string.h>

#include "env/error.h"
#include "topo.h"

#define GRAPH(c, comm, function)    \
  VBMPI_COMM(c, comm, function)     \
  if (c->topology == 0 || c->topology->kind != MPI_GRAPH) return vbmpi_fail(c, MPI_ERR_TOPOLOGY, function, "communicator %s has no graph topology", c->name);

static int check(struct vbmpi_comm *c, int nodes, const int index[], const int edges[], const char *function) {
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "an inter-communicator cannot have a topology");
  if (nodes < 0 || nodes > c->size) return vbmpi_fail(c, MPI_ERR_ARG, function, "%d nodes for the %d ranks of communicator %s", nodes, c->size, c->name);
  for (int i = 0; i < nodes; i++)
    if (index[i] < (i ? index[i - 1] : 0)) return vbmpi_fail(c, MPI_ERR_ARG, function, "index %d is smaller than the one before", i);
  for (int i = 0; i < (nodes ? index[nodes - 1] : 0); i++)
    if (edges[i] < 0 || edges[i] >= nodes) return vbmpi_fail(c, MPI_ERR_ARG, function, "edge %d leads to node %d of %d", i, edges[i], nodes);
  return MPI_SUCCESS;
}

int PMPI_Graph_create(MPI_Comm comm, int nodes, const int index[], const int edges[], int reorder, MPI_Comm *made) {
  VBMPI_COMM(c, comm, "MPI_Graph_create")
  (void)reorder;
  int result = check(c, nodes, index, edges, "MPI_Graph_create");
  if (result == MPI_SUCCESS) result = vbmpi_comm_split(c, c->rank < nodes ? 0 : MPI_UNDEFINED, c->rank, "MPI_Graph_create", made);
  if (result || *made == MPI_COMM_NULL) return result;
  size_t many = (size_t)index[nodes - 1];
  struct vbmpi_topology *graph = vbmpi_topology_new(MPI_GRAPH, (size_t)nodes + many);
  if (graph == 0) return vbmpi_fail(c, MPI_ERR_NO_MEM, "MPI_Graph_create", "no memory for %zu edges", many);
  graph->nodes = nodes;
  graph->index = graph->block;
  graph->edges = graph->block + nodes;
  memcpy(graph->index, index, (size_t)nodes * sizeof(int));
  memcpy(graph->edges, edges, many * sizeof(int));
  vbmpi_comm_of(*made)->topology = graph;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Graph_create)

int PMPI_Graphdims_get(MPI_Comm comm, int *nodes, int *edges) {
  GRAPH(c, comm, "MPI_Graphdims_get")
  *nodes = c->topology->nodes;
  *edges = c->topology->index[c->topology->nodes - 1];
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Graphdims_get)

int PMPI_Graph_get(MPI_Comm comm, int max_index, int max_edges, int index[], int edges[]) {
  GRAPH(c, comm, "MPI_Graph_get")
  const struct vbmpi_topology *graph = c->topology;
  for (int i = 0; i < graph->nodes && i < max_index; i++) index[i] = graph->index[i];
  for (int i = 0; i < graph->index[graph->nodes - 1] && i < max_edges; i++) edges[i] = graph->edges[i];
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Graph_get)

int PMPI_Graph_neighbors_count(MPI_Comm comm, int rank, int *count) {
  GRAPH(c, comm, "MPI_Graph_neighbors_count")
  if (rank < 0 || rank >= c->size) return vbmpi_fail(c, MPI_ERR_RANK, "MPI_Graph_neighbors_count", "invalid rank %d (communicator %s has %d)", rank, c->name, c->size);
  *count = c->topology->index[rank] - (rank ? c->topology->index[rank - 1] : 0);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Graph_neighbors_count)

int PMPI_Graph_neighbors(MPI_Comm comm, int rank, int max, int neighbors[]) {
  GRAPH(c, comm, "MPI_Graph_neighbors")
  int count;
  int result = PMPI_Graph_neighbors_count(comm, rank, &count);
  if (result) return result;
  if (max < count) return vbmpi_fail(c, MPI_ERR_ARG, "MPI_Graph_neighbors", "room for %d of %d neighbours", max, count);
  memcpy(neighbors, c->topology->edges + c->topology->index[rank] - count, (size_t)count * sizeof(int));
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Graph_neighbors)

int PMPI_Graph_map(MPI_Comm comm, int nodes, const int index[], const int edges[], int *rank) {
  VBMPI_COMM(c, comm, "MPI_Graph_map")
  int result = check(c, nodes, index, edges, "MPI_Graph_map");
  if (result == MPI_SUCCESS) *rank = c->rank < nodes ? c->rank : MPI_UNDEFINED;
  return result;
}
VBMPI_ALIAS(Graph_map)
