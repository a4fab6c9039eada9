/* Argument checks of the collectives. */
#include "entry.h"
#include "env/error.h"
#include "pt2pt/check.h"

int vbmpi_check_root(struct vbmpi_comm *comm, int root, const char *function) {
  if (root >= 0 && root < comm->size) return MPI_SUCCESS;
  if (comm->local && (root == MPI_ROOT || root == MPI_PROC_NULL)) return MPI_SUCCESS;
  return vbmpi_fail(comm, MPI_ERR_ROOT, function, "invalid root %d (communicator %s has %d ranks)", root, comm->name, comm->size);
}

int vbmpi_check_typed(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, const char *function) {
  struct vbmpi_layout layout;
  return vbmpi_check_buffer(comm, buf, count, type, function, &layout);
}

int vbmpi_check_in_place(struct vbmpi_comm *comm, const void *buf, const char *function) {
  if (buf != MPI_IN_PLACE || comm->local == 0) return MPI_SUCCESS;
  return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "MPI_IN_PLACE is not allowed on an inter-communicator");
}

int vbmpi_check_vector(struct vbmpi_comm *comm, const struct vbmpi_vector *counts, int n, const char *function) {
  if (counts->width && counts->values == 0 && n > 0) return vbmpi_fail(comm, MPI_ERR_ARG, function, "the array of counts is NULL");
  for (int i = 0; i < n; i++) {
    long long count = vbmpi_element(counts, i);
    if (count < 0) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "negative count %lld at index %d", count, i);
    if (count > PTRDIFF_MAX) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "count %lld at index %d exceeds the memory of a guest", count, i);
  }
  return MPI_SUCCESS;
}

int vbmpi_check_blocks(struct vbmpi_comm *comm, const struct vbmpi_blocks *blocks, int n, const char *function) {
  int result = vbmpi_check_vector(comm, &blocks->counts, n, function);
  if (result) return result;
  if (blocks->displs.width && blocks->displs.values == 0 && n > 0) return vbmpi_fail(comm, MPI_ERR_ARG, function, "the array of displacements is NULL");
  struct vbmpi_layout layout;
  for (int i = 0; i < (blocks->types ? n : 1); i++)
    if (vbmpi_layout_of(vbmpi_block_type(blocks, i), true, &layout)) return vbmpi_fail(comm, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  return MPI_SUCCESS;
}

int vbmpi_check_reduction(struct vbmpi_comm *comm, const void *sendbuf, const void *recvbuf, MPI_Count count, MPI_Datatype type, MPI_Op op, bool gives,
                          bool gets, const char *function, struct vbmpi_reduction *reduction) {
  if (count < 0) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (count > PTRDIFF_MAX) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "count %lld exceeds the memory of a guest", count);
  int result = vbmpi_reduction_of(op, type, comm, function, reduction);
  if (result) return result;
  bool data = count > 0 && reduction->layout.size > 0;
  if (gives && sendbuf == 0 && data && reduction->layout.object == 0) return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "the buffer is NULL");
  if (sendbuf == MPI_IN_PLACE && (!gets || comm->local)) return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "MPI_IN_PLACE is not allowed here");
  if (!gets) return MPI_SUCCESS;
  if (recvbuf == MPI_IN_PLACE) return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "MPI_IN_PLACE belongs to the send buffer");
  if (recvbuf == 0 && data && reduction->layout.object == 0) return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "the receive buffer is NULL");
  if (gives && recvbuf == sendbuf && data && recvbuf != 0)
    return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "send and receive buffer are the same: pass MPI_IN_PLACE");
  return MPI_SUCCESS;
}
