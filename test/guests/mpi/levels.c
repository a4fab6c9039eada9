/*
 * Catches: collectives between and within hosts that lose a block, take a root for a leader, or combine in an order that shows; from every root, with ranks that share hosts in any
 * order, blocking and not.
 */
#include "check.h"

enum { N = 37 };

static void from_root(int root, MPI_Comm comm)
{
  int rank, size, values[N], sums[N];
  MPI_Request request;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  for (int way = 0; way < 2; way++) {
    for (int i = 0; i < N; i++) values[i] = rank == root ? pattern(root, way, i) : -1;
    if (way == 0) MPI_Bcast(values, N, MPI_INT, root, comm);
    if (way == 1) {
      MPI_Ibcast(values, N, MPI_INT, root, comm, &request);
      MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    for (int i = 0; i < N; i++) CHECK(values[i] == pattern(root, way, i), "broadcast from %d, way %d: element %d is %d", root, way, i, values[i]);
    for (int i = 0; i < N; i++) values[i] = (rank + 1) * (i + 1);
    memset(sums, 0xff, sizeof sums);
    if (way == 0) MPI_Reduce(values, sums, N, MPI_INT, MPI_SUM, root, comm);
    if (way == 1) {
      MPI_Ireduce(values, sums, N, MPI_INT, MPI_SUM, root, comm, &request);
      MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    for (int i = 0; i < N; i++)
      CHECK(sums[i] == (rank == root ? size * (size + 1) / 2 * (i + 1) : -1), "sum at %d, way %d: element %d is %d", root, way, i, sums[i]);
  }
}

static void of_all(MPI_Comm comm)
{
  int rank, size, values[N], sums[N], *all;
  MPI_Comm_rank(comm, &rank);
  MPI_Comm_size(comm, &size);
  all = malloc((size_t)size * N * sizeof *all);
  for (int i = 0; i < N; i++) values[i] = pattern(rank, 3, i);
  MPI_Allgather(values, N, MPI_INT, all, N, MPI_INT, comm);
  for (int r = 0; r < size; r++)
    for (int i = 0; i < N; i++) CHECK(all[r * N + i] == pattern(r, 3, i), "block %d, element %d is %d", r, i, all[r * N + i]);
  for (int i = 0; i < N; i++) values[i] = 1 << (rank % 30);
  MPI_Allreduce(values, sums, N, MPI_INT, MPI_BOR, comm);
  for (int i = 0; i < N; i++) CHECK(sums[i] == (1 << (size > 30 ? 30 : size)) - 1, "bits %x", (unsigned)sums[i]);
  MPI_Barrier(comm);
  free(all);
}

/* Sums of fractions depend on the order, which must not depend on where the ranks are: the same as by the tree over all ranks. */
static void in_order(void)
{
  double mine = 1.0 / (me + 3), sum, wanted, *all = malloc((size_t)ranks * sizeof *all);
  MPI_Allgather(&mine, 1, MPI_DOUBLE, all, 1, MPI_DOUBLE, MPI_COMM_WORLD);
  for (int bit = 1; bit < ranks; bit *= 2)
    for (int r = 0; r + bit < ranks; r += 2 * bit) all[r] += all[r + bit];
  wanted = all[0];
  MPI_Reduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  if (me == 0) CHECK(sum == wanted, "%a instead of %a", sum, wanted);
  free(all);
}

int main(int argc, char **argv)
{
  begin(&argc, &argv);
  MPI_Comm reversed, odd;
  MPI_Comm_split(MPI_COMM_WORLD, 0, -me, &reversed);
  MPI_Comm_split(MPI_COMM_WORLD, me % 2, me * 7 % 5, &odd);
  MPI_Comm comms[] = {MPI_COMM_WORLD, reversed, odd};
  for (int c = 0; c < 3; c++) {
    int size;
    MPI_Comm_size(comms[c], &size);
    for (int root = 0; root < size; root++) from_root(root, comms[c]);
    of_all(comms[c]);
  }
  in_order();
  MPI_Comm_free(&reversed);
  MPI_Comm_free(&odd);
  return end();
}
