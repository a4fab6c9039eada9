/* Endless recursion: the stack lies at the bottom of memory, so it must trap instead of running over data. */
#include <mpi.h>

static volatile int depth;

__attribute__((noinline)) int recurse(int n)
{
  volatile char frame[4096];
  frame[n & 4095] = (char)n;
  depth = n;
  return recurse(n + 1) + frame[n & 4095];
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int result = recurse(0);
  MPI_Finalize();
  return result;
}
