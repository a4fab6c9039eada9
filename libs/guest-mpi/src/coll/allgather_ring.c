/*
 * Allgather in a ring. For long blocks, whatever p is, and for MPI_Allgatherv.
 * Each process passes on what it got in the step before; only neighbours talk.
 * Cost: (p - 1) (alpha + n beta).
 */
#include "coll.h"

void vbmpi_allgatherv_ring(void *in, const int counts[], const int displs[], MPI_Datatype type, struct vbmpi_comm *comm) {
  int size = comm->size, right = (comm->rank + 1) % size, left = (comm->rank - 1 + size) % size;
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  for (int step = 0; step < size - 1; step++) {
    int out = (comm->rank - step + size) % size, next = (comm->rank - step - 1 + size) % size;
    vbmpi_coll_sendrecv(vbmpi_at(in, displs[out], layout.extent), (size_t)counts[out], type, right, vbmpi_at(in, displs[next], layout.extent),
                        (size_t)counts[next], type, left, comm);
  }
}

void vbmpi_allgather_ring(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm) {
  int size = comm->size, right = (comm->rank + 1) % size, left = (comm->rank - 1 + size) % size;
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  for (int step = 0; step < size - 1; step++) {
    int out = (comm->rank - step + size) % size, next = (comm->rank - step - 1 + size) % size;
    vbmpi_coll_sendrecv(vbmpi_at(in, (ptrdiff_t)count * out, layout.extent), count, type, right,
                        vbmpi_at(in, (ptrdiff_t)count * next, layout.extent), count, type, left, comm);
  }
}
