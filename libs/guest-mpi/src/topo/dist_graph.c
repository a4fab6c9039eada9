/* Graphs of which each process knows its own edges (MPI-3.1, section 7.5.4). No reordering. */
#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "env/error.h"
#include "topo.h"

#define DIST(c, comm, function)     \
  VBMPI_COMM(c, comm, function)     \
  if (c->topology == 0 || c->topology->kind != MPI_DIST_GRAPH) \
    return vbmpi_fail(c, MPI_ERR_TOPOLOGY, function, "communicator %s has no distributed graph topology", c->name);

static int check_ranks(struct vbmpi_comm *c, int n, const int ranks[], const char *function) {
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "an inter-communicator cannot have a topology");
  if (n < 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "negative number of edges %d", n);
  for (int i = 0; i < n; i++)
    if (ranks[i] < 0 || ranks[i] >= c->size) return vbmpi_fail(c, MPI_ERR_RANK, function, "invalid rank %d (communicator %s has %d)", ranks[i], c->name, c->size);
  return MPI_SUCCESS;
}

static struct vbmpi_topology *topology_new(int incoming, int outgoing, bool weighted) {
  struct vbmpi_topology *graph = vbmpi_topology_new(MPI_DIST_GRAPH, 2 * (size_t)(incoming + outgoing));
  if (graph == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Dist_graph_create", "no memory for %d edges", incoming + outgoing);
  graph->incoming = incoming;
  graph->outgoing = outgoing;
  graph->weighted = weighted;
  graph->sources = graph->block;
  graph->source_weights = graph->sources + incoming;
  graph->dests = graph->source_weights + incoming;
  graph->dest_weights = graph->dests + outgoing;
  return graph;
}

static void copy(int *to, const int *from, int n) {
  if (n > 0 && from != 0) memcpy(to, from, (size_t)n * sizeof(int));
}

int PMPI_Dist_graph_create_adjacent(MPI_Comm comm, int indegree, const int sources[], const int sourceweights[], int outdegree, const int dests[],
                                    const int destweights[], MPI_Info info, int reorder, MPI_Comm *made) {
  const char *function = "MPI_Dist_graph_create_adjacent";
  VBMPI_COMM(c, comm, function)
  (void)info;
  (void)reorder;
  int result = check_ranks(c, indegree, sources, function);
  if (result == MPI_SUCCESS) result = check_ranks(c, outdegree, dests, function);
  if (result == MPI_SUCCESS) result = vbmpi_comm_split(c, 0, c->rank, function, made);
  if (result) return result;
  bool weighted = sourceweights != MPI_UNWEIGHTED;
  struct vbmpi_topology *graph = topology_new(indegree, outdegree, weighted);
  copy(graph->sources, sources, indegree);
  copy(graph->dests, dests, outdegree);
  if (weighted && sourceweights != MPI_WEIGHTS_EMPTY) copy(graph->source_weights, sourceweights, indegree);
  if (weighted && destweights != MPI_WEIGHTS_EMPTY && destweights != MPI_UNWEIGHTED) copy(graph->dest_weights, destweights, outdegree);
  vbmpi_comm_of(*made)->topology = graph;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Dist_graph_create_adjacent)

struct edge {
  int source, dest, weight;
};

/* Every process gets all edges that anyone named, in order of the process that named them, and keeps its own. */
static struct edge *gather_edges(struct vbmpi_comm *c, const struct edge *mine, int count, size_t *total) {
  int *counts = vbmpi_scratch(2 * (size_t)c->size * sizeof *counts), *displs = counts + c->size;
  int ints = 3 * count;
  vbmpi_allgather(&ints, 1, MPI_INT, counts, 1, MPI_INT, c);
  int sum = 0;
  for (int i = 0; i < c->size; i++) {
    displs[i] = sum;
    sum += counts[i];
  }
  struct edge *all = vbmpi_scratch((size_t)sum * sizeof(int));
  if (count) memcpy((int *)all + displs[c->rank], mine, (size_t)count * sizeof *mine);
  struct vbmpi_blocks blocks = {.base = all, .counts = VBMPI_VECTOR(counts), .displs = VBMPI_VECTOR(displs), .type = MPI_INT};
  vbmpi_allgather_ring(&blocks, c);
  free(counts);
  *total = (size_t)sum / 3;
  return all;
}

static struct vbmpi_topology *own_edges(const struct vbmpi_comm *c, const struct edge *all, size_t total, bool weighted) {
  int incoming = 0, outgoing = 0;
  for (size_t i = 0; i < total; i++) {
    incoming += all[i].dest == c->rank;
    outgoing += all[i].source == c->rank;
  }
  struct vbmpi_topology *graph = topology_new(incoming, outgoing, weighted);
  int in = 0, out = 0;
  for (size_t i = 0; i < total; i++) {
    if (all[i].dest == c->rank) {
      graph->sources[in] = all[i].source;
      graph->source_weights[in++] = all[i].weight;
    }
    if (all[i].source == c->rank) {
      graph->dests[out] = all[i].dest;
      graph->dest_weights[out++] = all[i].weight;
    }
  }
  return graph;
}

int PMPI_Dist_graph_create(MPI_Comm comm, int n, const int sources[], const int degrees[], const int dests[], const int weights[], MPI_Info info,
                           int reorder, MPI_Comm *made) {
  const char *function = "MPI_Dist_graph_create";
  VBMPI_COMM(c, comm, function)
  (void)info;
  (void)reorder;
  int result = check_ranks(c, n, sources, function), count = 0;
  for (int i = 0; i < n && result == MPI_SUCCESS; i++) {
    if (degrees[i] < 0) result = vbmpi_fail(c, MPI_ERR_ARG, function, "negative degree %d at index %d", degrees[i], i);
    count += degrees[i];
  }
  if (result == MPI_SUCCESS) result = check_ranks(c, count, dests, function);
  if (result) return result;
  bool weighted = weights != MPI_UNWEIGHTED;
  struct edge *mine = vbmpi_scratch((size_t)count * sizeof *mine);
  for (int i = 0, e = 0; i < n; i++)
    for (int d = 0; d < degrees[i]; d++, e++)
      mine[e] = (struct edge){sources[i], dests[e], weighted && weights != MPI_WEIGHTS_EMPTY ? weights[e] : 0};
  VBMPI_COLLECTIVE(function, c)
  size_t total;
  struct edge *all = gather_edges(c, mine, count, &total);
  result = vbmpi_coll_leave();
  free(mine);
  if (result == MPI_SUCCESS) result = vbmpi_comm_split(c, 0, c->rank, function, made);
  if (result == MPI_SUCCESS) vbmpi_comm_of(*made)->topology = own_edges(c, all, total, weighted);
  free(all);
  return result;
}
VBMPI_ALIAS(Dist_graph_create)

int PMPI_Dist_graph_neighbors_count(MPI_Comm comm, int *indegree, int *outdegree, int *weighted) {
  DIST(c, comm, "MPI_Dist_graph_neighbors_count")
  *indegree = c->topology->incoming;
  *outdegree = c->topology->outgoing;
  *weighted = c->topology->weighted;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Dist_graph_neighbors_count)

int PMPI_Dist_graph_neighbors(MPI_Comm comm, int max_in, int sources[], int sourceweights[], int max_out, int dests[], int destweights[]) {
  DIST(c, comm, "MPI_Dist_graph_neighbors")
  const struct vbmpi_topology *graph = c->topology;
  int in = max_in < graph->incoming ? max_in : graph->incoming, out = max_out < graph->outgoing ? max_out : graph->outgoing;
  if (in < 0 || out < 0) return vbmpi_fail(c, MPI_ERR_ARG, "MPI_Dist_graph_neighbors", "negative room for neighbours");
  copy(sources, graph->sources, in);
  copy(dests, graph->dests, out);
  if (graph->weighted && sourceweights != MPI_UNWEIGHTED) copy(sourceweights, graph->source_weights, in);
  if (graph->weighted && destweights != MPI_UNWEIGHTED) copy(destweights, graph->dest_weights, out);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Dist_graph_neighbors)
