/*
 * Allreduce between two processes, piece by piece. For long vectors: a piece is copied, exchanged and reduced while it lies in the cache, and
 * the scratch space is one piece long.
 * Cost: alpha per piece, n beta + n gamma.
 */
#include "coll.h"

#define PIECE 65536u   /* bytes */

void vbmpi_allreduce_pieces(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  const ptrdiff_t extent = reduction->layout.extent;
  size_t step = reduction->layout.size < PIECE ? PIECE / reduction->layout.size : 1;
  for (size_t from = 0; from < count; from += step) {
    size_t length = count - from < step ? count - from : step;
    uint8_t *piece = vbmpi_at(in, (ptrdiff_t)from, extent);
    if (out != MPI_IN_PLACE) vbmpi_coll_copy(vbmpi_at(out, (ptrdiff_t)from, extent), length, reduction->type, piece, length, reduction->type);
    vbmpi_allreduce_doubling(piece, length, reduction, comm);
  }
}
