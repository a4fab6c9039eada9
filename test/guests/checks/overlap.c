/*
 * Two receives at once into overlapping bytes; two sends from the same are allowed.
 * stderr: a receive at overlap.c:20: its buffer overlaps that of a receive that is not complete, started at overlap.c:19
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  int numbers[10] = {0}, rank, size;
  MPI_Request requests[4];
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int next = (rank + 1) % size, from = (rank + size - 1) % size;
  static int out[10];
  MPI_Isend(out, 10, MPI_INT, next, 0, MPI_COMM_WORLD, &requests[2]);
  MPI_Isend(out, 5, MPI_INT, next, 1, MPI_COMM_WORLD, &requests[3]);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Irecv(numbers, 6, MPI_INT, from, 2, MPI_COMM_WORLD, &requests[0]);
  MPI_Irecv(numbers + 5, 5, MPI_INT, from, 3, MPI_COMM_WORLD, &requests[1]);
  MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
  MPI_Finalize();
  return 0;
}
