/*
 * Allreduce after Rabenseifner: reduce-scatter by recursive halving, then allgather by recursive doubling. For long messages and
 * operations that commute.
 * Cost: 2 lg alpha + 2 n beta + n gamma, and 2 n beta more when p is not a power of two.
 */
#include "coll.h"

/* Elements [start, end) of the vector belong to blocks [first, first + many). */
struct span {
  size_t start, end;
};
static struct span span_of(size_t count, int whole, int first, int many) {
  return (struct span){count * (size_t)first / (size_t)whole, count * (size_t)(first + many) / (size_t)whole};
}

static int rank_of_place(int place, int extra) { return place < extra ? place * 2 + 1 : place + extra; }

static void halve(void *inout, void *other, size_t count, const struct vbmpi_reduction *reduction, int place, int whole, int extra,
                  struct vbmpi_comm *comm) {
  ptrdiff_t extent = reduction->layout.extent;
  int first = 0;
  for (int half = whole / 2; half > 0; half /= 2) {
    int partner = rank_of_place(place ^ half, extra);
    bool upper = (place & half) != 0;
    struct span keep = span_of(count, whole, upper ? first + half : first, half), give = span_of(count, whole, upper ? first : first + half, half);
    vbmpi_coll_sendrecv(vbmpi_at(inout, (ptrdiff_t)give.start, extent), give.end - give.start, reduction->type, partner,
                        vbmpi_at(other, (ptrdiff_t)keep.start, extent), keep.end - keep.start, reduction->type, partner, comm);
    vbmpi_coll_reduce(reduction, vbmpi_at(other, (ptrdiff_t)keep.start, extent), vbmpi_at(inout, (ptrdiff_t)keep.start, extent), keep.end - keep.start);
    if (upper) first += half;
  }
}

static void spread(void *inout, size_t count, const struct vbmpi_reduction *reduction, int place, int whole, int extra, struct vbmpi_comm *comm) {
  ptrdiff_t extent = reduction->layout.extent;
  for (int many = 1; many < whole; many *= 2) {
    int partner_place = place ^ many, partner = rank_of_place(partner_place, extra);
    struct span mine = span_of(count, whole, place & ~(many - 1), many), theirs = span_of(count, whole, partner_place & ~(many - 1), many);
    vbmpi_coll_sendrecv(vbmpi_at(inout, (ptrdiff_t)mine.start, extent), mine.end - mine.start, reduction->type, partner,
                        vbmpi_at(inout, (ptrdiff_t)theirs.start, extent), theirs.end - theirs.start, reduction->type, partner, comm);
  }
}

void vbmpi_allreduce_rabenseifner(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  int rank = comm->rank, whole = vbmpi_power_below(comm->size), extra = comm->size - whole;
  void *other = vbmpi_typed_scratch(count, &reduction->layout);
  int place = rank - extra;
  if (rank < 2 * extra) {
    place = rank % 2 ? rank / 2 : -1;
    if (place < 0) {
      vbmpi_coll_send(inout, count, reduction->type, rank + 1, comm);
    } else {
      vbmpi_coll_recv(other, count, reduction->type, rank - 1, comm);
      vbmpi_coll_reduce(reduction, other, inout, count);
    }
  }
  if (place >= 0) {
    halve(inout, other, count, reduction, place, whole, extra, comm);
    spread(inout, count, reduction, place, whole, extra, comm);
  }
  if (rank < 2 * extra) {
    if (place < 0) {
      vbmpi_coll_recv(inout, count, reduction->type, rank + 1, comm);
    } else {
      vbmpi_coll_send(inout, count, reduction->type, rank - 1, comm);
    }
  }
  vbmpi_typed_free(other, &reduction->layout);
}
