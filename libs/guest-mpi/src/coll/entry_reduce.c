/* MPI_Reduce and MPI_Allreduce (MPI-3.1, sections 5.9.1 and 5.9.6): checks and choice of algorithm. */
#include "entry.h"

#define LONG_ALLREDUCE 16384u   /* bytes from which an allreduce is scattered first */

void vbmpi_allreduce_in_place(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  size_t bytes = count * reduction->layout.size;
  if (comm->size == 1 || count == 0) return;
  if (bytes >= LONG_ALLREDUCE && comm->size == 2) {
    vbmpi_allreduce_pieces(MPI_IN_PLACE, inout, count, reduction, comm);
  } else if (bytes >= LONG_ALLREDUCE && reduction->commutes && count >= (size_t)comm->size && comm->size > 2) {
    vbmpi_allreduce_rabenseifner(inout, count, reduction, comm);
  } else {
    vbmpi_allreduce_doubling(inout, count, reduction, comm);
  }
}

void vbmpi_allreduce(const void *out, void *in, size_t count, MPI_Datatype type, MPI_Op op, struct vbmpi_comm *comm) {
  struct vbmpi_reduction reduction;
  if (vbmpi_reduction_of(op, type, comm, "MPI_Allreduce", &reduction)) return;
  if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, count, type, in, count, type);
  vbmpi_allreduce_in_place(in, count, &reduction, comm);
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
    if (c->size == 2 && (size_t)count * reduction.layout.size >= LONG_ALLREDUCE) {
      vbmpi_allreduce_pieces(sendbuf, recvbuf, (size_t)count, &reduction, c);
    } else {
      if (sendbuf != MPI_IN_PLACE) vbmpi_coll_copy(sendbuf, (size_t)count, type, recvbuf, (size_t)count, type);
      vbmpi_allreduce_in_place(recvbuf, (size_t)count, &reduction, c);
    }
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
  if (c->size > 1 && n > 0) vbmpi_reduce_binomial(work, n, &reduction, root, c);
  if (!gets) vbmpi_typed_free(work, &reduction.layout);
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Reduce, Ireduce, reduce, sendbuf, recvbuf, count, type, op, root, comm)
