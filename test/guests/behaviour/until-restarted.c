/* Ranks in a ring exchange stamped halos for as long as they are in the VMs in which they began, and some steps more: so the job does not end before it
   was saved, and goes on in others. A message that is lost, comes twice or out of order is a wrong stamp, and ends the program. Rank 0 writes each
   round to a file, and reads it again at the end: what was open when it was saved must still be. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verbena/abi.h"

enum { length = 512, every = 20, more = 5 };

static int rank, size;
static char begun[64];

static int elsewhere(void)
{
  return strncmp(begun, (const char *)vb_boot_info()->vm_id, sizeof begun) != 0;
}

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
  strncpy(begun, (const char *)vb_boot_info()->vm_id, sizeof begun - 1);
  int left = (rank + size - 1) % size, right = (rank + 1) % size;
  static long mine[length], halo[length];
  FILE *file = rank == 0 ? fopen("rounds.txt", "w+") : NULL;
  for (int step = 0, rounds = 0; rounds < more; step++) {
    for (int i = 0; i < length; i++) mine[i] = (long)step * 1000 + rank;
    MPI_Request request;
    MPI_Irecv(halo, length, MPI_LONG, left, step % 7, MPI_COMM_WORLD, &request);
    MPI_Send(mine, length, MPI_LONG, right, step % 7, MPI_COMM_WORLD);
    struct timespec nap = {0, 2000000};
    nanosleep(&nap, NULL);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    check(halo, left, step);
    if (step % every != 0) continue;
    int here = elsewhere(), all;
    MPI_Allreduce(&here, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    rounds += all;
    if (file == NULL) continue;
    fprintf(file, "%d\n", step);
    printf("step %d\n", step);
    fflush(stdout);
  }
  if (file != NULL) {
    int told = 0, at;
    rewind(file);
    while (fscanf(file, "%d", &at) == 1)
      if (at == told * every) told++;
    printf("rounds %d\n", told);
    fclose(file);
  }
  MPI_Finalize();
  return 0;
}
