/*
 * Scatter along a binomial tree. For short blocks: the root packs all blocks in order of place, inner processes pass subtrees on.
 * Cost: lg alpha + (p - 1) n beta at the root.
 */
#include "coll.h"

void vbmpi_scatter_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                            struct vbmpi_comm *comm) {
  int size = comm->size, place = (comm->rank - root + size) % size, width = 1;
  bool is_root = place == 0;
  struct vbmpi_layout layout;
  vbmpi_layout_of(is_root ? out_type : in_type, false, &layout);
  size_t block = (is_root ? out_count : in_count) * layout.size;
  while (width < size && !(place & width)) width *= 2;
  int subtree = place + width < size ? width : size - place;
  uint8_t *bytes = vbmpi_coll_scratch(block * (size_t)subtree);
  if (is_root) {
    for (int p = 1; p < size; p++)
      vbmpi_coll_copy(vbmpi_at(out, (ptrdiff_t)out_count * ((p + root) % size), layout.extent), out_count, out_type, bytes + block * (size_t)p, block, MPI_BYTE);
  } else {
    vbmpi_coll_recv(bytes, block * (size_t)subtree, MPI_BYTE, (place - width + root) % size, comm);
  }
  for (int bit = width / 2; bit > 0; bit /= 2) {
    if (place + bit >= size) continue;
    int child = place + bit, many = child + bit < size ? bit : size - child;
    vbmpi_coll_send(bytes + block * (size_t)bit, block * (size_t)many, MPI_BYTE, (child + root) % size, comm);
  }
  if (!is_root) {
    vbmpi_coll_copy(bytes, block, MPI_BYTE, in, in_count, in_type);
  } else if (in != MPI_IN_PLACE) {
    vbmpi_coll_copy(vbmpi_at(out, (ptrdiff_t)out_count * root, layout.extent), out_count, out_type, in, in_count, in_type);
  }
  vbmpi_coll_free(bytes);
}
