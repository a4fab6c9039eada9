/* A gibibyte from rank 0 to rank 1 in messages of 16 MiB, each checked at its ends and at steps between: what a link must carry without growing. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE (16u << 20)
#define PIECES 64u

static unsigned char byte_of(unsigned piece, unsigned i) { return (unsigned char)(piece * 31 + (i >> 12) + i); }

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, bad = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  unsigned char *buffer = malloc(PIECE);
  for (unsigned piece = 0; piece < PIECES; piece++) {
    if (rank == 0) {
      for (unsigned i = 0; i < PIECE; i += 4093) buffer[i] = byte_of(piece, i);
      buffer[PIECE - 1] = (unsigned char)piece;
      MPI_Send(buffer, PIECE, MPI_BYTE, 1, 7, MPI_COMM_WORLD);
    } else if (rank == 1) {
      MPI_Recv(buffer, PIECE, MPI_BYTE, 0, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      for (unsigned i = 0; i + 1 < PIECE; i += 4093) bad |= buffer[i] != byte_of(piece, i);
      bad |= buffer[PIECE - 1] != (unsigned char)piece;
    }
  }
  if (rank == 1) printf("%s\n", bad ? "changed" : "whole");
  MPI_Finalize();
  return bad;
}
