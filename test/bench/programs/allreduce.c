/* Time of an 8-byte Allreduce over all ranks. Usage: allreduce ROUNDS; prints "allreduce_us X". */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, rounds = argc > 1 ? atoi(argv[1]) : 1000;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  double x = rank, sum = 0;
  for (int i = 0; i < 10; i++) MPI_Allreduce(&x, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  for (int i = 0; i < rounds; i++) MPI_Allreduce(&x, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  if (rank == 0) printf("allreduce_us %.3f\n", (MPI_Wtime() - started) / rounds * 1e6);
  MPI_Finalize();
  return 0;
}
