/*
 * Catches: wrong results of MPI_Allreduce at lengths around the limits between its algorithms and their pieces, in place and not, blocking and not, with an operation that
 * does not commute, and with results that are equal bit by bit at all ranks.
 */
#include "check.h"

enum { MOST = 100003 };

/* x -> a x + b, applied from the lowest rank on: the order of the ranks shows in the result. */
struct map {
  unsigned a, b;
};
static void compose(void *in, void *inout, int *count, MPI_Datatype *type)
{
  struct map *first = in, *second = inout;
  (void)type;
  for (int i = 0; i < *count; i++) second[i] = (struct map){second[i].a * first[i].a, second[i].a * first[i].b + second[i].b};
}

static double part(int r, int i) { return (r + 1) * 0.1 + i * 1e-3 / (r + 1); }

static void sums(int n, double *out, double *in)
{
  MPI_Request request;
  for (int way = 0; way < 3; way++) {
    for (int i = 0; i < n; i++) out[i] = in[i] = part(me, i);
    if (way == 0) MPI_Allreduce(out, in, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (way == 1) MPI_Allreduce(MPI_IN_PLACE, in, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (way == 2) {
      MPI_Iallreduce(out, in, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, &request);
      MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    int wrong = 0;
    for (int i = 0; i < n; i++) {
      double sum = 0;
      for (int r = 0; r < ranks; r++) sum += part(r, i);
      if (in[i] - sum > 1e-9 || sum - in[i] > 1e-9) wrong++;
    }
    CHECK(wrong == 0, "%d of %d elements, way or length", wrong, n);
    memcpy(out, in, (size_t)n * sizeof *in);
    MPI_Bcast(out, n, MPI_DOUBLE, ranks - 1, MPI_COMM_WORLD);
    CHECK(memcmp(out, in, (size_t)n * sizeof *in) == 0, "ranks differ in the last bits, way %d, %d elements", way, n);
  }
}

static void maps(int n, struct map *out, struct map *in, MPI_Datatype type, MPI_Op op)
{
  for (int i = 0; i < n; i++) out[i] = (struct map){2u * (unsigned)me + 3u, (unsigned)(i + me)};
  MPI_Allreduce(out, in, n, type, op, MPI_COMM_WORLD);
  int wrong = 0;
  for (int i = 0; i < n; i++) {
    struct map all = {3u, (unsigned)i};
    for (int r = 1; r < ranks; r++) all = (struct map){(2u * (unsigned)r + 3u) * all.a, (2u * (unsigned)r + 3u) * all.b + (unsigned)(i + r)};
    if (in[i].a != all.a || in[i].b != all.b) wrong++;
  }
  CHECK(wrong == 0, "%d of %d elements, way or length", wrong, n);
}

int main(int argc, char **argv)
{
  begin(&argc, &argv);
  static const int lengths[] = {0, 1, 2, 8, 9, 2047, 2048, 2049, 8191, 8192, 8193, 16385, MOST};
  double *out = malloc(MOST * sizeof *out), *in = malloc(MOST * sizeof *in);
  MPI_Datatype type;
  MPI_Op op;
  MPI_Type_contiguous(2, MPI_UNSIGNED, &type);
  MPI_Type_commit(&type);
  MPI_Op_create(compose, 0, &op);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    sums(lengths[i], out, in);
    maps(lengths[i], (struct map *)out, (struct map *)in, type, op);
  }
  MPI_Op_free(&op);
  MPI_Type_free(&type);
  free(out);
  free(in);
  return end();
}
