/* Entry points of the collectives that move data (MPI-3.1, sections 5.3 to 5.8): checks, MPI_IN_PLACE, choice of algorithm. */
#include <stdlib.h>

#include "coll.h"
#include "device/wait.h"
#include "env/error.h"

#define LONG_BCAST 65536u        /* bytes from which a broadcast is scattered first */
#define SHORT_TREE 2048u         /* bytes per block up to which gather and scatter use a tree */
#define SHORT_BLOCK 1024u        /* bytes per block up to which all-to-all uses Bruck's algorithm */
#define LONG_ALLGATHER 65536u    /* bytes in all from which an allgather goes round a ring */

static size_t bytes_of(size_t count, MPI_Datatype type) {
  struct vbmpi_layout layout;
  return vbmpi_layout_of(type, false, &layout) ? 0 : count * layout.size;
}

void vbmpi_barrier(struct vbmpi_comm *comm) { vbmpi_barrier_dissemination(comm); }

int PMPI_Barrier(MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Barrier")
  VBMPI_COLLECTIVE("MPI_Barrier", c)
  vbmpi_barrier(c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Barrier)

void vbmpi_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  size_t bytes = count * layout.size;
  /* The type may differ between processes while its signature does not, so only the number of bytes may choose the algorithm. */
  if (bytes < LONG_BCAST || comm->size < 4) {
    vbmpi_bcast_binomial(buf, count, type, root, comm);
  } else if (layout.contiguous) {
    vbmpi_bcast_scatter_ring((uint8_t *)buf + layout.true_lb, bytes, root, comm);
  } else {
    uint8_t *packed = vbmpi_scratch(bytes);
    if (comm->rank == root) vbmpi_pack(packed, buf, count, &layout);
    vbmpi_bcast_scatter_ring(packed, bytes, root, comm);
    if (comm->rank != root) vbmpi_unpack(buf, packed, bytes, count, &layout);
    free(packed);
  }
}

int PMPI_Bcast(void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Bcast")
  int result = vbmpi_check_root(c, root, "MPI_Bcast");
  if (result == MPI_SUCCESS) result = vbmpi_check_typed(c, buf, count, type, "MPI_Bcast");
  if (result || c->size == 1) return result;
  VBMPI_COLLECTIVE("MPI_Bcast", c)
  vbmpi_bcast(buf, (size_t)count, type, root, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Bcast)

/* Equal blocks as counts and displacements, for the algorithms that take those. */
static int *regular(int count, int size) {
  int *arrays = vbmpi_scratch(2 * (size_t)size * sizeof *arrays);
  for (int i = 0; i < size; i++) {
    arrays[i] = count;
    arrays[size + i] = i * count;
  }
  return arrays;
}

int PMPI_Gather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, int root,
                MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Gather")
  int result = vbmpi_check_root(c, root, "MPI_Gather");
  bool is_root = c->rank == root;
  if (result == MPI_SUCCESS && !(is_root && sendbuf == MPI_IN_PLACE)) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Gather");
  if (result == MPI_SUCCESS && is_root) result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, "MPI_Gather");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Gather", c)
  size_t bytes = is_root ? bytes_of((size_t)recvcount, recvtype) : bytes_of((size_t)sendcount, sendtype);
  if (bytes <= SHORT_TREE && c->size > 2) {
    vbmpi_gather_binomial(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
  } else {
    int *arrays = is_root ? regular(recvcount, c->size) : 0;
    vbmpi_gather_linear(sendbuf, (size_t)sendcount, sendtype, recvbuf, arrays, arrays ? arrays + c->size : 0, recvtype, root, c);
    free(arrays);
  }
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Gather)

int PMPI_Gatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int displs[],
                 MPI_Datatype recvtype, int root, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Gatherv")
  int result = vbmpi_check_root(c, root, "MPI_Gatherv");
  if (result == MPI_SUCCESS && !(c->rank == root && sendbuf == MPI_IN_PLACE)) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Gatherv");
  if (result == MPI_SUCCESS && c->rank == root) result = vbmpi_check_counts(c, recvcounts, recvtype, "MPI_Gatherv");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Gatherv", c)
  vbmpi_gather_linear(sendbuf, (size_t)sendcount, sendtype, recvbuf, recvcounts, displs, recvtype, root, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Gatherv)

