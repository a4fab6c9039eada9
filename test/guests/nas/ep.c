/*
 * EP, the embarrassingly parallel kernel of the NAS Parallel Benchmarks: Gaussian deviates by the polar method, counted by square annuli.
 * Each batch of 2^16 pairs starts from a seed that is computed directly, so batches go to ranks in any order; the only communication
 * is three reductions at the end.
 */
#include "nas.h"

enum { BATCH_BITS = 16, ANNULI = 10 };

struct problem {
  char class;
  int pairs_bits;
  double sum_x, sum_y; /* the published sums */
};

static const struct problem problems[] = {
  {'S', 24, -3.247834652034740e+3, -6.958407078382297e+3},
  {'W', 25, -2.863319731645753e+3, -6.320053679109499e+3},
  {'A', 28, -4.295875165629892e+3, -1.580732573678431e+4},
  {'B', 30, 4.033815542441498e+4, -2.660669192809235e+4},
};

static double numbers[2 << BATCH_BITS];

/* Tallies one batch of pairs. */
static void batch(uint64_t index, double *sum_x, double *sum_y, double counts[ANNULI])
{
  uint64_t seed = (271828183ull * nas_power(NAS_A, index << (BATCH_BITS + 1))) & NAS_MASK;
  for (int i = 0; i < 2 << BATCH_BITS; i++) numbers[i] = 2.0 * nas_next(&seed, NAS_A) - 1.0;
  for (int i = 0; i < 1 << BATCH_BITS; i++) {
    double x = numbers[2 * i], y = numbers[2 * i + 1], t = x * x + y * y;
    if (t > 1.0) continue;
    double scale = sqrt(-2.0 * log(t) / t);
    double gx = fabs(x * scale), gy = fabs(y * scale);
    counts[(int)(gx > gy ? gx : gy)] += 1.0;
    *sum_x += x * scale;
    *sum_y += y * scale;
  }
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);

  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
    if (problems[i].class == class) p = &problems[i];
  if (!p) {
    MPI_Finalize();
    return rank == 0 ? nas_unknown_class("EP", class) : EXIT_FAILURE;
  }

  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  double sums[2] = {0, 0}, counts[ANNULI] = {0};
  uint64_t batches = 1ull << (p->pairs_bits - BATCH_BITS);
  for (uint64_t b = (uint64_t)rank; b < batches; b += (uint64_t)size) batch(b, &sums[0], &sums[1], counts);

  double all_sums[2], all_counts[ANNULI];
  MPI_Allreduce(sums, all_sums, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(counts, all_counts, ANNULI, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  double mine = MPI_Wtime() - started, seconds;
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);

  int code = EXIT_SUCCESS;
  if (rank == 0) {
    double deviates = 0;
    for (int i = 0; i < ANNULI; i++) {
      printf("%3d %15.0f\n", i, all_counts[i]);
      deviates += all_counts[i];
    }
    printf("pairs %.0f, sums %.15e %.15e\n", deviates, all_sums[0], all_sums[1]);
    int verified = fabs((all_sums[0] - p->sum_x) / p->sum_x) <= 1e-8 && fabs((all_sums[1] - p->sum_y) / p->sum_y) <= 1e-8;
    code = nas_report("EP", class, size, seconds, ldexp(1.0, p->pairs_bits + 1), verified);
  }
  MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD);
  MPI_Finalize();
  return code;
}
