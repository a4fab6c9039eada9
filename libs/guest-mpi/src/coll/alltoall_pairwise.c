/*
 * All-to-all in pairs. For long blocks, and for MPI_Alltoallv and MPI_Alltoallw.
 * In step k each process sends to the one k further and receives from the one k before, so each link carries one message at a time.
 * Cost: (p - 1) (alpha + n beta).
 */
#include "coll.h"

void vbmpi_alltoall_pairwise(const struct vbmpi_blocks *out, const struct vbmpi_blocks *in, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  vbmpi_coll_copy(vbmpi_block_at(out, rank), vbmpi_block_count(out, rank), vbmpi_block_type(out, rank), vbmpi_block_at(in, rank),
                  vbmpi_block_count(in, rank), vbmpi_block_type(in, rank));
  for (int step = 1; step < size; step++) {
    int dest = (rank + step) % size, source = (rank - step + size) % size;
    vbmpi_coll_sendrecv(vbmpi_block_at(out, dest), vbmpi_block_count(out, dest), vbmpi_block_type(out, dest), dest, vbmpi_block_at(in, source),
                        vbmpi_block_count(in, source), vbmpi_block_type(in, source), source, comm);
  }
}

/* In place, what goes out to a partner is what lies where its data will come in: a copy goes out. In round r, partners are the two ranks
 * whose sum is r modulo p, so both ends of every pair are in the same round. */
void vbmpi_alltoall_in_place(const struct vbmpi_blocks *in, struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  for (int round = 0; round < size; round++) {
    int partner = (round - rank + size) % size;
    if (partner == rank) continue;
    struct vbmpi_layout layout;
    MPI_Datatype type = vbmpi_block_type(in, partner);
    vbmpi_layout_of(type, false, &layout);
    size_t count = vbmpi_block_count(in, partner), bytes = count * layout.size;
    uint8_t *place = vbmpi_block_at(in, partner), *copy = vbmpi_coll_scratch(bytes);
    vbmpi_coll_copy(place, count, type, copy, bytes, MPI_BYTE);
    vbmpi_coll_sendrecv(copy, bytes, MPI_BYTE, partner, place, count, type, partner, comm);
    vbmpi_coll_free(copy);
  }
}
