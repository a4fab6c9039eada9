/* Entry points of the reductions (MPI-3.1, sections 5.9 to 5.11): checks, MPI_IN_PLACE, choice of algorithm. */
#include <stdlib.h>

#include "coll.h"
#include "device/wait.h"
#include "env/error.h"
#include "pt2pt/check.h"

#define LONG_ALLREDUCE 16384u    /* bytes from which an allreduce is scattered first */

/* Checks a reduction's arguments; `in_place` whether sendbuf may be MPI_IN_PLACE here. */
static int check(struct vbmpi_comm *c, const void *sendbuf, int count, MPI_Datatype type, MPI_Op op, bool in_place, const char *function,
                 struct vbmpi_reduction *reduction) {
  if (count < 0) return vbmpi_fail(c, MPI_ERR_COUNT, function, "negative count %d", count);
  int result = vbmpi_reduction_of(op, type, c, function, reduction);
  if (result) return result;
  if (sendbuf == MPI_IN_PLACE && !in_place) return vbmpi_fail(c, MPI_ERR_BUFFER, function, "MPI_IN_PLACE is not allowed here");
  if (sendbuf == 0 && count > 0 && reduction->layout.object == 0) return vbmpi_fail(c, MPI_ERR_BUFFER, function, "the buffer is NULL");
  return MPI_SUCCESS;
}

static int check_result(struct vbmpi_comm *c, const void *sendbuf, const void *recvbuf, size_t count, const struct vbmpi_reduction *reduction, const char *function) {
  if (recvbuf == MPI_IN_PLACE) return vbmpi_fail(c, MPI_ERR_BUFFER, function, "MPI_IN_PLACE belongs to the send buffer");
  if (recvbuf == 0 && count > 0 && reduction->layout.object == 0) return vbmpi_fail(c, MPI_ERR_BUFFER, function, "the receive buffer is NULL");
  if (recvbuf == sendbuf && count > 0 && reduction->layout.size > 0 && recvbuf != 0)
    return vbmpi_fail(c, MPI_ERR_BUFFER, function, "send and receive buffer are the same: pass MPI_IN_PLACE");
  return MPI_SUCCESS;
}

static void allreduce(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  size_t bytes = count * reduction->layout.size;
  if (comm->size == 1 || count == 0) return;
  if (bytes >= LONG_ALLREDUCE && reduction->commutes && count >= (size_t)comm->size && comm->size > 2) {
    vbmpi_allreduce_rabenseifner(inout, count, reduction, comm);
  } else {
    vbmpi_allreduce_doubling(inout, count, reduction, comm);
  }
}

void vbmpi_allreduce(const void *out, void *in, size_t count, MPI_Datatype type, MPI_Op op, struct vbmpi_comm *comm) {
  struct vbmpi_reduction reduction;
  if (vbmpi_reduction_of(op, type, comm, "MPI_Allreduce", &reduction)) return;
  if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, count, type, in, count, type);
  allreduce(in, count, &reduction, comm);
}

int PMPI_Allreduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Allreduce")
  struct vbmpi_reduction reduction;
  int result = check(c, sendbuf, count, type, op, true, "MPI_Allreduce", &reduction);
  if (result == MPI_SUCCESS) result = check_result(c, sendbuf, recvbuf, (size_t)count, &reduction, "MPI_Allreduce");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Allreduce", c)
  if (sendbuf != MPI_IN_PLACE) vbmpi_coll_copy(sendbuf, (size_t)count, type, recvbuf, (size_t)count, type);
  allreduce(recvbuf, (size_t)count, &reduction, c);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Allreduce)

int PMPI_Reduce(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Reduce")
  struct vbmpi_reduction reduction;
  int result = vbmpi_check_root(c, root, "MPI_Reduce");
  bool is_root = c->rank == root;
  if (result == MPI_SUCCESS) result = check(c, sendbuf, count, type, op, is_root, "MPI_Reduce", &reduction);
  if (result == MPI_SUCCESS && is_root) result = check_result(c, sendbuf, recvbuf, (size_t)count, &reduction, "MPI_Reduce");
  if (result) return result;
  VBMPI_COLLECTIVE("MPI_Reduce", c)
  /* Only the root may write to its receive buffer; the others combine in scratch space. */
  void *work = is_root ? recvbuf : vbmpi_typed_scratch((size_t)count, &reduction.layout);
  if (sendbuf != MPI_IN_PLACE) vbmpi_coll_copy(sendbuf, (size_t)count, type, work, (size_t)count, type);
  if (c->size > 1 && count > 0) vbmpi_reduce_binomial(work, (size_t)count, &reduction, root, c);
  if (!is_root) vbmpi_typed_free(work, &reduction.layout);
  return vbmpi_coll_leave();
}
VBMPI_ALIAS(Reduce)

