/* Sends 3 messages of 1,000 bytes around a ring, and prints what the library has written about it, if it was asked to. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  char out[1000] = {0}, in[1000];
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  for (int i = 0; i < 3; i++)
    MPI_Sendrecv(out, 1000, MPI_CHAR, (rank + 1) % size, 1, in, 1000, MPI_CHAR, (rank + size - 1) % size, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Finalize();
  FILE *file = fopen("/mpi-trace.jsonl", "r");
  for (int c; file && (c = getc(file)) != EOF;) putchar(c);
  return 0;
}
