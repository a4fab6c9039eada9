/*
 * Time of the collectives whose algorithms a table chooses, for "verbena bench tune": the same calls with one algorithm after the other.
 *
 * Usage: collectives [batch_ms]   each figure is that of the quickest of 5 batches of about batch_ms milliseconds (default 20)
 *
 * Prints lines "collective bytes value": the bytes by which the table goes (one rank's part, of an allgather all ranks'), and microseconds of the slowest rank.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCHES = 5, LARGEST = 1 << 18 };

static int rank, size;
static int *out, *in;

static void barrier(int count)
{
  (void)count;
  MPI_Barrier(MPI_COMM_WORLD);
}
/* From another root each time: otherwise some ranks would be ahead by a call and more, and the time be that of a stream. */
static int next_root(void)
{
  static int turn;
  return turn++ % size;
}
static void bcast(int count) { MPI_Bcast(out, count, MPI_INT, next_root(), MPI_COMM_WORLD); }
static void reduce(int count) { MPI_Reduce(out, in, count, MPI_INT, MPI_SUM, next_root(), MPI_COMM_WORLD); }
static void allreduce(int count) { MPI_Allreduce(out, in, count, MPI_INT, MPI_SUM, MPI_COMM_WORLD); }
static void allgather(int count) { MPI_Allgather(out, count, MPI_INT, in, count, MPI_INT, MPI_COMM_WORLD); }
static void alltoall(int count) { MPI_Alltoall(out, count, MPI_INT, in, count, MPI_INT, MPI_COMM_WORLD); }

static double seconds_of(void (*call)(int), int count, int calls)
{
  MPI_Barrier(MPI_COMM_WORLD);
  double began = MPI_Wtime();
  for (int i = 0; i < calls; i++) call(count);
  double mine = MPI_Wtime() - began, slowest;
  MPI_Allreduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return slowest;
}

static void measure(const char *name, void (*call)(int), int bytes, double batch_seconds)
{
  int count = bytes / (int)sizeof *out, calls = 1;
  double once = seconds_of(call, count, 3) / 3, best = 0;
  if (once < batch_seconds) calls = (int)(batch_seconds / (once > 1e-7 ? once : 1e-7)) + 1;
  for (int i = 0; i < BATCHES; i++) {
    double each = seconds_of(call, count, calls) / calls;
    if (i == 0 || each < best) best = each;
  }
  int told = call == allgather ? bytes * size : bytes;
  if (rank == 0) printf("%s %d %.3f\n", name, told, best * 1e6);
}

static const struct {
  const char *name;
  void (*call)(int);
} all[] = {{"bcast", bcast}, {"reduce", reduce}, {"allreduce", allreduce}, {"allgather", allgather}, {"alltoall", alltoall}};

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  double batch_seconds = argc > 1 ? atof(argv[1]) / 1000 : 0.02;
  out = calloc((size_t)size, LARGEST);
  in = calloc((size_t)size, LARGEST);
  if (out == NULL || in == NULL || batch_seconds <= 0) MPI_Abort(MPI_COMM_WORLD, 2);
  measure("barrier", barrier, 0, batch_seconds);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (int bytes = 8; bytes <= LARGEST; bytes *= 8) measure(all[i].name, all[i].call, bytes, batch_seconds);
  MPI_Finalize();
  return 0;
}
