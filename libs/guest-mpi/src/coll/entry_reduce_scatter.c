/* MPI_Reduce_scatter and MPI_Reduce_scatter_block (MPI-3.1, section 5.10): checks and choice of algorithm. */
#include "entry.h"

static void run(const void *sendbuf, void *recvbuf, const struct vbmpi_vector *counts, const struct vbmpi_reduction *reduction, struct vbmpi_comm *c) {
  size_t total = 0, before = 0;
  for (int i = 0; i < c->size; i++) {
    if (i == c->rank) before = total;
    total += (size_t)vbmpi_element(counts, i);
  }
  void *work = vbmpi_typed_scratch(total, &reduction->layout);
  vbmpi_coll_copy(sendbuf == MPI_IN_PLACE ? recvbuf : sendbuf, total, reduction->type, work, total, reduction->type);
  if (reduction->commutes) {
    vbmpi_reduce_scatter_pairwise(work, recvbuf, counts, reduction, c);
  } else {
    vbmpi_allreduce_in_place(work, total, reduction, c);
    size_t mine = (size_t)vbmpi_element(counts, c->rank);
    vbmpi_coll_copy(vbmpi_at(work, (ptrdiff_t)before, reduction->layout.extent), mine, reduction->type, recvbuf, mine, reduction->type);
  }
  vbmpi_typed_free(work, &reduction->layout);
}

static int reduce_scatter(const void *sendbuf, void *recvbuf, struct vbmpi_vector counts, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                          struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_reduction reduction;
  /* Over an inter-communicator the counts are for one's own group. */
  int result = vbmpi_check_vector(c, &counts, c->local ? c->local->size : c->size, call.function);
  if (result == MPI_SUCCESS) result = vbmpi_check_reduction(c, sendbuf, recvbuf, 0, type, op, true, true, call.function, &reduction);
  if (result) return result;
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    vbmpi_inter_reduce_scatter(sendbuf, recvbuf, &counts, &reduction, c);
  } else {
    run(sendbuf, recvbuf, &counts, &reduction, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Reduce_scatter, Ireduce_scatter, reduce_scatter, sendbuf, recvbuf, VBMPI_VECTOR(recvcounts), type, op, comm)

static int reduce_scatter_block(const void *sendbuf, void *recvbuf, MPI_Count recvcount, MPI_Datatype type, MPI_Op op, MPI_Comm comm,
                                struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_reduction reduction;
  int result = vbmpi_check_reduction(c, sendbuf, recvbuf, recvcount, type, op, true, true, call.function, &reduction);
  return result ? result : reduce_scatter(sendbuf, recvbuf, VBMPI_REGULAR(recvcount, 0), type, op, comm, call);
}
VBMPI_ENTRIES(Reduce_scatter_block, Ireduce_scatter_block, reduce_scatter_block, sendbuf, recvbuf, recvcount, type, op, comm)
