/* MPI_Scan and MPI_Exscan (MPI-3.1, section 5.11). */
#include "entry.h"

/* `recvbuf` gets the combination up to this rank, or up to the one before. */
static int scan(const void *sendbuf, void *recvbuf, MPI_Count count, MPI_Datatype type, MPI_Op op, MPI_Comm comm, bool inclusive,
                struct vbmpi_coll_call call) {
  VBMPI_ENTER(c, comm, call)
  struct vbmpi_reduction reduction;
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, call.function, "scans are not defined on inter-communicators");
  int result = vbmpi_check_reduction(c, sendbuf, recvbuf, count, type, op, true, true, call.function, &reduction);
  if (result) return result;
  vbmpi_coll_agree(VBMPI_ANYTHING, op, (size_t)count, type);
  vbmpi_coll_begin(&call, c);
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
  return vbmpi_coll_end(&call);
}
VBMPI_ENTRIES(Scan, Iscan, scan, sendbuf, recvbuf, count, type, op, comm, true)
VBMPI_ENTRIES(Exscan, Iexscan, scan, sendbuf, recvbuf, count, type, op, comm, false)
