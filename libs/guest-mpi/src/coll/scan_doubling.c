/*
 * Scan and exclusive scan by recursive doubling (Hillis, Steele 1986). For any length; keeps the order of ranks.
 * In round k a process sends the combination of its last 2^k ranks to the one 2^k further, which puts it to the left of its own.
 * Cost: lg (alpha + n beta + 2 n gamma).
 */
#include "coll.h"

/* `inout` becomes the combination of ranks 0..rank; `before` that of 0..rank-1, when there are any. */
void vbmpi_scan_doubling(void *inout, void *before, size_t count, const struct vbmpi_reduction *reduction, bool *has_before, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  void *other = vbmpi_typed_scratch(count, &reduction->layout);
  *has_before = false;
  for (int distance = 1; distance < size; distance *= 2) {
    struct vbmpi_request *recv = 0, *send = 0;
    if (rank - distance >= 0) recv = vbmpi_coll_irecv(other, count, reduction->type, rank - distance, comm);
    if (rank + distance < size) send = vbmpi_coll_isend(inout, count, reduction->type, rank + distance, comm);
    if (send) vbmpi_coll_wait(send);
    if (recv == 0) continue;
    vbmpi_coll_wait(recv);
    if (*has_before) {
      vbmpi_coll_reduce(reduction, other, before, count);
    } else {
      vbmpi_coll_copy(other, count, reduction->type, before, count, reduction->type);
      *has_before = true;
    }
    vbmpi_coll_reduce(reduction, other, inout, count);
  }
  vbmpi_typed_free(other, &reduction->layout);
}
