/*
 * What one message costs, in the manner of the OSU micro-benchmarks: latency, bandwidth in one and in both directions, message rate, the
 * time to register memory, and collectives.
 *
 * Usage: micro [batch_ms [messages]]     `messages`: latency and bandwidth only. Each figure is that of the quickest of 5 batches of about batch_ms milliseconds (default 40):
 * what others do on the machine makes batches slower and none quicker
 *
 * Prints lines "figure bytes value": latency in microseconds (half a round trip), bandwidth and bidirectional in 10^6 bytes a second,
 * rate in messages a second, register and deregister in microseconds, barrier, bcast, reduce, allreduce, allgather and alltoall in microseconds.
 */
#include <infiniband/verbs.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCHES = 5, WINDOW = 32, LARGEST = 1 << 20 };

static int rank, size;
static double batch_seconds = 0.04;
static char *out, *in;
static MPI_Request requests[2 * WINDOW];

static void ping_pong(int bytes) {
  if (rank == 0) {
    MPI_Send(out, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD);
    MPI_Recv(in, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  } else if (rank == 1) {
    MPI_Recv(in, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(out, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD);
  }
}

/* A window of messages from rank 0, and a short answer. */
static void window(int bytes) {
  if (rank > 1) return;
  for (int i = 0; i < WINDOW; i++) {
    if (rank == 0) MPI_Isend(out, bytes, MPI_CHAR, 1, 2, MPI_COMM_WORLD, &requests[i]);
    else MPI_Irecv(in, bytes, MPI_CHAR, 0, 2, MPI_COMM_WORLD, &requests[i]);
  }
  MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
  if (rank == 0) MPI_Recv(in, 1, MPI_CHAR, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  else MPI_Send(out, 1, MPI_CHAR, 0, 3, MPI_COMM_WORLD);
}

static void both_ways(int bytes) {
  if (rank > 1) return;
  for (int i = 0; i < WINDOW; i++) MPI_Irecv(in, bytes, MPI_CHAR, 1 - rank, 4, MPI_COMM_WORLD, &requests[i]);
  for (int i = 0; i < WINDOW; i++) MPI_Isend(out, bytes, MPI_CHAR, 1 - rank, 4, MPI_COMM_WORLD, &requests[WINDOW + i]);
  MPI_Waitall(2 * WINDOW, requests, MPI_STATUSES_IGNORE);
}

static void barrier(int bytes) {
  (void)bytes;
  MPI_Barrier(MPI_COMM_WORLD);
}

static void bcast(int bytes) { MPI_Bcast(out, bytes, MPI_CHAR, 0, MPI_COMM_WORLD); }

static void reduce(int bytes) { MPI_Reduce(out, in, bytes / 8, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD); }

static void allgather(int bytes) { MPI_Allgather(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, MPI_COMM_WORLD); }

static void allreduce(int bytes) { MPI_Allreduce(out, in, bytes / 8, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD); }

static void alltoall(int bytes) { MPI_Alltoall(out, bytes, MPI_CHAR, in, bytes, MPI_CHAR, MPI_COMM_WORLD); }

static double quickest(const double *values, int count) {
  double least = values[0];
  for (int i = 1; i < count; i++)
    if (values[i] < least) least = values[i];
  return least;
}

/* Seconds of one call, all ranks together: rank 0 decides how many make a batch. */
static double seconds_of(void (*call)(int), int bytes) {
  int rounds = 4;
  for (;;) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int i = 0; i < rounds; i++) call(bytes);
    double took = MPI_Wtime() - start;
    int next = took > batch_seconds / 4 ? rounds : rounds * 4;
    if (next == rounds && took < batch_seconds) next = (int)(rounds * batch_seconds / took) + 1;
    int done = took > batch_seconds / 4;
    int plan[2] = {next, done};
    MPI_Bcast(plan, 2, MPI_INT, 0, MPI_COMM_WORLD);
    rounds = plan[0];
    if (plan[1]) break;
  }
  double batch[BATCHES];
  for (int b = 0; b < BATCHES; b++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int i = 0; i < rounds; i++) call(bytes);
    batch[b] = (MPI_Wtime() - start) / rounds;
  }
  return quickest(batch, BATCHES);
}

