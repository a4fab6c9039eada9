/* Writes ten gigabytes to stdout: the output limit must end it, in bounded memory. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static char block[65536];

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  memset(block, 'x', sizeof block);
  for (int i = 1; i <= (int)sizeof block / 64; i++) block[i * 64 - 1] = '\n';
  for (int blocks = 0; blocks < 163840; blocks++) fwrite(block, 1, sizeof block, stdout);
  MPI_Finalize();
  return 0;
}
