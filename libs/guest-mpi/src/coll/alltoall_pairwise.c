/*
 * All-to-all in pairs. For long blocks, and for MPI_Alltoallv and MPI_Alltoallw.
 * In step k each process sends to the one k further and receives from the one k before, so each link carries one message at a time.
 * Cost: (p - 1) (alpha + n beta).
 */
#include <stdlib.h>

#include "coll.h"

void vbmpi_alltoall_pairwise(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                             struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  struct vbmpi_layout from, to;
  vbmpi_layout_of(out_type, false, &from);
  vbmpi_layout_of(in_type, false, &to);
  ptrdiff_t out_step = (ptrdiff_t)out_count * from.extent, in_step = (ptrdiff_t)in_count * to.extent;
  vbmpi_coll_copy(vbmpi_at(out, rank, out_step), out_count, out_type, vbmpi_at(in, rank, in_step), in_count, in_type);
  for (int step = 1; step < size; step++) {
    int dest = (rank + step) % size, source = (rank - step + size) % size;
    vbmpi_coll_sendrecv(vbmpi_at(out, dest, out_step), out_count, out_type, dest, vbmpi_at(in, source, in_step), in_count, in_type, source, comm);
  }
}

static MPI_Datatype type_for(const struct vbmpi_pieces *pieces, int rank) { return pieces->types ? pieces->types[rank] : pieces->type; }

static uint8_t *place_for(const struct vbmpi_pieces *pieces, int rank) {
  if (pieces->types) return vbmpi_at(pieces->base, pieces->displs[rank], 1);
  struct vbmpi_layout layout;
  vbmpi_layout_of(pieces->type, false, &layout);
  return vbmpi_at(pieces->base, pieces->displs[rank], layout.extent);
}

void vbmpi_alltoallw_pairwise(const struct vbmpi_pieces *out, const struct vbmpi_pieces *in, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  vbmpi_coll_copy(place_for(out, rank), (size_t)out->counts[rank], type_for(out, rank), place_for(in, rank), (size_t)in->counts[rank], type_for(in, rank));
  for (int step = 1; step < size; step++) {
    int dest = (rank + step) % size, source = (rank - step + size) % size;
    vbmpi_coll_sendrecv(place_for(out, dest), (size_t)out->counts[dest], type_for(out, dest), dest, place_for(in, source), (size_t)in->counts[source],
                        type_for(in, source), source, comm);
  }
}

/* In place, what goes out to a partner is what lies where its data will come in: a copy goes out. In round r, partners are the two ranks
 * whose sum is r modulo p, so both ends of every pair are in the same round. */
void vbmpi_alltoallw_in_place(const struct vbmpi_pieces *in, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  for (int round = 0; round < size; round++) {
    int partner = (round - rank + size) % size;
    if (partner == rank) continue;
    struct vbmpi_layout layout;
    vbmpi_layout_of(type_for(in, partner), false, &layout);
    size_t count = (size_t)in->counts[partner], bytes = count * layout.size;
    uint8_t *copy = vbmpi_scratch(bytes);
    vbmpi_pack(copy, place_for(in, partner), count, &layout);
    vbmpi_coll_sendrecv(copy, bytes, MPI_BYTE, partner, place_for(in, partner), count, type_for(in, partner), partner, comm);
    free(copy);
  }
}
