/* What "verbena bench migration" runs while it moves VMs:
 *
 *   moving dirty MIB PAGES      holds so many MiB of numbers, and writes so many pages of them in each millisecond, until it is ended
 *   moving latency SECONDS      ranks 0 and 1 bounce 8 bytes, and all add up 8 bytes; the mean and the worst of each 10 ms
 *   moving work STEPS           each rank computes for a while, and exchanges with its neighbours: how long that takes in all
 *   moving overlap SECONDS P    the same exchange in each step, and so much computation that it takes P percent of the time: how long
 *                               that takes in all, and what it would have taken had all steps been as long as the usual one
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { page_words = 1024, bin_ns = 10000000, most_bins = 6000, halo = 1024 };

static long long now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void ready(void)
{
  printf("ready\n");
  fflush(stdout);
}

static int dirty(long mib, long pages)
{
  size_t words = (size_t)mib << 18, at = 0;
  /* No two ranks hold the same. */
  unsigned *heap = malloc(words * sizeof *heap), number = (unsigned)now() | 1;
  long long begun, done = 0;
  if (heap == NULL) return 2;
  for (size_t i = 0; i < words; i++) heap[i] = number = number * 1664525 + 1013904223;
  ready();
  for (begun = now();;) {
    struct timespec nap = {0, 1000000};
    nanosleep(&nap, NULL);
    for (long long due = (now() - begun) / 1000000 * pages; done < due; done++) {
      heap[at]++;
      at = at + page_words < words ? at + page_words : 0;
    }
  }
}

struct bin {
  long count;
  long long sum, worst;
};
static struct bin bounces[most_bins], sums[most_bins];

static void note(struct bin *bins, long long begun, long long from, long long to)
{
  long long at = (to - begun) / bin_ns;
  if (at >= most_bins) return;
  bins[at].count++;
  bins[at].sum += to - from;
  if (to - from > bins[at].worst) bins[at].worst = to - from;
}

static void tell(const char *what, const struct bin *bins)
{
  for (int i = 0; i < most_bins; i++)
    if (bins[i].count > 0)
      printf("%s %d %.3f %.3f\n", what, i * (bin_ns / 1000000), bins[i].sum / 1e3 / bins[i].count, bins[i].worst / 1e3);
}

static void latency(int rank, double seconds)
{
  char byte[8] = "";
  int going = 1;
  long long begun = now();
  if (rank == 0) ready();
  while (going) {
    for (int i = 0; i < 50; i++) {
      long long from = now();
      if (rank == 0) {
        MPI_Send(byte, 8, MPI_CHAR, 1, 0, MPI_COMM_WORLD);
        MPI_Recv(byte, 8, MPI_CHAR, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        note(bounces, begun, from, now());
      } else if (rank == 1) {
        MPI_Recv(byte, 8, MPI_CHAR, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(byte, 8, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
      }
    }
    for (int i = 0; i < 10; i++) {
      double one = 1, all;
      long long from = now();
      MPI_Allreduce(&one, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
      note(sums, begun, from, now());
    }
    going = now() - begun < seconds * 1e9;
    MPI_Bcast(&going, 1, MPI_INT, 0, MPI_COMM_WORLD);
  }
  if (rank != 0) return;
  tell("bounce", bounces);
  tell("allreduce", sums);
}

static void work(int rank, int size, int steps)
{
  static double field[200000], edge[halo];
  double sum = 0;
  long long begun = now();
  if (rank == 0) ready();
  for (int i = 0; i < 200000; i++) field[i] = i % 97;
  for (int step = 0; step < steps; step++) {
    for (int sweep = 0; sweep < 4; sweep++)
      for (int i = 1; i < 199999; i++) field[i] = 0.25 * field[i - 1] + 0.5 * field[i] + 0.25 * field[i + 1];
    MPI_Sendrecv(field, halo, MPI_DOUBLE, (rank + 1) % size, 0, edge, halo, MPI_DOUBLE, (rank + size - 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    memcpy(field, edge, sizeof edge);
    MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  }
  if (rank == 0) printf("work %d %.6f\n", steps, (now() - begun) / 1e9);
}

static double compute(long turns)
{
  double x = 1;
  for (long i = 0; i < turns; i++) x = x * 0.999 + 1e-3;
  return x;
}

static void exchange(int rank, int size)
{
  static double out[halo], in[halo];
  for (int i = 0; i < 20; i++)
    MPI_Sendrecv(out, halo, MPI_DOUBLE, (rank + 1) % size, 0, in, halo, MPI_DOUBLE, (rank + size - 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static int by_length(const void *a, const void *b)
{
  long long x = *(const long long *)a, y = *(const long long *)b;
  return (x > y) - (x < y);
}

static void overlap(int rank, int size, double seconds, double percent)
{
  enum { trials = 50, trial_turns = 2000000, most_steps = 1 << 18 };
  static long long steps[most_steps];
  volatile double sink;
  long plan[2];
  long long from = now();
  sink = compute(trial_turns);
  double turns_per_ns = (double)trial_turns / (now() - from);
  from = now();
  for (int i = 0; i < trials; i++) exchange(rank, size);
  double exchange_ns = (double)(now() - from) / trials, step_ns = exchange_ns * 100 / (100 - percent);
  plan[0] = (long)(turns_per_ns * (step_ns - exchange_ns));
  plan[1] = (long)(seconds * 1e9 / step_ns);
  if (plan[1] > most_steps) plan[1] = most_steps;
  MPI_Bcast(plan, 2, MPI_LONG, 0, MPI_COMM_WORLD);
  if (rank == 0) ready();
  long long begun = now();
  for (long i = 0; i < plan[1]; i++) {
    from = now();
    sink = compute(plan[0]);
    exchange(rank, size);
    steps[i] = now() - from;
  }
  (void)sink;
  double all = (now() - begun) / 1e9;
  qsort(steps, plan[1], sizeof *steps, by_length);
  if (rank == 0) printf("overlap %.0f %.6f %.6f\n", percent, all, plan[1] * (steps[plan[1] / 2] / 1e9));
}

int main(int argc, char **argv)
{
  int rank, size;
  if (argc == 4 && strcmp(argv[1], "dirty") == 0) return dirty(atol(argv[2]), atol(argv[3]));
  if (argc != 3 && (argc != 4 || strcmp(argv[1], "overlap") != 0)) return 64;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (strcmp(argv[1], "latency") == 0) latency(rank, atof(argv[2]));
  else if (argc == 4) overlap(rank, size, atof(argv[2]), atof(argv[3]));
  else work(rank, size, atoi(argv[2]));
  MPI_Finalize();
  return 0;
}
