/* The last rank ends with the code given as first argument, after MPI_Finalize: the job must end with the same code. */
#include <mpi.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Finalize();
  return rank == size - 1 && argc > 1 ? atoi(argv[1]) : 0;
}
