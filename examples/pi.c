/*
 * Monte-Carlo pi: points thrown at the unit square, counted inside the quarter circle. The first argument is the number of points (default
 * ten million); each rank takes its part with a seed of its own, so the result does not depend on timing.
 */
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* SplitMix64: a counter hashed into 64 random bits. */
static uint64_t next(uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

static double uniform(uint64_t *state)
{
  return (double)(next(state) >> 11) * 0x1p-53;
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  long long points = argc > 1 ? atoll(argv[1]) : 10 * 1000 * 1000;
  long long mine = points * (rank + 1) / size - points * rank / size, inside = 0, all = 0;

  uint64_t state = (uint64_t)rank << 40;
  for (long long i = 0; i < mine; i++) {
    double x = uniform(&state), y = uniform(&state);
    inside += x * x + y * y < 1.0;
  }
  MPI_Reduce(&inside, &all, 1, MPI_LONG_LONG, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) {
    double pi = 4.0 * (double)all / (double)points;
    printf("pi is about %.6f (off by %.1e) from %lld points on %d ranks\n", pi, fabs(pi - acos(-1.0)), points, size);
  }
  MPI_Finalize();
  return 0;
}
