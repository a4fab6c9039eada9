/*
 * What is left at MPI_Finalize is named with its place: a request, two communicators of one line, a datatype.
 * stderr: rank 0: 1 request left at MPI_Finalize, made at leaks.c:19
 * stderr: rank 0: 2 communicators left at MPI_Finalize, made at leaks.c:17
 * stderr: rank 0: 1 datatype left at MPI_Finalize, made at leaks.c:18
 * exit: 0
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  MPI_Comm copies[2], freed;
  MPI_Datatype type;
  MPI_Request request;
  int number = 0;
  MPI_Init(&argc, &argv);
  for (int i = 0; i < 2; i++) MPI_Comm_dup(MPI_COMM_WORLD, &copies[i]);
  MPI_Type_vector(2, 1, 2, MPI_INT, &type);
  MPI_Irecv(&number, 1, MPI_INT, MPI_ANY_SOURCE, 7, copies[0], &request);
  MPI_Comm_dup(MPI_COMM_WORLD, &freed);
  MPI_Comm_free(&freed);
  MPI_Finalize();
  return 0;
}
