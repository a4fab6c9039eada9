/* Spawns one process of the program that its first argument names (this one: "-"), and stays with it: the child waits for a word that the parent never
   sends, or exits with the code that is the second argument. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  int rank, word;
  MPI_Comm other;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_get_parent(&other);
  if (other == MPI_COMM_NULL) {
    char *command = argc > 1 && strcmp(argv[1], "-") != 0 ? argv[1] : argv[0];
    MPI_Comm_spawn(command, argc > 2 ? argv + 2 : MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &other, MPI_ERRCODES_IGNORE);
    if (rank == 0) printf("spawned\n");
    fflush(stdout);
  } else if (argc > 1 && strcmp(argv[1], "fail") == 0) {
    exit(atoi(argv[2]));
  }
  /* Computes now and then, so that this is no deadlock. */
  for (int arrived = 0; !arrived; usleep(10000)) MPI_Iprobe(0, 1, other, &arrived, MPI_STATUS_IGNORE);
  MPI_Recv(&word, 1, MPI_INT, 0, 1, other, MPI_STATUS_IGNORE);
  MPI_Finalize();
  return 0;
}
