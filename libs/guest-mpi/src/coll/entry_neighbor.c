/*
 * Neighbourhood collectives (MPI-3.1, section 7.6): every process sends to its outgoing neighbours and receives from its incoming ones, as
 * the topology of the communicator lists them. All messages are started at once.
 * Cost: d (alpha + n beta) for d neighbours.
 */
#include <stdlib.h>

#include "entry.h"
#include "topo/topo.h"

/* In a grid, what a process sends in the negative direction arrives from the positive one. With one or two processes in a periodic
 * dimension both neighbours are the same process, which sends to the negative side first: so the positive side is received first. */
static int receive_order(const struct vbmpi_topology *topology, int i) { return topology->kind == MPI_CART ? i ^ 1 : i; }

static int run(struct vbmpi_blocks out, struct vbmpi_blocks in, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  if (c->topology == 0) return vbmpi_fail(c, MPI_ERR_TOPOLOGY, call.function, "communicator %s has no topology", c->name);
  struct vbmpi_neighbors near;
  vbmpi_neighbors_of(c, &near);
  int result = vbmpi_check_blocks(c, &out, near.outgoing, call.function);
  if (result == MPI_SUCCESS) result = vbmpi_check_blocks(c, &in, near.incoming, call.function);
  if (result == MPI_SUCCESS && (out.base == MPI_IN_PLACE || in.base == MPI_IN_PLACE))
    result = vbmpi_fail(c, MPI_ERR_BUFFER, call.function, "MPI_IN_PLACE is not allowed here");
  if (result) {
    vbmpi_neighbors_free(&near);
    return result;
  }
  vbmpi_coll_begin(&call, c);
  struct vbmpi_request **requests = vbmpi_scratch((size_t)(near.incoming + near.outgoing) * sizeof *requests);
  int used = 0;
  for (int n = 0; n < near.incoming; n++) {
    int i = receive_order(c->topology, n);
    requests[used++] = vbmpi_coll_irecv(vbmpi_block_at(&in, i), vbmpi_block_count(&in, i), vbmpi_block_type(&in, i), near.sources[i], c);
  }
  for (int i = 0; i < near.outgoing; i++)
    requests[used++] = vbmpi_coll_isend(vbmpi_block_at(&out, i), vbmpi_block_count(&out, i), vbmpi_block_type(&out, i), near.dests[i], c);
  for (int i = 0; i < used; i++) vbmpi_coll_wait(requests[i]);
  free(requests);
  vbmpi_neighbors_free(&near);
  return vbmpi_coll_end(&call);
}

#define SAME(buf, many, kind) ((struct vbmpi_blocks){.base = buf, .counts = VBMPI_REGULAR(many, 0), .displs = VBMPI_REGULAR(0, 0), .type = kind})
#define EQUAL(buf, many, kind) vbmpi_equal_blocks(buf, (size_t)(many), kind)
#define BLOCKS(buf, many, at, kind) ((struct vbmpi_blocks){.base = buf, .counts = VBMPI_VECTOR(many), .displs = VBMPI_VECTOR(at), kind})

VBMPI_ENTRIES(Neighbor_allgather, Ineighbor_allgather, run, SAME(sendbuf, sendcount, sendtype), EQUAL(recvbuf, recvcount, recvtype), comm)
VBMPI_ENTRIES(Neighbor_allgatherv, Ineighbor_allgatherv, run, SAME(sendbuf, sendcount, sendtype), BLOCKS(recvbuf, recvcounts, displs, .type = recvtype), comm)
VBMPI_ENTRIES(Neighbor_alltoall, Ineighbor_alltoall, run, EQUAL(sendbuf, sendcount, sendtype), EQUAL(recvbuf, recvcount, recvtype), comm)
VBMPI_ENTRIES(Neighbor_alltoallv, Ineighbor_alltoallv, run, BLOCKS(sendbuf, sendcounts, sdispls, .type = sendtype),
              BLOCKS(recvbuf, recvcounts, rdispls, .type = recvtype), comm)
VBMPI_ENTRIES(Neighbor_alltoallw, Ineighbor_alltoallw, run, BLOCKS(sendbuf, sendcounts, sdispls, .types = sendtypes),
              BLOCKS(recvbuf, recvcounts, rdispls, .types = recvtypes), comm)
