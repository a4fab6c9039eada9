/* MPI_Gather, MPI_Gatherv, MPI_Scatter and MPI_Scatterv (MPI-3.1, sections 5.5 and 5.6): checks and choice of algorithm. */
#include "entry.h"

#define SHORT_TREE 2048u   /* bytes per block up to which gather and scatter use a tree */

static size_t bytes_of(size_t count, MPI_Datatype type) {
  struct vbmpi_layout layout;
  return vbmpi_layout_of(type, false, &layout) ? 0 : count * layout.size;
}

/* Whether this process has the side with one block for each: the root, or MPI_ROOT. */
static bool holds_all(const struct vbmpi_comm *c, int root) { return c->local ? root == MPI_ROOT : c->rank == root; }
/* Whether it has the side with one block: everyone, or the group without the root. */
static bool holds_one(const struct vbmpi_comm *c, int root) { return c->local == 0 || root >= 0; }

void vbmpi_gather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                  struct vbmpi_comm *comm) {
  size_t bytes = comm->rank == root ? bytes_of(in_count, in_type) : bytes_of(out_count, out_type);
  if (bytes <= SHORT_TREE && comm->size > 2) {
    vbmpi_gather_binomial(out, out_count, out_type, in, in_count, in_type, root, comm);
  } else {
    struct vbmpi_blocks blocks = vbmpi_equal_blocks(in, in_count, in_type);
    vbmpi_gather_linear(out, out_count, out_type, &blocks, root, comm);
  }
}

void vbmpi_scatter(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                   struct vbmpi_comm *comm) {
  size_t bytes = comm->rank == root ? bytes_of(out_count, out_type) : bytes_of(in_count, in_type);
  if (bytes <= SHORT_TREE && comm->size > 2) {
    vbmpi_scatter_binomial(out, out_count, out_type, in, in_count, in_type, root, comm);
  } else {
    struct vbmpi_blocks blocks = vbmpi_equal_blocks(out, out_count, out_type);
    vbmpi_scatter_linear(&blocks, in, in_count, in_type, root, comm);
  }
}

/* The buffer with one block, which only the root may replace by MPI_IN_PLACE. */
static int check_one(struct vbmpi_comm *c, const void *buf, MPI_Count count, MPI_Datatype type, int root, const char *function) {
  if (!holds_one(c, root) || (c->local == 0 && c->rank == root && buf == MPI_IN_PLACE)) return MPI_SUCCESS;
  return vbmpi_check_typed(c, buf, count, type, function);
}

static int gather(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, MPI_Count recvcount, MPI_Datatype recvtype, int root,
                  MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS) result = check_one(c, sendbuf, sendcount, sendtype, root, call.function);
  if (result == MPI_SUCCESS && holds_all(c, root)) result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, call.function);
  if (result) return result;
  vbmpi_coll_agree(root, VBMPI_ANYTHING, (size_t)(c->rank == root ? recvcount : sendcount), c->rank == root ? recvtype : sendtype);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    struct vbmpi_blocks in = vbmpi_equal_blocks(recvbuf, (size_t)recvcount, recvtype);
    vbmpi_inter_gather(sendbuf, (size_t)sendcount, sendtype, &in, root, c);
  } else {
    vbmpi_gather(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Gather, Igather, gather, sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm)

static int gatherv(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, struct vbmpi_vector counts, struct vbmpi_vector displs,
                   MPI_Datatype recvtype, int root, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_blocks in = {.base = recvbuf, .counts = counts, .displs = displs, .type = recvtype};
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS) result = check_one(c, sendbuf, sendcount, sendtype, root, call.function);
  if (result == MPI_SUCCESS && holds_all(c, root)) result = vbmpi_check_blocks(c, &in, c->size, call.function);
  if (result) return result;
  vbmpi_coll_agree(root, VBMPI_ANYTHING, 0, MPI_DATATYPE_NULL);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    vbmpi_inter_gather(sendbuf, (size_t)sendcount, sendtype, &in, root, c);
  } else {
    vbmpi_gather_linear(sendbuf, (size_t)sendcount, sendtype, &in, root, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Gatherv, Igatherv, gatherv, sendbuf, sendcount, sendtype, recvbuf, VBMPI_VECTOR(recvcounts), VBMPI_VECTOR(displs), recvtype, root, comm)

static int scatter(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, MPI_Count recvcount, MPI_Datatype recvtype, int root,
                   MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS && holds_all(c, root)) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, call.function);
  if (result == MPI_SUCCESS) result = check_one(c, recvbuf, recvcount, recvtype, root, call.function);
  if (result) return result;
  vbmpi_coll_agree(root, VBMPI_ANYTHING, (size_t)(c->rank == root ? sendcount : recvcount), c->rank == root ? sendtype : recvtype);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    struct vbmpi_blocks out = vbmpi_equal_blocks(sendbuf, (size_t)sendcount, sendtype);
    vbmpi_inter_scatter(&out, recvbuf, (size_t)recvcount, recvtype, root, c);
  } else {
    vbmpi_scatter(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, root, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Scatter, Iscatter, scatter, sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, root, comm)

static int scatterv(const void *sendbuf, struct vbmpi_vector counts, struct vbmpi_vector displs, MPI_Datatype sendtype, void *recvbuf,
                    MPI_Count recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_blocks out = {.base = sendbuf, .counts = counts, .displs = displs, .type = sendtype};
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS && holds_all(c, root)) result = vbmpi_check_blocks(c, &out, c->size, call.function);
  if (result == MPI_SUCCESS) result = check_one(c, recvbuf, recvcount, recvtype, root, call.function);
  if (result) return result;
  vbmpi_coll_agree(root, VBMPI_ANYTHING, 0, MPI_DATATYPE_NULL);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    vbmpi_inter_scatter(&out, recvbuf, (size_t)recvcount, recvtype, root, c);
  } else {
    vbmpi_scatter_linear(&out, recvbuf, (size_t)recvcount, recvtype, root, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Scatterv, Iscatterv, scatterv, sendbuf, VBMPI_VECTOR(sendcounts), VBMPI_VECTOR(displs), sendtype, recvbuf, recvcount, recvtype, root, comm)
