/*
 * Broadcast as a scatter and an allgather in a ring (van de Geijn). For long messages.
 * A binomial tree scatters p pieces, then every piece goes once around; each process sends and receives about 2n in all.
 * Cost: (lg + p - 1) alpha + 2 (p - 1)/p n beta.
 */
#include "coll.h"

struct slices {
  size_t bytes, each;
};
static size_t start_of(const struct slices *slices, int piece) {
  size_t start = slices->each * (size_t)piece;
  return start < slices->bytes ? start : slices->bytes;
}

/* A process holds the pieces of its subtree: [place, place + width). */
static void scatter(uint8_t *buf, const struct slices *slices, int root, struct vbmpi_comm *comm) {
  int size = comm->size, place = (comm->rank - root + size) % size, bit = 1;
  while (bit < size && !(place & bit)) bit *= 2;
  if (place != 0) {
    int end = place + bit < size ? place + bit : size;
    size_t from = start_of(slices, place), bytes = start_of(slices, end) - from;
    vbmpi_coll_recv(buf + from, bytes, MPI_BYTE, (place - bit + root) % size, comm);
  }
  for (bit /= 2; bit > 0; bit /= 2) {
    if (place + bit >= size) continue;
    int end = place + 2 * bit < size ? place + 2 * bit : size;
    size_t from = start_of(slices, place + bit), bytes = start_of(slices, end) - from;
    vbmpi_coll_send(buf + from, bytes, MPI_BYTE, (place + bit + root) % size, comm);
  }
}

void vbmpi_bcast_scatter_ring(void *buf, size_t bytes, int root, struct vbmpi_comm *comm) {
  int size = comm->size, place = (comm->rank - root + size) % size;
  struct slices slices = {.bytes = bytes, .each = ((bytes + (size_t)size - 1) / (size_t)size + 63) & ~(size_t)63};
  scatter(buf, &slices, root, comm);
  int right = (comm->rank + 1) % size, left = (comm->rank - 1 + size) % size;
  for (int step = 0; step < size - 1; step++) {
    int out = (place - step + size) % size, in = (place - step - 1 + size) % size;
    vbmpi_coll_sendrecv((uint8_t *)buf + start_of(&slices, out), start_of(&slices, out + 1) - start_of(&slices, out), MPI_BYTE, right,
                        (uint8_t *)buf + start_of(&slices, in), start_of(&slices, in + 1) - start_of(&slices, in), MPI_BYTE, left, comm);
  }
}
