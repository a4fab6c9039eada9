/*
 * Both ranks receive first: the report names ranks, tags, communicator and lines.
 * stderr: MPI_Recv(source=1, tag=4, comm=MPI_COMM_WORLD) at deadlock.c:13
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  int rank, number = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Recv(&number, 1, MPI_INT, 1 - rank, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Send(&number, 1, MPI_INT, 1 - rank, 4, MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
