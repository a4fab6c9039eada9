/*
 * Time of one call over all ranks, of the figures that point-to-point does not show.
 *
 * Usage: collective WHAT BYTES ROUNDS   prints "call_us X", the slowest rank's mean
 *   rate        64 Isend or Irecv of BYTES from rank 0 to rank 1, Waitall, one answer; prints "messages_s X" as well
 *   allreduce   of BYTES of doubles
 *   alltoall    of BYTES to each rank
 *   vector      half round trip of BYTES of doubles, every second one of an array twice as long
 *   put         one-sided put of BYTES to the next rank, and a flush, in one lock_all
 *   bcast, allgather, reduce   of BYTES
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 64 };
static int rank, size;
static size_t bytes;
static char *in, *out;
static MPI_Datatype every_second;
static MPI_Win window;

static void rate(void)
{
  MPI_Request requests[WINDOW];
  for (int i = 0; i < WINDOW; i++) {
    if (rank == 0) MPI_Isend(out, (int)bytes, MPI_CHAR, 1, 1, MPI_COMM_WORLD, &requests[i]);
    else MPI_Irecv(in, (int)bytes, MPI_CHAR, 0, 1, MPI_COMM_WORLD, &requests[i]);
  }
  MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
  char answer = 0;
  if (rank == 0) MPI_Recv(&answer, 1, MPI_CHAR, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  else MPI_Send(&answer, 1, MPI_CHAR, 0, 2, MPI_COMM_WORLD);
}
static void allreduce(void) { MPI_Allreduce(out, in, (int)(bytes / sizeof(double)), MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD); }
static void reduce(void) { MPI_Reduce(out, in, (int)(bytes / sizeof(double)), MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD); }
static void alltoall(void) { MPI_Alltoall(out, (int)bytes, MPI_CHAR, in, (int)bytes, MPI_CHAR, MPI_COMM_WORLD); }
static void bcast(void) { MPI_Bcast(out, (int)bytes, MPI_CHAR, 0, MPI_COMM_WORLD); }
static void allgather(void) { MPI_Allgather(out, (int)bytes, MPI_CHAR, in, (int)bytes, MPI_CHAR, MPI_COMM_WORLD); }
static void vector(void)
{
  if (rank == 0) {
    MPI_Send(out, 1, every_second, 1, 1, MPI_COMM_WORLD);
    MPI_Recv(in, 1, every_second, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  } else {
    MPI_Recv(in, 1, every_second, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(out, 1, every_second, 0, 1, MPI_COMM_WORLD);
  }
}
static void put(void)
{
  if (rank != 0) return;
  MPI_Put(out, (int)bytes, MPI_CHAR, 1, 0, (int)bytes, MPI_CHAR, window);
  MPI_Win_flush(1, window);
}

static const struct {
  const char *name;
  void (*call)(void);
} calls[] = {{"rate", rate}, {"allreduce", allreduce}, {"reduce", reduce}, {"alltoall", alltoall}, {"bcast", bcast}, {"allgather", allgather}, {"vector", vector}, {"put", put}};

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  void (*call)(void) = NULL;
  for (size_t i = 0; argc == 4 && i < sizeof calls / sizeof *calls; i++)
    if (strcmp(argv[1], calls[i].name) == 0) call = calls[i].call;
  if (call == NULL) MPI_Abort(MPI_COMM_WORLD, 2);
  bytes = (size_t)atol(argv[2]);
  int rounds = atoi(argv[3]);
  size_t room = bytes * (size_t)(size > 2 ? size : 2) + 64;
  in = calloc(room, 1);
  out = calloc(room, 1);
  MPI_Type_vector((int)(bytes / sizeof(double)), 1, 2, MPI_DOUBLE, &every_second);
  MPI_Type_commit(&every_second);
  MPI_Win_create(in, (MPI_Aint)room, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &window);
  MPI_Win_lock_all(0, window);
  double began = 0, mine, slowest;
  for (int pass = 0; pass < 2; pass++) { /* the first, shorter, warms up */
    int n = pass ? rounds : rounds / 10 + 1;
    MPI_Barrier(MPI_COMM_WORLD);
    began = MPI_Wtime();
    for (int i = 0; i < n; i++) call();
  }
  mine = MPI_Wtime() - began;
  MPI_Reduce(&mine, &slowest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  double us = slowest / rounds * 1e6 / (call == vector ? 2 : 1);
  if (rank == 0) {
    printf("call_us %.4f\n", us);
    if (call == rate) printf("messages_s %.0f\n", WINDOW / us * 1e6);
  }
  MPI_Win_unlock_all(window);
  MPI_Win_free(&window);
  MPI_Type_free(&every_second);
  free(in);
  free(out);
  MPI_Finalize();
  return 0;
}
