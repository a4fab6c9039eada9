/*
 * Every rank takes itself for the root.
 * stderr: MPI_Bcast at root.c:12: the root is 1 here and 0 at rank 0 of MPI_COMM_WORLD at root.c:12
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  int rank, number = 5;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Bcast(&number, 1, MPI_INT, rank, MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
