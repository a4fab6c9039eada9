/*
 * Allreduce by recursive doubling. For short messages, and for operations that do not commute.
 * The first 2r ranks, r = p - 2^floor(log2 p), fold in neighbouring pairs; the 2^k that remain exchange whole vectors at doubling
 * distances, and each pair then hands the result back. Both partners combine in order of rank, so all results are equal bit by bit.
 * Cost: lg (alpha + n beta + n gamma), and 2 (alpha + n beta) when p is not a power of two.
 */
#include "schedule.h"

/* Operations whose operands may change places need no copy. inout = left op right, where `other` came from the lower ranks or from the higher ones. */
static void combine(void *inout, void *other, bool other_is_lower, size_t count, const struct vbmpi_reduction *reduction) {
  if (other_is_lower || reduction->symmetric) {
    vbmpi_coll_reduce(reduction, other, inout, count);
  } else {
    vbmpi_coll_reduce(reduction, inout, other, count);
    vbmpi_coll_copy(other, count, reduction->type, inout, count, reduction->type);
  }
}

void vbmpi_allreduce_doubling(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  int rank = comm->rank, whole = vbmpi_power_below(comm->size), extra = comm->size - whole;
  uint64_t small[8];
  /* A recorded schedule outlives this function's frame. */
  bool is_small = vbmpi_recording == 0 && reduction->layout.contiguous && reduction->layout.true_lb == 0 && count * reduction->layout.size <= sizeof small;
  void *other = is_small ? (void *)small : vbmpi_typed_scratch(count, &reduction->layout);
  int place = rank - extra;
  if (rank < 2 * extra) {
    if (rank % 2 == 0) {
      vbmpi_coll_send(inout, count, reduction->type, rank + 1, comm);
      place = -1;
    } else {
      vbmpi_coll_recv(other, count, reduction->type, rank - 1, comm);
      combine(inout, other, true, count, reduction);
      place = rank / 2;
    }
  }
  for (int bit = 1; bit < whole && place >= 0; bit *= 2) {
    int partner_place = place ^ bit;
    int partner = partner_place < extra ? partner_place * 2 + 1 : partner_place + extra;
    vbmpi_coll_sendrecv(inout, count, reduction->type, partner, other, count, reduction->type, partner, comm);
    combine(inout, other, partner_place < place, count, reduction);
  }
  if (rank < 2 * extra) {
    if (rank % 2 == 0) {
      vbmpi_coll_recv(inout, count, reduction->type, rank + 1, comm);
    } else {
      vbmpi_coll_send(inout, count, reduction->type, rank - 1, comm);
    }
  }
  if (!is_small) vbmpi_typed_free(other, &reduction->layout);
}
