/* Ranks in a ring exchange stamped halos, and add up all stamps now and then: a message that is lost, comes twice or out of order on the way to another
   host is a wrong stamp, and ends the program. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { length = 512, every = 20 };

static int rank, size;

static void check(const long *halo, int from, int step)
{
  for (int i = 0; i < length; i++)
    if (halo[i] != (long)step * 1000 + from) {
      printf("rank %d, step %d: halo[%d] from %d is %ld\n", rank, step, i, from, halo[i]);
      MPI_Abort(MPI_COMM_WORLD, 3);
    }
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int steps = argc > 1 ? atoi(argv[1]) : 1000;
  int left = (rank + size - 1) % size, right = (rank + 1) % size;
  long mine[length], halo[length], total = 0;
  for (int step = 0; step < steps; step++) {
    for (int i = 0; i < length; i++) mine[i] = (long)step * 1000 + rank;
    MPI_Request request;
    MPI_Irecv(halo, length, MPI_LONG, left, step % 7, MPI_COMM_WORLD, &request);
    MPI_Send(mine, length, MPI_LONG, right, step % 7, MPI_COMM_WORLD);
    struct timespec nap = {0, 5000000};
    nanosleep(&nap, NULL);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    check(halo, left, step);
    if (step % every == 0) {
      long sum;
      MPI_Allreduce(&halo[0], &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
      total += sum;
      if (rank == 0) {
        printf("step %d\n", step);
        fflush(stdout);
      }
    }
  }
  if (rank == 0) printf("total %ld\n", total);
  MPI_Finalize();
  return 0;
}
