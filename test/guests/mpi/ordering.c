/* Catches: messages that overtake one another, whether short, buffered or in rendezvous, received before or after they arrive. */
#include "check.h"

#define MESSAGES 400

static int length_of(int message) {
  static const int lengths[] = {1, 2, 17, 18, 19, 300, 2000, 2043, 5000, 40000};
  return lengths[message * 7 % 10];
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int *buffer = malloc(40000 * sizeof *buffer);
  for (int late = 0; late < 2; late++) {
    for (int sender = 0; sender < ranks; sender++) {
      if (me == sender) {
        for (int m = 0; m < MESSAGES; m++) {
          for (int i = 0; i < length_of(m); i++) buffer[i] = pattern(me, m, i);
          for (int to = 0; to < ranks; to++)
            if (to != me) MPI_Send(buffer, length_of(m), MPI_INT, to, m % 3, MPI_COMM_WORLD);
        }
      } else {
        for (int m = 0; m < MESSAGES; m++) {
          MPI_Status status;
          int got;
          MPI_Recv(buffer, 40000, MPI_INT, sender, late && m % 5 == 0 ? MPI_ANY_TAG : m % 3, MPI_COMM_WORLD, &status);
          MPI_Get_count(&status, MPI_INT, &got);
          CHECK(got == length_of(m), "message %d has %d instead of %d", m, got, length_of(m));
          CHECK(status.MPI_TAG == m % 3 && status.MPI_SOURCE == sender, "tag %d source %d", status.MPI_TAG, status.MPI_SOURCE);
          for (int i = 0; i < got; i++) CHECK(buffer[i] == pattern(sender, m, i), "message %d index %d: %d", m, i, buffer[i]);
        }
      }
      if (late) MPI_Barrier(MPI_COMM_WORLD);
    }
  }
  free(buffer);
  return end();
}
