/* Every rank writes a file named after it, in a directory it makes; rank 0 reads its own back. */
#include <mpi.h>
#include <stdio.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, answer = 0;
  char path[64];
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (mkdir("results", 0777) != 0) perror("results");
  snprintf(path, sizeof path, "results/rank-%d.txt", rank);
  FILE *file = fopen(path, "w");
  if (!file) {
    perror(path);
    MPI_Abort(MPI_COMM_WORLD, 3);
  }
  fprintf(file, "%d\n", rank * rank);
  fclose(file);
  if (rank == 0) {
    file = fopen(path, "r");
    if (!file || fscanf(file, "%d", &answer) != 1) MPI_Abort(MPI_COMM_WORLD, 4);
    fclose(file);
    printf("read back %d\n", answer);
  }
  MPI_Finalize();
  return 0;
}
