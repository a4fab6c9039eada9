/*
 * The ranks of a communicator call different collectives.
 * stderr: MPI_Allreduce at order.c:16: rank 0 of MPI_COMM_WORLD calls MPI_Barrier at order.c:14: a collective is called by all ranks in the same order
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  int rank, one = 1, sum;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Bcast(&one, 1, MPI_INT, 0, MPI_COMM_WORLD);
  if (rank == 0) {
    MPI_Barrier(MPI_COMM_WORLD);
  } else {
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  }
  MPI_Finalize();
  return 0;
}
