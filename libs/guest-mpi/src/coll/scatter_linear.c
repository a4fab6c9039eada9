/*
 * Scatter with the root sending to every process itself. For MPI_Scatterv, and for long blocks.
 * Cost: (p - 1) (alpha + n beta) at the root.
 */
#include <stdlib.h>

#include "coll.h"

void vbmpi_scatter_linear(const struct vbmpi_blocks *out, void *in, size_t in_count, MPI_Datatype in_type, int root, struct vbmpi_comm *comm) {
  if (comm->rank != root) {
    vbmpi_coll_recv(in, in_count, in_type, root, comm);
    return;
  }
  struct vbmpi_request **requests = vbmpi_scratch((size_t)comm->size * sizeof *requests);
  for (int i = 0; i < comm->size; i++) {
    const uint8_t *place = vbmpi_block_at(out, i);
    requests[i] = 0;
    if (i != root) {
      requests[i] = vbmpi_coll_isend(place, vbmpi_block_count(out, i), out->type, i, comm);
    } else if (in != MPI_IN_PLACE) {
      vbmpi_coll_copy(place, vbmpi_block_count(out, i), out->type, in, in_count, in_type);
    }
  }
  for (int i = 0; i < comm->size; i++)
    if (requests[i]) vbmpi_coll_wait(requests[i]);
  free(requests);
}
