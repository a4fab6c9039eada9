/* A program of its own, to be spawned by another: tells its parents what it was called and where it is. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
  MPI_Comm parent;
  int rank, size;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Comm_get_parent(&parent);
  printf("worker %d of %d, argument %s, %s\n", rank, size, argc > 1 ? argv[1] : "none", parent == MPI_COMM_NULL ? "an orphan" : "a child");
  int word = 1;
  if (parent != MPI_COMM_NULL && rank == 0) MPI_Send(&word, 1, MPI_INT, 0, 1, parent);
  MPI_Finalize();
  return 0;
}
