/*
 * A reduction whose length differs between ranks.
 * stderr: MPI_Allreduce at length.c:12: 32 bytes here and 24 at rank 0 of MPI_COMM_WORLD at length.c:12
 */
#include <mpi.h>

int main(int argc, char **argv)
{
  double in[8] = {0}, out[8];
  int rank;
  MPI_Init(&argc, &argv), MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Allreduce(in, out, 3 + rank, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
