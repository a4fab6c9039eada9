/* Catches: windows of long messages in both directions that stop because credits are owed while the send queue is full. */
#include "check.h"

#define WINDOW 64
#define BYTES 16384

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int other = me ^ 1;
  if (other < ranks) {
    char *in = malloc(WINDOW * BYTES), *out = malloc(WINDOW * BYTES);
    MPI_Request requests[2 * WINDOW];
    for (int round = 0; round < 300; round++) {
      for (int i = 0; i < WINDOW; i++) memset(out + i * BYTES, pattern(me, round, i) & 0x7f, BYTES);
      for (int i = 0; i < WINDOW; i++) MPI_Irecv(in + i * BYTES, BYTES, MPI_CHAR, other, 4, MPI_COMM_WORLD, &requests[i]);
      for (int i = 0; i < WINDOW; i++) MPI_Isend(out + i * BYTES, BYTES, MPI_CHAR, other, 4, MPI_COMM_WORLD, &requests[WINDOW + i]);
      MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
      MPI_Waitall(WINDOW, requests + WINDOW, MPI_STATUSES_IGNORE);
      for (int i = 0; i < WINDOW; i++) {
        char expected = (char)(pattern(other, round, i) & 0x7f);
        CHECK(in[i * BYTES] == expected && in[(i + 1) * BYTES - 1] == expected, "round %d, message %d", round, i);
      }
    }
    free(in);
    free(out);
  }
  return end();
}
