/*
 * Collectives while ranks move: every rank has to choose the same algorithm for each, although some enter it before a move and some after it. Ranks are skewed by work of
 * different length; roots and lengths change from call to call, on three communicators. Every result is checked.
 *
 * Usage: collecting ROUNDS
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 3000 };
static int me, ranks;

static void must(int good, const char *what, int round)
{
  if (good) return;
  fprintf(stderr, "rank %d, round %d: wrong result of %s\n", me, round, what);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void work(unsigned *seed)
{
  *seed = *seed * 1664525u + 1013904223u;
  for (volatile unsigned i = *seed >> 14; i > 0; i--) {
  }
}

static void collect(MPI_Comm comm, int round)
{
  static int values[MOST], sums[MOST], *all;
  int rank, size, count = 1 + round * 37 % MOST, root;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  root = round % size;
  for (int i = 0; i < count; i++) values[i] = rank == root ? round + i : -1;
  MPI_Bcast(values, count, MPI_INT, root, comm);
  for (int i = 0; i < count; i++) must(values[i] == round + i, "MPI_Bcast", round);
  for (int i = 0; i < count; i++) values[i] = (rank + 1) * (i + round);
  MPI_Reduce(values, sums, count, MPI_INT, MPI_SUM, root, comm);
  for (int i = 0; i < count && rank == root; i++) must(sums[i] == size * (size + 1) / 2 * (i + round), "MPI_Reduce", round);
  MPI_Allreduce(values, sums, count, MPI_INT, MPI_MAX, comm);
  for (int i = 0; i < count; i++) must(sums[i] == size * (i + round), "MPI_Allreduce", round);
  all = realloc(all, (size_t)ranks * sizeof *all);
  MPI_Allgather(&rank, 1, MPI_INT, all, 1, MPI_INT, comm);
  for (int i = 0; i < size; i++) must(all[i] == i, "MPI_Allgather", round);
  if (round % 5 == 0) MPI_Barrier(comm);
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &me);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  int rounds = argc > 1 ? atoi(argv[1]) : 100;
  unsigned seed = (unsigned)me * 2654435761u;
  MPI_Comm reversed;
  MPI_Comm_split(MPI_COMM_WORLD, 0, -me, &reversed);
  for (int round = 0; round < rounds; round++) {
    MPI_Comm passing;
    work(&seed);
    collect(MPI_COMM_WORLD, round);
    if (round % 3 == 0) collect(reversed, round);
    if (round % 50 != 7) continue;
    /* One that takes the context of the one before. */
    MPI_Comm_dup(MPI_COMM_WORLD, &passing);
    for (int i = 0; i < 10; i++) collect(passing, round + i);
    MPI_Comm_free(&passing);
  }
  MPI_Comm_free(&reversed);
  if (me == 0) printf("%d rounds were right\n", rounds);
  MPI_Finalize();
  return 0;
}