static int reduce_scatter(const void *sendbuf, void *recvbuf, const int counts[], const struct vbmpi_reduction *reduction, struct vbmpi_comm *c,
                          const char *function) {
  size_t total = 0;
  for (int i = 0; i < c->size; i++) total += (size_t)counts[i];
  VBMPI_COLLECTIVE(function, c)
  void *work = vbmpi_typed_scratch(total, &reduction->layout);
  const void *source = sendbuf == MPI_IN_PLACE ? recvbuf : sendbuf;
  vbmpi_coll_copy(source, total, reduction->type, work, total, reduction->type);
  if (reduction->commutes) {
    vbmpi_reduce_scatter_pairwise(work, recvbuf, counts, reduction, c);
  } else {
    allreduce(work, total, reduction, c);
    ptrdiff_t start = 0;
    for (int i = 0; i < c->rank; i++) start += counts[i];
    size_t mine = (size_t)counts[c->rank];
    vbmpi_coll_copy(vbmpi_at(work, start, reduction->layout.extent), mine, reduction->type, recvbuf, mine, reduction->type);
  }
  vbmpi_typed_free(work, &reduction->layout);
  return vbmpi_coll_leave();
}

int PMPI_Reduce_scatter(const void *sendbuf, void *recvbuf, const int recvcounts[], MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Reduce_scatter")
  struct vbmpi_reduction reduction;
  int result = vbmpi_check_counts(c, recvcounts, type, "MPI_Reduce_scatter");
  if (result == MPI_SUCCESS) result = check(c, sendbuf, 0, type, op, true, "MPI_Reduce_scatter", &reduction);
  return result ? result : reduce_scatter(sendbuf, recvbuf, recvcounts, &reduction, c, "MPI_Reduce_scatter");
}
VBMPI_ALIAS(Reduce_scatter)

int PMPI_Reduce_scatter_block(const void *sendbuf, void *recvbuf, int recvcount, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Reduce_scatter_block")
  struct vbmpi_reduction reduction;
  int result = check(c, sendbuf, recvcount, type, op, true, "MPI_Reduce_scatter_block", &reduction);
  if (result) return result;
  int *counts = vbmpi_scratch((size_t)c->size * sizeof *counts);
  for (int i = 0; i < c->size; i++) counts[i] = recvcount;
  result = reduce_scatter(sendbuf, recvbuf, counts, &reduction, c, "MPI_Reduce_scatter_block");
  free(counts);
  return result;
}
VBMPI_ALIAS(Reduce_scatter_block)

/* Both scans: `recvbuf` gets the combination up to this rank, or up to the one before. */
static int scan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm, bool inclusive, const char *function) {
  VBMPI_COMM(c, comm, function)
  struct vbmpi_reduction reduction;
  int result = check(c, sendbuf, count, type, op, true, function, &reduction);
  if (result == MPI_SUCCESS) result = check_result(c, sendbuf, recvbuf, (size_t)count, &reduction, function);
  if (result) return result;
  VBMPI_COLLECTIVE(function, c)
  size_t n = (size_t)count;
  void *up_to = vbmpi_typed_scratch(n, &reduction.layout), *before = vbmpi_typed_scratch(n, &reduction.layout);
  vbmpi_coll_copy(sendbuf == MPI_IN_PLACE ? recvbuf : sendbuf, n, type, up_to, n, type);
  bool has_before = false;
  if (n > 0) vbmpi_scan_doubling(up_to, before, n, &reduction, &has_before, c);
  if (inclusive) {
    vbmpi_coll_copy(up_to, n, type, recvbuf, n, type);
  } else if (has_before) {
    vbmpi_coll_copy(before, n, type, recvbuf, n, type);
  }
  vbmpi_typed_free(up_to, &reduction.layout);
  vbmpi_typed_free(before, &reduction.layout);
  return vbmpi_coll_leave();
}

int PMPI_Scan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return scan(sendbuf, recvbuf, count, type, op, comm, true, "MPI_Scan");
}
VBMPI_ALIAS(Scan)

int PMPI_Exscan(const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return scan(sendbuf, recvbuf, count, type, op, comm, false, "MPI_Exscan");
}
VBMPI_ALIAS(Exscan)
