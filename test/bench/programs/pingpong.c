/*
 * Half round trip and bandwidth between ranks 0 and 1, in the manner of the OSU micro-benchmarks.
 *
 * Usage: pingpong latency BYTES ROUNDS     prints "latency_us X"
 *        pingpong bandwidth BYTES ROUNDS   prints "bandwidth_mb_s X" (10^6 bytes), windows of 16 messages, one answer a window
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 16 };

static void latency(int rank, char *buffer, int bytes, int rounds)
{
  for (int i = 0; i < rounds; i++) {
    if (rank == 0) {
      MPI_Send(buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD);
      MPI_Recv(buffer, bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else {
      MPI_Recv(buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      MPI_Send(buffer, bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD);
    }
  }
}

static void bandwidth(int rank, char *buffer, int bytes, int rounds)
{
  MPI_Request requests[WINDOW];
  for (int i = 0; i < rounds; i++) {
    for (int w = 0; w < WINDOW; w++) {
      if (rank == 0) MPI_Isend(buffer, bytes, MPI_CHAR, 1, 2, MPI_COMM_WORLD, &requests[w]);
      else MPI_Irecv(buffer, bytes, MPI_CHAR, 0, 2, MPI_COMM_WORLD, &requests[w]);
    }
    MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
    char done;
    if (rank == 0) MPI_Recv(&done, 1, MPI_CHAR, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    else MPI_Send(buffer, 1, MPI_CHAR, 0, 3, MPI_COMM_WORLD);
  }
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (argc != 4 || size != 2) {
    if (rank == 0) fprintf(stderr, "usage: pingpong latency|bandwidth BYTES ROUNDS, on 2 ranks\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  int bytes = atoi(argv[2]), rounds = atoi(argv[3]), measure_latency = strcmp(argv[1], "latency") == 0;
  char *buffer = malloc((size_t)bytes + 1);
  memset(buffer, 7, (size_t)bytes + 1);

  double started = 0;
  for (int pass = 0; pass < 2; pass++) { /* the first, shorter, warms up */
    int n = pass ? rounds : rounds / 10 + 1;
    MPI_Barrier(MPI_COMM_WORLD);
    started = MPI_Wtime();
    if (measure_latency) latency(rank, buffer, bytes, n);
    else bandwidth(rank, buffer, bytes, n);
  }
  double seconds = MPI_Wtime() - started;
  if (rank == 0) {
    if (measure_latency) printf("latency_us %.4f\n", seconds / rounds / 2 * 1e6);
    else printf("bandwidth_mb_s %.1f\n", (double)bytes * WINDOW * rounds / seconds * 1e-6);
  }
  free(buffer);
  MPI_Finalize();
  return 0;
}
