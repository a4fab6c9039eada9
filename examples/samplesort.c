/*
 * Sorts numbers that are spread over all ranks, by regular sampling (Shi and Schaeffer, 1992): sort what is here, agree on p - 1 splitters from
 * a sample of everybody's, send each number to the rank whose range it is in, and merge. Verifies order, count and sum.
 *
 *   verbena run -n 8 examples/samplesort.c -- 1000000
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static uint64_t sum_of(const uint32_t *numbers, int n)
{
  uint64_t sum = 0;
  for (int i = 0; i < n; i++) sum += numbers[i];
  return sum;
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size, n = argc > 1 ? atoi(argv[1]) : 200000;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (n < size) n = size;

  uint32_t *numbers = malloc((size_t)n * sizeof *numbers), seed = 12345u + 7919u * (uint32_t)rank;
  for (int i = 0; i < n; i++) numbers[i] = seed = seed * 1664525u + 1013904223u;
  uint64_t before = sum_of(numbers, n);
  double began = MPI_Wtime();
  qsort(numbers, (size_t)n, sizeof *numbers, ascending);

  /* p samples of each rank; of all p * p, sorted, every p-th is a splitter. */
  uint32_t *samples = malloc((size_t)size * (size_t)size * sizeof *samples), *mine = malloc((size_t)size * sizeof *mine);
  for (int i = 0; i < size; i++) mine[i] = numbers[(int64_t)i * n / size];
  MPI_Allgather(mine, size, MPI_UINT32_T, samples, size, MPI_UINT32_T, MPI_COMM_WORLD);
  qsort(samples, (size_t)size * (size_t)size, sizeof *samples, ascending);

  int *counts = calloc((size_t)size * 4, sizeof *counts), *starts = counts + size, *in_counts = counts + 2 * size, *in_starts = counts + 3 * size;
  for (int i = 0, to = 0; i < n; i++) {
    while (to < size - 1 && numbers[i] >= samples[(to + 1) * size]) to++;
    counts[to]++;
  }
  MPI_Alltoall(counts, 1, MPI_INT, in_counts, 1, MPI_INT, MPI_COMM_WORLD);
  int got = in_counts[0];
  for (int i = 1; i < size; i++) {
    starts[i] = starts[i - 1] + counts[i - 1];
    in_starts[i] = got;
    got += in_counts[i];
  }
  uint32_t *sorted = malloc(((size_t)got + 1) * sizeof *sorted);
  MPI_Alltoallv(numbers, counts, starts, MPI_UINT32_T, sorted, in_counts, in_starts, MPI_UINT32_T, MPI_COMM_WORLD);
  qsort(sorted, (size_t)got, sizeof *sorted, ascending);
  double seconds = MPI_Wtime() - began;

  /* In order here, and not below the largest number of any rank before. */
  uint32_t last = got > 0 ? sorted[got - 1] : 0, below = 0;
  MPI_Exscan(&last, &below, 1, MPI_UINT32_T, MPI_MAX, MPI_COMM_WORLD);
  int wrong = rank > 0 && got > 0 && sorted[0] < below;
  for (int i = 1; i < got; i++) wrong |= sorted[i - 1] > sorted[i];
  uint64_t totals[4] = {before, sum_of(sorted, got), (uint64_t)n, (uint64_t)got}, all[4];
  int any;
  MPI_Reduce(totals, all, 4, MPI_UINT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
  MPI_Reduce(&wrong, &any, 1, MPI_INT, MPI_LOR, 0, MPI_COMM_WORLD);
  int good = rank != 0 || (!any && all[0] == all[1] && all[2] == all[3]);
  if (rank == 0) printf("%llu numbers sorted in %.3f s: %s\n", (unsigned long long)all[2], seconds, good ? "verified" : "WRONG");
  MPI_Finalize();
  return !good;
}
