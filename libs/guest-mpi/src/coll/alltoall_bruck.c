/*
 * All-to-all after Bruck et al. (1997). For short blocks and many processes.
 * Blocks are rotated so that block i is for the process i further; round k forwards all blocks whose number has bit k, half of them.
 * Cost: lg (alpha + p/2 n beta), and two local copies of p n.
 */
#include <stdlib.h>
#include <string.h>

#include "coll.h"

void vbmpi_alltoall_bruck(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                          struct vbmpi_comm *comm) {
  int size = comm->size, rank = comm->rank;
  struct vbmpi_layout from, to;
  vbmpi_layout_of(out_type, false, &from);
  vbmpi_layout_of(in_type, false, &to);
  size_t block = in_count * to.size;
  uint8_t *bytes = vbmpi_scratch(block * (size_t)size);
  uint8_t *sent = vbmpi_scratch(block * (size_t)(size / 2 + 1)), *got = vbmpi_scratch(block * (size_t)(size / 2 + 1));
  for (int i = 0; i < size; i++) vbmpi_pack(bytes + block * (size_t)i, vbmpi_at(out, (ptrdiff_t)out_count * ((rank + i) % size), from.extent), out_count, &from);
  for (int bit = 1; bit < size; bit *= 2) {
    size_t many = 0;
    for (int i = 0; i < size; i++)
      if (i & bit) memcpy(sent + block * many++, bytes + block * (size_t)i, block);
    vbmpi_coll_sendrecv(sent, block * many, MPI_BYTE, (rank + bit) % size, got, block * many, MPI_BYTE, (rank - bit + size) % size, comm);
    many = 0;
    for (int i = 0; i < size; i++)
      if (i & bit) memcpy(bytes + block * (size_t)i, got + block * many++, block);
  }
  for (int i = 0; i < size; i++)
    vbmpi_unpack(vbmpi_at(in, (ptrdiff_t)in_count * ((rank - i + size) % size), to.extent), bytes + block * (size_t)i, block, in_count, &to);
  free(bytes);
  free(sent);
  free(got);
}
