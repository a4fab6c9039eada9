/* A token goes around the ring of ranks as often as the first argument says (default 3); each rank adds its number. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int laps = argc > 1 ? atoi(argv[1]) : 3;
  int next = (rank + 1) % size, previous = (rank + size - 1) % size;

  long token = 0;
  for (int lap = 0; lap < laps; lap++) {
    if (rank == 0) MPI_Send(&token, 1, MPI_LONG, next, lap, MPI_COMM_WORLD);
    MPI_Recv(&token, 1, MPI_LONG, previous, lap, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    token += rank;
    if (rank != 0) MPI_Send(&token, 1, MPI_LONG, next, lap, MPI_COMM_WORLD);
    else printf("lap %d: the token is %ld\n", lap + 1, token);
  }

  long expected = (long)laps * size * (size - 1) / 2;
  MPI_Finalize();
  if (rank == 0 && token != expected) {
    fprintf(stderr, "the token is %ld, expected %ld\n", token, expected);
    return 1;
  }
  return 0;
}
