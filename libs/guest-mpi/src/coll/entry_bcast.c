/* MPI_Barrier and MPI_Bcast (MPI-3.1, sections 5.3 and 5.4): checks and choice of algorithm. */
#include "choice.h"
#include "entry.h"

void vbmpi_barrier(struct vbmpi_comm *comm) {
  if (comm->local) {
    vbmpi_inter_barrier(comm);
  } else if (vbmpi_choose(VBMPI_BARRIER, comm, 0, VBMPI_ABLE(VBMPI_DISSEMINATION), true) == VBMPI_TWO_LEVEL) {
    vbmpi_barrier_two_level(comm);
  } else {
    vbmpi_barrier_dissemination(comm);
  }
}

static int barrier(MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  vbmpi_coll_begin(&call, c);
  vbmpi_barrier(c);
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES_OF(Barrier, Ibarrier, , int, int, barrier, comm)

void vbmpi_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  size_t bytes = count * layout.size;
  /* The type may differ between processes while its signature does not, so only the number of bytes may choose the algorithm. */
  enum vbmpi_algorithm algorithm = vbmpi_choose(VBMPI_BCAST, comm, bytes, VBMPI_ABLE(VBMPI_BINOMIAL) | VBMPI_ABLE(VBMPI_SCATTER_RING), true);
  if (algorithm == VBMPI_TWO_LEVEL) {
    vbmpi_bcast_two_level(buf, count, type, root, comm);
  } else if (algorithm == VBMPI_BINOMIAL) {
    vbmpi_bcast_binomial(buf, count, type, root, comm);
  } else if (layout.contiguous) {
    vbmpi_bcast_scatter_ring((uint8_t *)buf + layout.true_lb, bytes, root, comm);
  } else {
    uint8_t *packed = vbmpi_coll_scratch(bytes);
    if (comm->rank == root) vbmpi_coll_copy(buf, count, type, packed, bytes, MPI_BYTE);
    vbmpi_bcast_scatter_ring(packed, bytes, root, comm);
    if (comm->rank != root) vbmpi_coll_copy(packed, bytes, MPI_BYTE, buf, count, type);
    vbmpi_coll_free(packed);
  }
}

static int bcast(void *buf, MPI_Count count, MPI_Datatype type, int root, MPI_Comm comm, struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  int result = vbmpi_check_root(c, root, call.function);
  if (result == MPI_SUCCESS && root != MPI_PROC_NULL) result = vbmpi_check_typed(c, buf, count, type, call.function);
  if (result) return result;
  vbmpi_coll_agree(root, VBMPI_ANYTHING, (size_t)count, type);
  vbmpi_coll_begin(&call, c);
  if (c->local) {
    vbmpi_inter_bcast(buf, (size_t)count, type, root, c);
  } else if (c->size > 1) {
    vbmpi_bcast(buf, (size_t)count, type, root, c);
  }
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Bcast, Ibcast, bcast, buf, count, type, root, comm)
