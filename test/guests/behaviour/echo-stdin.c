/* Rank 0 reads standard input to its end and sends it to the last rank, which writes it in capitals. */
#include <ctype.h>
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size, length = 0;
  char text[65536];
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank == 0) {
    length = (int)fread(text, 1, sizeof text, stdin);
    if (size > 1) MPI_Send(text, length, MPI_CHAR, size - 1, 0, MPI_COMM_WORLD);
  }
  if (rank == size - 1) {
    if (size > 1) {
      MPI_Status status;
      MPI_Recv(text, sizeof text, MPI_CHAR, 0, 0, MPI_COMM_WORLD, &status);
      MPI_Get_count(&status, MPI_CHAR, &length);
    }
    for (int i = 0; i < length; i++) putchar(toupper((unsigned char)text[i]));
  }
  MPI_Finalize();
  return 0;
}
