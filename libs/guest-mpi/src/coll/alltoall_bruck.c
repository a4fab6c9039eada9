/*
 * All-to-all after Bruck et al. (1997). For short blocks and many processes.
 * Blocks are rotated so that block i is for the process i further; round k forwards all blocks whose number has bit k, half of them.
 * Cost: lg (alpha + p/2 n beta), and two local copies of p n.
 */
#include "coll.h"

void vbmpi_alltoall_bruck(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                          struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  struct vbmpi_layout from, to;
  vbmpi_layout_of(out_type, false, &from);
  vbmpi_layout_of(in_type, false, &to);
  size_t block = in_count * to.size;
  uint8_t *bytes = vbmpi_coll_scratch(block * (size_t)size);
  uint8_t *sent = vbmpi_coll_scratch(block * (size_t)(size / 2 + 1)), *got = vbmpi_coll_scratch(block * (size_t)(size / 2 + 1));
  for (int i = 0; i < size; i++)
    vbmpi_coll_copy(vbmpi_at(out, (ptrdiff_t)out_count * ((rank + i) % size), from.extent), out_count, out_type, bytes + block * (size_t)i, block, MPI_BYTE);
  for (int bit = 1; bit < size; bit *= 2) {
    size_t many = 0;
    for (int i = 0; i < size; i++)
      if (i & bit) vbmpi_coll_move(sent + block * many++, bytes + block * (size_t)i, block);
    vbmpi_coll_sendrecv(sent, block * many, MPI_BYTE, (rank + bit) % size, got, block * many, MPI_BYTE, (rank - bit + size) % size, comm);
    many = 0;
    for (int i = 0; i < size; i++)
      if (i & bit) vbmpi_coll_move(bytes + block * (size_t)i, got + block * many++, block);
  }
  for (int i = 0; i < size; i++)
    vbmpi_coll_copy(bytes + block * (size_t)i, block, MPI_BYTE, vbmpi_at(in, (ptrdiff_t)in_count * ((rank - i + size) % size), to.extent), in_count, in_type);
  vbmpi_coll_free(bytes);
  vbmpi_coll_free(sent);
  vbmpi_coll_free(got);
}
