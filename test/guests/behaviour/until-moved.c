/* Ranks in a ring exchange stamped halos until so many of them are on another host than the one where they began: nobody has to guess how long that takes.
   A message that is lost, comes twice or out of order is a wrong stamp, and ends the program. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { length = 512, most_steps = 200000 };

int main(int argc, char **argv)
{
  int rank, size, bytes, moved = 0;
  int wanted = argc > 1 ? atoi(argv[1]) : 1;
  char first[MPI_MAX_PROCESSOR_NAME], now[MPI_MAX_PROCESSOR_NAME];
  long mine[length], halo[length];
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Get_processor_name(first, &bytes);
  int left = (rank + size - 1) % size, right = (rank + 1) % size;
  for (int step = 0; moved < wanted && step < most_steps; step++) {
    MPI_Request request;
    for (int i = 0; i < length; i++) mine[i] = (long)step * 1000 + rank;
    MPI_Irecv(halo, length, MPI_LONG, left, step % 7, MPI_COMM_WORLD, &request);
    MPI_Send(mine, length, MPI_LONG, right, step % 7, MPI_COMM_WORLD);
    struct timespec nap = {0, 5000000};
    nanosleep(&nap, NULL);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    for (int i = 0; i < length; i++)
      if (halo[i] != (long)step * 1000 + left) {
        printf("rank %d, step %d: halo[%d] from %d is %ld\n", rank, step, i, left, halo[i]);
        MPI_Abort(MPI_COMM_WORLD, 3);
      }
    MPI_Get_processor_name(now, &bytes);
    int elsewhere = strcmp(first, now) != 0;
    MPI_Allreduce(&elsewhere, &moved, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0 && step % 100 < 4) {
      printf("step %d\n", step);
      fflush(stdout);
    }
  }
  if (rank == 0) printf("moved %d\n", moved);
  MPI_Finalize();
  return moved < wanted;
}