static void say(const char *figure, int bytes, double value) {
  if (rank == 0) printf("%s %d %.6g\n", figure, bytes, value);
}

/* Fig 9: what it takes to register memory and to let it go, without a cache. */
static void registration(void) {
  int count;
  struct ibv_device **list = ibv_get_device_list(&count);
  struct ibv_context *context = list && count > 0 ? ibv_open_device(list[0]) : 0;
  struct ibv_pd *pd = context ? ibv_alloc_pd(context) : 0;
  if (!pd) {
    fprintf(stderr, "micro: no adapter to register memory with\n");
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  enum { TIMES = 200 };
  for (int bytes = 4096; bytes <= LARGEST; bytes *= 4) {
    double in_batch[BATCHES], out_batch[BATCHES];
    for (int b = 0; b < BATCHES; b++) {
      struct ibv_mr *regions[TIMES];
      double start = MPI_Wtime();
      for (int i = 0; i < TIMES; i++) regions[i] = ibv_reg_mr(pd, out, (size_t)bytes, IBV_ACCESS_LOCAL_WRITE);
      double middle = MPI_Wtime();
      for (int i = 0; i < TIMES; i++)
        if (regions[i]) ibv_dereg_mr(regions[i]);
      in_batch[b] = (middle - start) / TIMES;
      out_batch[b] = (MPI_Wtime() - middle) / TIMES;
    }
    say("register", bytes, 1e6 * quickest(in_batch, BATCHES));
    say("deregister", bytes, 1e6 * quickest(out_batch, BATCHES));
  }
  ibv_dealloc_pd(pd);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (argc > 1 && atof(argv[1]) > 0) batch_seconds = atof(argv[1]) / 1000;
  out = calloc((size_t)size, LARGEST);
  in = calloc((size_t)size, LARGEST);
  if (size < 2 || !out || !in) {
    if (rank == 0) fprintf(stderr, "usage: micro [batch_ms [messages]], on 2 ranks or more\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  static const int sizes[] = {1, 8, 64, 512, 4096, 16384, 65536, 262144, LARGEST};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) say("latency", sizes[i], 1e6 * seconds_of(ping_pong, sizes[i]) / 2);
  for (unsigned i = 2; i < sizeof sizes / sizeof *sizes; i++) say("bandwidth", sizes[i], 1e-6 * WINDOW * sizes[i] / seconds_of(window, sizes[i]));
  if (argc > 2 && strcmp(argv[2], "messages") == 0) {
    MPI_Finalize();
    return 0;
  }
  for (unsigned i = 2; i < sizeof sizes / sizeof *sizes; i++) say("bidirectional", sizes[i], 2e-6 * WINDOW * sizes[i] / seconds_of(both_ways, sizes[i]));
  for (unsigned i = 0; sizes[i] <= 4096; i++) say("rate", sizes[i], WINDOW / seconds_of(window, sizes[i]));
  if (rank < 2) registration();
  MPI_Barrier(MPI_COMM_WORLD);
  say("barrier", 0, 1e6 * seconds_of(barrier, 0));
  for (int bytes = 8; bytes <= 65536; bytes *= 8192) {
    say("bcast", bytes, 1e6 * seconds_of(bcast, bytes));
    say("reduce", bytes, 1e6 * seconds_of(reduce, bytes));
    say("allreduce", bytes, 1e6 * seconds_of(allreduce, bytes));
    say("allgather", bytes, 1e6 * seconds_of(allgather, bytes));
    say("alltoall", bytes, 1e6 * seconds_of(alltoall, bytes));
  }
  MPI_Finalize();
  return 0;
}
