/* MPI_Alltoall, MPI_Alltoallv and MPI_Alltoallw (MPI-3.1, section 5.8): checks and choice of algorithm. */
#include "choice.h"
#include "entry.h"

static size_t bytes_of(size_t count, MPI_Datatype type) {
  struct vbmpi_layout layout;
  return vbmpi_layout_of(type, false, &layout) ? 0 : count * layout.size;
}

static int run(const struct vbmpi_blocks *out, const struct vbmpi_blocks *in, struct vbmpi_comm *c, const struct vbmpi_coll_call *call) {
  vbmpi_coll_begin(call, c);
  if (c->local) {
    vbmpi_inter_alltoall(out, in, c);
  } else if (out->base == MPI_IN_PLACE) {
    vbmpi_alltoall_in_place(in, c);
  } else {
    vbmpi_alltoall_pairwise(out, in, c);
  }
  return vbmpi_coll_end(call);
}

static int alltoall(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                    MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, call.function);
  if (result == MPI_SUCCESS) result = vbmpi_check_in_place(c, sendbuf, call.function);
  if (result == MPI_SUCCESS && sendbuf != MPI_IN_PLACE) result = vbmpi_check_typed(c, sendbuf, sendcount, sendtype, call.function);
  if (result) return result;
  vbmpi_coll_agree(VBMPI_ANYTHING, VBMPI_ANYTHING, (size_t)recvcount, recvtype);
  if (c->local == 0 && sendbuf != MPI_IN_PLACE &&
      vbmpi_choose(VBMPI_ALLTOALL, c, bytes_of((size_t)recvcount, recvtype), VBMPI_ABLE(VBMPI_PAIRWISE) | VBMPI_ABLE(VBMPI_BRUCK), false) == VBMPI_BRUCK) {
    vbmpi_coll_begin(&call, c);
    vbmpi_alltoall_bruck(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, c);
    return vbmpi_coll_end(&call);
  }
  struct vbmpi_blocks out = vbmpi_equal_blocks(sendbuf, (size_t)sendcount, sendtype), in = vbmpi_equal_blocks(recvbuf, (size_t)recvcount, recvtype);
  return run(&out, &in, c, &call);
}
VBMPI_ENTRIES(Alltoall, Ialltoall, alltoall, sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm)

static int exchange(struct vbmpi_blocks out, struct vbmpi_blocks in, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_in_place(c, out.base, call.function);
  if (result == MPI_SUCCESS) result = vbmpi_check_blocks(c, &in, c->size, call.function);
  if (result == MPI_SUCCESS && out.base != MPI_IN_PLACE) result = vbmpi_check_blocks(c, &out, c->size, call.function);
  return result ? result : run(&out, &in, c, &call);
}

#define BLOCKS(buf, many, at, kind) ((struct vbmpi_blocks){.base = buf, .counts = VBMPI_VECTOR(many), .displs = VBMPI_VECTOR(at), kind})
VBMPI_ENTRIES(Alltoallv, Ialltoallv, exchange, BLOCKS(sendbuf, sendcounts, sdispls, .type = sendtype),
              BLOCKS(recvbuf, recvcounts, rdispls, .type = recvtype), comm)
VBMPI_ENTRIES(Alltoallw, Ialltoallw, exchange, BLOCKS(sendbuf, sendcounts, sdispls, .types = sendtypes),
              BLOCKS(recvbuf, recvcounts, rdispls, .types = recvtypes), comm)
