/* Catches: a flood of messages before any receive is posted that deadlocks, exhausts credits or memory, or loses its order. */
#include "check.h"

#define MANY 5000

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int left = (me - 1 + ranks) % ranks, right = (me + 1) % ranks;
  MPI_Request *requests = malloc(2 * MANY * sizeof *requests);
  int *out = malloc(MANY * 40 * sizeof *out), in[40];
  /* All sends first, of mixed lengths, received in the opposite order of tags. */
  for (int m = 0; m < MANY; m++) {
    for (int i = 0; i < 40; i++) out[m * 40 + i] = pattern(me, m, i);
    MPI_Isend(out + m * 40, m % 2 ? 40 : 1, MPI_INT, right, m, MPI_COMM_WORLD, &requests[m]);
  }
  int go = 0, come;
  MPI_Request last;
  MPI_Isend(&go, 1, MPI_INT, right, MANY, MPI_COMM_WORLD, &last);
  MPI_Recv(&come, 1, MPI_INT, left, MANY, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  for (int m = MANY - 1; m >= 0; m--) {
    MPI_Status status;
    int got;
    MPI_Recv(in, 40, MPI_INT, left, m, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &got);
    CHECK(got == (m % 2 ? 40 : 1), "message %d has %d", m, got);
    for (int i = 0; i < got; i++) CHECK(in[i] == pattern(left, m, i), "message %d index %d", m, i);
  }
  MPI_Waitall(MANY, requests, MPI_STATUSES_IGNORE);
  MPI_Wait(&last, MPI_STATUS_IGNORE);
  /* 48 MiB of eager messages that wait: beyond what the receiver wants to keep, senders must turn to rendezvous. */
  enum { BLOCK = 8000, BLOCKS = 6000 };
  if (ranks > 1 && me < 2) {
    char *data = malloc(BLOCK);
    if (me == 0) {
      MPI_Request *sends = malloc(BLOCKS * sizeof *sends);
      memset(data, 'x', BLOCK);
      for (int m = 0; m < BLOCKS; m++) MPI_Isend(data, BLOCK, MPI_CHAR, 1, 7, MPI_COMM_WORLD, &sends[m]);
      int stop = 1;
      MPI_Send(&stop, 1, MPI_INT, 1, 8, MPI_COMM_WORLD);
      MPI_Waitall(BLOCKS, sends, MPI_STATUSES_IGNORE);
      free(sends);
    } else {
      int stop = 0;
      MPI_Recv(&stop, 1, MPI_INT, 0, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      for (int m = 0; m < BLOCKS; m++) {
        data[0] = data[BLOCK - 1] = 0;
        MPI_Recv(data, BLOCK, MPI_CHAR, 0, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK(data[0] == 'x' && data[BLOCK - 1] == 'x', "block %d", m);
      }
    }
    free(data);
  }
  free(requests);
  free(out);
  return end();
}
