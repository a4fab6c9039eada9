/* Catches: graph topologies that lose or reorder edges, and neighbourhood collectives that put data in another neighbour's place (chapter 7). */
#include "check.h"

/* A ring with one chord from every rank to rank 0. */
static void graph(void) {
  int *index = malloc((size_t)ranks * sizeof *index), *edges = malloc(3 * (size_t)ranks * sizeof *edges), used = 0;
  for (int i = 0; i < ranks; i++) {
    edges[used++] = (i + 1) % ranks;
    edges[used++] = (i - 1 + ranks) % ranks;
    if (i > 1) edges[used++] = 0;
    index[i] = used;
  }
  MPI_Comm comm;
  int status, nodes, all, count, near[3], mine = me > 1 ? 3 : 2;
  MPI_Graph_create(MPI_COMM_WORLD, ranks, index, edges, 0, &comm);
  MPI_Topo_test(comm, &status);
  CHECK(status == MPI_GRAPH, "topology %d", status);
  MPI_Graphdims_get(comm, &nodes, &all);
  CHECK(nodes == ranks && all == used, "%d nodes and %d edges", nodes, all);
  MPI_Graph_neighbors_count(comm, me, &count);
  MPI_Graph_neighbors(comm, me, 3, near);
  CHECK(count == mine && near[0] == (me + 1) % ranks && near[1] == (me - 1 + ranks) % ranks, "%d neighbours, %d first", count, near[0]);
  int *other_index = malloc((size_t)ranks * sizeof *other_index), *other_edges = malloc((size_t)used * sizeof *other_edges);
  MPI_Graph_get(comm, ranks, used, other_index, other_edges);
  CHECK(memcmp(index, other_index, (size_t)ranks * sizeof *index) == 0 && memcmp(edges, other_edges, (size_t)used * sizeof *edges) == 0, "another graph");
  MPI_Comm copy;
  MPI_Comm_dup(comm, &copy);
  MPI_Graph_neighbors_count(copy, me, &count);
  CHECK(count == mine, "%d neighbours in the copy", count);
  MPI_Comm_free(&copy);
  MPI_Comm_free(&comm);
  free(index);
  free(edges);
  free(other_index);
  free(other_edges);
}

/* Everyone sends to the next two and receives from the two before, with weights. */
static void dist_graph(int adjacent) {
  int out[2] = {(me + 1) % ranks, (me + 2) % ranks}, in[2] = {(me - 1 + ranks) % ranks, (me - 2 + 2 * ranks) % ranks}, weights[2] = {10 + me, 20 + me};
  int in_weights[2] = {10 + in[0], 20 + in[1]}, indegree, outdegree, weighted, got_in[2], got_out[2], w_in[2], w_out[2], two = 2;
  MPI_Comm comm;
  if (adjacent) {
    MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, 2, in, in_weights, 2, out, weights, MPI_INFO_NULL, 0, &comm);
  } else {
    MPI_Dist_graph_create(MPI_COMM_WORLD, 1, &me, &two, out, weights, MPI_INFO_NULL, 0, &comm);
  }
  MPI_Dist_graph_neighbors_count(comm, &indegree, &outdegree, &weighted);
  CHECK(indegree == 2 && outdegree == 2 && weighted, "%d in, %d out", indegree, outdegree);
  MPI_Dist_graph_neighbors(comm, 2, got_in, w_in, 2, got_out, w_out);
  int swapped = got_in[0] != in[0];
  CHECK(got_in[swapped] == in[0] && got_in[!swapped] == in[1], "sources %d %d", got_in[0], got_in[1]);
  if (ranks > 2)
    for (int i = 0; i < 2; i++) CHECK(w_in[i] == (got_in[i] == in[0] ? 10 : 20) + got_in[i] && w_out[i] == weights[got_out[i] != out[0]], "weights %d %d", w_in[i], w_out[i]);
  int send[2] = {100 * me, 100 * me + 1}, receive[2] = {-1, -1}, all[2] = {-1, -1};
  MPI_Request request;
  MPI_Neighbor_allgather(&me, 1, MPI_INT, all, 1, MPI_INT, comm);
  CHECK(all[0] == got_in[0] && all[1] == got_in[1], "allgather %d %d", all[0], all[1]);
  MPI_Ineighbor_alltoall(send, 1, MPI_INT, receive, 1, MPI_INT, comm, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  if (ranks > 2)
    for (int i = 0; i < 2; i++) CHECK(receive[i] == 100 * got_in[i] + (got_in[i] != in[0]), "alltoall %d from %d", receive[i], got_in[i]);
  int counts[2] = {1, 1}, displs[2] = {1, 0};
  MPI_Neighbor_alltoallv(send, counts, displs, MPI_INT, receive, counts, displs, MPI_INT, comm);
  if (ranks > 2)
    for (int i = 0; i < 2; i++) CHECK(receive[displs[i]] == 100 * got_in[i] + 1 - (got_in[i] != in[0]), "alltoallv %d from %d", receive[i], got_in[i]);
  MPI_Comm_free(&comm);
}

/* A line: the ends have neighbours that do not exist, whose places stay as they are. */
static void grid(void) {
  int period = 0, receive[2] = {-7, -7}, send[2] = {10 * me, 10 * me + 1};
  MPI_Comm comm;
  MPI_Cart_create(MPI_COMM_WORLD, 1, &ranks, &period, 0, &comm);
  MPI_Neighbor_alltoall(send, 1, MPI_INT, receive, 1, MPI_INT, comm);
  CHECK(receive[0] == (me ? 10 * (me - 1) + 1 : -7), "from the left %d", receive[0]);
  CHECK(receive[1] == (me < ranks - 1 ? 10 * (me + 1) : -7), "from the right %d", receive[1]);
  MPI_Comm_free(&comm);
  period = 1;
  MPI_Cart_create(MPI_COMM_WORLD, 1, &ranks, &period, 0, &comm);
  MPI_Aint displs[2] = {0, sizeof(int)};
  int counts[2] = {1, 1};
  MPI_Datatype types[2] = {MPI_INT, MPI_INT};
  MPI_Neighbor_alltoallw(send, counts, displs, types, receive, counts, displs, types, comm);
  int left = (me - 1 + ranks) % ranks, right = (me + 1) % ranks;
#ifndef VERBENA_MPI
  if (ranks > 2) /* other libraries differ where both neighbours are one process */
#endif
    CHECK(receive[0] == 10 * left + 1 && receive[1] == 10 * right, "around the ring: %d %d", receive[0], receive[1]);
  MPI_Comm_free(&comm);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  graph();
  if (ranks > 1) dist_graph(0);
  if (ranks > 1) dist_graph(1);
  grid();
  return end();
}