int PMPI_Scatter(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, int root,
                 MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Scatter")
  int result = vbmpi_check_root(c, root, "MPI_Scatter");
  bool is_root = c->rank == root;
  if (result == MPI_SUCCESS && is_root) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Scatter");
  if (result == MPI_SUCCESS && !(is_root && recvbuf == MPI_IN_PLACE)) result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, "MPI_Scatter");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Scatter", c)
  size_t bytes = is_root ? bytes_of((size_t)sendcount, sendtype) : bytes_of((size_t)recvcount, recvtype);
  if (bytes <= SHORT_TREE && c->size > 2) {
    vbmpi_scatter_binomial(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
  } else {
    int *arrays = is_root ? regular(sendcount, c->size) : 0;
    vbmpi_scatter_linear(sendbuf, arrays, arrays ? arrays + c->size : 0, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
    free(arrays);
  }
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Scatter)

int PMPI_Scatterv(const void *sendbuf, const int sendcounts[], const int displs[], MPI_Datatype sendtype, void *recvbuf, int recvcount,
                  MPI_Datatype recvtype, int root, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Scatterv")
  int result = vbmpi_check_root(c, root, "MPI_Scatterv");
  if (result == MPI_SUCCESS && c->rank == root) result = vbmpi_check_counts(c, sendcounts, sendtype, "MPI_Scatterv");
  if (result == MPI_SUCCESS && !(c->rank == root && recvbuf == MPI_IN_PLACE)) result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, "MPI_Scatterv");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Scatterv", c)
  vbmpi_scatter_linear(sendbuf, sendcounts, displs, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Scatterv)

void vbmpi_allgather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                     struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(in_type, false, &layout);
  if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, out_count, out_type, vbmpi_at(in, (ptrdiff_t)in_count * comm->rank, layout.extent), in_count, in_type);
  if (comm->size == 1) return;
  if (in_count * layout.size * (size_t)comm->size >= LONG_ALLGATHER) {
    vbmpi_allgather_ring(in, in_count, in_type, comm);
  } else if ((comm->size & (comm->size - 1)) == 0) {
    vbmpi_allgather_doubling(in, in_count, in_type, comm);
  } else {
    vbmpi_allgather_bruck(in, in_count, in_type, comm);
  }
}

int PMPI_Allgather(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Allgather")
  int result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, "MPI_Allgather");
  if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Allgather");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Allgather", c)
  vbmpi_allgather(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Allgather)

int PMPI_Allgatherv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int displs[],
                    MPI_Datatype recvtype, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Allgatherv")
  int result = vbmpi_check_counts(c, recvcounts, recvtype, "MPI_Allgatherv");
  if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Allgatherv");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Allgatherv", c)
  struct vbmpi_layout layout;
  vbmpi_layout_of(recvtype, false, &layout);
  if (sendbuf != MPI_IN_PLACE)
    vbmpi_coll_copy(sendbuf, (size_t)sendcount, sendtype, vbmpi_at(recvbuf, displs[c->rank], layout.extent), (size_t)recvcounts[c->rank], recvtype);
  vbmpi_allgatherv_ring(recvbuf, recvcounts, displs, recvtype, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Allgatherv)

int PMPI_Alltoall(const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Alltoall")
  int result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, "MPI_Alltoall");
  if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, "MPI_Alltoall");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Alltoall", c)
  if (sendbuf == MPI_IN_PLACE) {
    int *arrays = regular(recvcount, c->size);
    struct vbmpi_pieces pieces = {.base = recvbuf, .counts = arrays, .displs = arrays + c->size, .type = recvtype};
    vbmpi_alltoallw_in_place(&pieces, c);
    free(arrays);
  } else if (bytes_of((size_t)recvcount, recvtype) <= SHORT_BLOCK && c->size >= 8) {
    vbmpi_alltoall_bruck(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, c);
  } else {
    vbmpi_alltoall_pairwise(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, c);
  }
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Alltoall)

static int exchange_pieces(const struct vbmpi_pieces *out, const struct vbmpi_pieces *in, struct vbmpi_comm *c, const char *function) {
  VBMPI_COLLECTIVE(function, c)
  if (out->base == MPI_IN_PLACE) {
    vbmpi_alltoallw_in_place(in, c);
  } else {
    vbmpi_alltoallw_pairwise(out, in, c);
  }
  return vbmpi_coll_leave();
}

int PMPI_Alltoallv(const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype, void *recvbuf,
                   const int recvcounts[], const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Alltoallv")
  int result = vbmpi_check_counts(c, recvcounts, recvtype, "MPI_Alltoallv");
  if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_counts(c, sendcounts, sendtype, "MPI_Alltoallv");
  if (result) return result;
  struct vbmpi_pieces out = {.base = sendbuf, .counts = sendcounts, .displs = sdispls, .type = sendtype};
  struct vbmpi_pieces in = {.base = recvbuf, .counts = recvcounts, .displs = rdispls, .type = recvtype};
  return exchange_pieces(&out, &in, c, "MPI_Alltoallv");
}
VBMPI_ALIAS(Alltoallv)

int PMPI_Alltoallw(const void *sendbuf, const int sendcounts[], const int sdispls[], const MPI_Datatype sendtypes[], void *recvbuf,
                   const int recvcounts[], const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Alltoallw")
  for (int i = 0; i < c->size; i++) {
    int result = vbmpi_check_counts(c, recvcounts, recvtypes[i], "MPI_Alltoallw");
    if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_counts(c, sendcounts, sendtypes[i], "MPI_Alltoallw");
    if (result) return result;
  }
  struct vbmpi_pieces out = {.base = sendbuf, .counts = sendcounts, .displs = sdispls, .types = sendtypes};
  struct vbmpi_pieces in = {.base = recvbuf, .counts = recvcounts, .displs = rdispls, .types = recvtypes};
  return exchange_pieces(&out, &in, c, "MPI_Alltoallw");
}
VBMPI_ALIAS(Alltoallw)
