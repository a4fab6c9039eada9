/*
 * Scatter with the root sending to every process itself. For MPI_Scatterv, and for long blocks.
 * Cost: (p - 1) (alpha + n beta) at the root.
 */
#include <stdlib.h>

#include "coll.h"

void vbmpi_scatter_linear(const void *out, const int out_counts[], const int displs[], MPI_Datatype out_type, void *in, size_t in_count,
                          MPI_Datatype in_type, int root, struct vbmpi_comm *comm) {
  if (comm->rank != root) {
    vbmpi_coll_recv(in, in_count, in_type, root, comm);
    return;
  }
  struct vbmpi_layout layout;
  vbmpi_layout_of(out_type, false, &layout);
  struct vbmpi_request **requests = vbmpi_scratch((size_t)comm->size * sizeof *requests);
  for (int i = 0; i < comm->size; i++) {
    const uint8_t *place = vbmpi_at(out, displs[i], layout.extent);
    requests[i] = 0;
    if (i != root) {
      requests[i] = vbmpi_coll_isend(place, (size_t)out_counts[i], out_type, i, comm);
    } else if (in != MPI_IN_PLACE) {
      vbmpi_coll_copy(place, (size_t)out_counts[i], out_type, in, in_count, in_type);
    }
  }
  for (int i = 0; i < comm->size; i++)
    if (requests[i]) vbmpi_coll_wait(requests[i]);
  free(requests);
}
