/*
 * Gather along a binomial tree. For short blocks: every process packs its block to bytes, and inner ones forward whole subtrees.
 * Cost: lg alpha + (p - 1) n beta at the root.
 */
#include "coll.h"

/* Blocks of places [place, place + width) are consecutive in `bytes`, in order of place; the root turns places into ranks. */
void vbmpi_gather_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                           struct vbmpi_comm *comm) {
  int size = comm->size, place = (comm->rank - root + size) % size, width = 1;
  bool is_root = place == 0;
  struct vbmpi_layout mine, theirs;
  vbmpi_layout_of(is_root ? in_type : out_type, false, &mine);
  size_t block = (is_root ? in_count : out_count) * mine.size;
  while (width < size && !(place & width)) width *= 2;
  int subtree = place + width < size ? width : size - place;
  uint8_t *bytes = vbmpi_coll_scratch(block * (size_t)subtree);
  if (is_root) {
    vbmpi_layout_of(in_type, false, &theirs);
    if (out != MPI_IN_PLACE) vbmpi_coll_copy(out, out_count, out_type, vbmpi_at(in, (ptrdiff_t)in_count * root, theirs.extent), in_count, in_type);
  } else {
    vbmpi_coll_copy(out, out_count, out_type, bytes, block, MPI_BYTE);
  }
  for (int bit = 1; bit < width && place + bit < size; bit *= 2) {
    int child = place + bit, many = child + bit < size ? bit : size - child;
    vbmpi_coll_recv(bytes + block * (size_t)bit, block * (size_t)many, MPI_BYTE, (child + root) % size, comm);
  }
  if (!is_root) {
    vbmpi_coll_send(bytes, block * (size_t)subtree, MPI_BYTE, (place - width + root) % size, comm);
  } else {
    for (int p = 1; p < size; p++)
      vbmpi_coll_copy(bytes + block * (size_t)p, block, MPI_BYTE, vbmpi_at(in, (ptrdiff_t)in_count * ((p + root) % size), theirs.extent), in_count, in_type);
  }
  vbmpi_coll_free(bytes);
}
