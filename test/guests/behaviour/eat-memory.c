/* Allocates until there is no more, and touches it. malloc must fail inside the limit; then the program aborts, as many do. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the compiler cannot see that nobody looks; else it leaves the allocation out altogether. */
static char *volatile kept;

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  size_t total = 0, step = 8u << 20;
  for (;;) {
    /* Volatile, or the compiler sees that nobody reads the block and leaves it out. */
    char *volatile block = malloc(step);
    if (!block) {
      fprintf(stderr, "out of memory after %zu MiB\n", total >> 20);
      abort();
    }
    memset(block, 1, step);
    kept = block;
    total += step;
  }
}
