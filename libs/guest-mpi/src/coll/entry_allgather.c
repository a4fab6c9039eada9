/* MPI_Allgather and MPI_Allgatherv (MPI-3.1, section 5.7): checks and choice of algorithm. */
#include "choice.h"
#include "entry.h"

void vbmpi_allgather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                     struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(in_type, false, &layout);
  if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, out_count, out_type, vbmpi_at(in, (ptrdiff_t)in_count * comm->rank, layout.extent), in_count, in_type);
  if (comm->size == 1) return;
  uint32_t able = VBMPI_ABLE(VBMPI_RING) | VBMPI_ABLE(VBMPI_BRUCK);
  if ((comm->size & (comm->size - 1)) == 0) able |= VBMPI_ABLE(VBMPI_DOUBLING);
  struct vbmpi_blocks blocks = vbmpi_equal_blocks(in, in_count, in_type);
  switch (vbmpi_choose(VBMPI_ALLGATHER, comm, in_count * layout.size * (size_t)comm->size, able, true)) {
    case VBMPI_TWO_LEVEL:
      vbmpi_allgather_two_level(in, in_count, in_type, comm);
      break;
    case VBMPI_DOUBLING:
      vbmpi_allgather_doubling(in, in_count, in_type, comm);
      break;
    case VBMPI_BRUCK:
      vbmpi_allgather_bruck(in, in_count, in_type, comm);
      break;
    default:
      vbmpi_allgather_ring(&blocks, comm);
  }
}

/* Over an inter-communicator every process sends its one block to all others: an all-to-all of the same block. */
static void inter(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, const struct vbmpi_blocks *in, struct vbmpi_comm *c) {
  struct vbmpi_blocks out = {.base = sendbuf, .counts = VBMPI_REGULAR(sendcount, 0), .displs = VBMPI_REGULAR(0, 0), .type = sendtype};
  vbmpi_inter_alltoall(&out, in, c);
}

static int check_out(struct vbmpi_comm *c, const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, const char *function) {
  int result = vbmpi_check_in_place(c, sendbuf, function);
  return result || sendbuf == MPI_IN_PLACE ? result : vbmpi_check_typed(c, sendbuf, sendcount, sendtype, function);
}

static int allgather(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, MPI_Count recvcount, MPI_Datatype recvtype,
                     MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_typed(c, recvbuf, recvcount, recvtype, call.function);
  if (result == MPI_SUCCESS) result = check_out(c, sendbuf, sendcount, sendtype, call.function);
  if (result) return result;
  vbmpi_coll_agree(VBMPI_ANYTHING, VBMPI_ANYTHING, (size_t)recvcount, recvtype);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    struct vbmpi_blocks in = vbmpi_equal_blocks(recvbuf, (size_t)recvcount, recvtype);
    inter(sendbuf, sendcount, sendtype, &in, c);
  } else {
    vbmpi_allgather(sendbuf, (size_t)sendcount, sendtype, recvbuf, (size_t)recvcount, recvtype, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Allgather, Iallgather, allgather, sendbuf, sendcount, sendtype, recvbuf, recvcount, recvtype, comm)

static int allgatherv(const void *sendbuf, MPI_Count sendcount, MPI_Datatype sendtype, void *recvbuf, struct vbmpi_vector counts,
                      struct vbmpi_vector displs, MPI_Datatype recvtype, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_blocks in = {.base = recvbuf, .counts = counts, .displs = displs, .type = recvtype};
  int result = vbmpi_check_blocks(c, &in, c->size, call.function);
  if (result == MPI_SUCCESS) result = check_out(c, sendbuf, sendcount, sendtype, call.function);
  if (result) return result;
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    inter(sendbuf, sendcount, sendtype, &in, c);
  } else {
    if (sendbuf != MPI_IN_PLACE)
      vbmpi_coll_copy(sendbuf, (size_t)sendcount, sendtype, vbmpi_block_at(&in, c->rank), vbmpi_block_count(&in, c->rank), recvtype);
    vbmpi_allgather_ring(&in, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Allgatherv, Iallgatherv, allgatherv, sendbuf, sendcount, sendtype, recvbuf, VBMPI_VECTOR(recvcounts), VBMPI_VECTOR(displs), recvtype, comm)
