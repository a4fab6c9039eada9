/* Rank 1 reads through a wild pointer: a trap whose report must name `dereference` and leave the other ranks' VMs alone. */
#include <mpi.h>
#include <stdint.h>

static volatile uintptr_t address = 0xfffffff0u;

__attribute__((noinline)) int dereference(const volatile int *p)
{
  return *p + 1;
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 1) return dereference((const volatile int *)address);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Finalize();
  return 0;
}
