/* One program of two sources, a header from an -I directory and a -D constant: prints the norm of SIZE ones. */
#include <mpi.h>
#include <stdio.h>
#include "norm.h"

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  double ones[SIZE];
  for (int i = 0; i < SIZE; i++) ones[i] = 1.0;
  double result = norm(ones, SIZE, MPI_COMM_WORLD);
  if (rank == 0) printf("norm %.6f\n", result);
  MPI_Finalize();
  return 0;
}
