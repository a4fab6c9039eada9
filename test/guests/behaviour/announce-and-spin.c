/* Says "spinning" and computes for ever: for stories that must interrupt a program which is certainly running. */
#include <mpi.h>
#include <stdio.h>

static volatile unsigned long turns;

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  puts("spinning");
  fflush(stdout);
  for (;;) turns++;
}
