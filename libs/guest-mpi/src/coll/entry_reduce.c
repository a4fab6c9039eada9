/* MPI_Reduce and MPI_Allreduce (MPI-3.1, sections 5.9.1 and 5.9.6): checks and choice of algorithm. */
#include "choice.h"
#include "entry.h"

/* `out` is the contribution, or MPI_IN_PLACE when it is in `in` already. */
static void run_allreduce(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  MPI_Datatype type = reduction->type;
  uint32_t able = VBMPI_ABLE(VBMPI_DOUBLING);
  enum vbmpi_algorithm algorithm = VBMPI_DOUBLING;
  if (comm->size == 2) able |= VBMPI_ABLE(VBMPI_PIECES);
  if (comm->size > 2 && reduction->commutes && count >= (size_t)comm->size) able |= VBMPI_ABLE(VBMPI_RABENSEIFNER);
  if (comm->size > 1) algorithm = vbmpi_choose(VBMPI_ALLREDUCE, comm, count * reduction->layout.size, able, reduction->exact);
  if (algorithm == VBMPI_PIECES) {
    vbmpi_allreduce_pieces(out, in, count, reduction, comm);
    return;
  }
  if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, count, type, in, count, type);
  if (comm->size == 1 || count == 0) return;
  if (algorithm == VBMPI_TWO_LEVEL) {
    vbmpi_allreduce_two_level(in, count, reduction, comm);
  } else if (algorithm == VBMPI_RABENSEIFNER) {
    vbmpi_allreduce_rabenseifner(in, count, reduction, comm);
  } else {
    vbmpi_allreduce_doubling(in, count, reduction, comm);
  }
}

void vbmpi_allreduce_in_place(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  run_allreduce(MPI_IN_PLACE, inout, count, reduction, comm);
}

void vbmpi_allreduce(const void *out, void *in, size_t count, MPI_Datatype type, MPI_Op op, struct vbmpi_comm *comm) {
  struct vbmpi_reduction reduction;
  if (vbmpi_reduction_of(op, type, comm, "MPI_Allreduce", &reduction)) return;
  run_allreduce(out, in, count, &reduction, comm);
}

static int allreduce(const void *sendbuf, void *recvbuf, MPI_Count count, MPI_Datatype type, MPI_Op op, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_reduction reduction;
  int result = vbmpi_check_reduction(c, sendbuf, recvbuf, count, type, op, true, true, call.function, &reduction);
  if (result) return result;
  vbmpi_coll_agree(VBMPI_ANYTHING, op, (size_t)count, type);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    vbmpi_inter_allreduce(sendbuf, recvbuf, (size_t)count, &reduction, c);
  } else {
    run_allreduce(sendbuf, recvbuf, (size_t)count, &reduction, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Allreduce, Iallreduce, allreduce, sendbuf, recvbuf, count, type, op, comm)

static int reduce(const void *sendbuf, void *recvbuf, MPI_Count count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm,
                  struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_reduction reduction;
  bool gets = c->local ? root == MPI_ROOT : c->rank == root, gives = c->local == 0 || root >= 0;
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS) result = vbmpi_check_reduction(c, sendbuf, recvbuf, count, type, op, gives, gets, call.function, &reduction);
  if (result) return result;
  vbmpi_coll_agree(root, op, (size_t)count, type);
  vbmpi_coll_begin(&call, c);
  size_t n = (size_t)count;
  if (c->local) {
    vbmpi_inter_reduce(sendbuf, recvbuf, n, &reduction, root, c);
    return vbmpi_coll_end(&call);
  }
  /* Only the root may write to its receive buffer; the others combine in scratch space. */
  void *work = gets ? recvbuf : vbmpi_typed_scratch(n, &reduction.layout);
  if (sendbuf != MPI_IN_PLACE) vbmpi_coll_copy(sendbuf, n, type, work, n, type);
  bool by_levels = c->size > 1 && vbmpi_choose(VBMPI_REDUCE, c, n * reduction.layout.size, VBMPI_ABLE(VBMPI_BINOMIAL), reduction.exact) == VBMPI_TWO_LEVEL;
  if (c->size > 1 && n > 0) (by_levels ? vbmpi_reduce_two_level : vbmpi_reduce_binomial)(work, n, &reduction, root, c);
  if (!gets) vbmpi_typed_free(work, &reduction.layout);
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Reduce, Ireduce, reduce, sendbuf, recvbuf, count, type, op, root, comm)
