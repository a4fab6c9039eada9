/* Rank 0 computes for ever and never calls anything: only the walltime limit, or a cancel, can end it. */
#include <mpi.h>

static volatile unsigned long turns;

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  while (rank == 0) turns++;
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
