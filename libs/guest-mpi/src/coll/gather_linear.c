/*
 * Gather with every process sending to the root itself. For MPI_Gatherv, and for long blocks, which a tree would copy at each level.
 * Cost: (p - 1) (alpha + n beta) at the root.
 */
#include <stdlib.h>

#include "coll.h"

void vbmpi_gather_linear(const void *out, size_t out_count, MPI_Datatype out_type, const struct vbmpi_blocks *in, int root, struct vbmpi_comm *comm) {
  if (comm->rank != root) {
    vbmpi_coll_send(out, out_count, out_type, root, comm);
    return;
  }
  struct vbmpi_request **requests = vbmpi_scratch((size_t)comm->size * sizeof *requests);
  for (int i = 0; i < comm->size; i++) {
    uint8_t *place = vbmpi_block_at(in, i);
    requests[i] = 0;
    if (i != root) {
      requests[i] = vbmpi_coll_irecv(place, vbmpi_block_count(in, i), in->type, i, comm);
    } else if (out != MPI_IN_PLACE) {
      vbmpi_coll_copy(out, out_count, out_type, place, vbmpi_block_count(in, i), in->type);
    }
  }
  for (int i = 0; i < comm->size; i++)
    if (requests[i]) vbmpi_coll_wait(requests[i]);
  free(requests);
}
