/* Catches: probes that see the wrong message or length, take it away, or miss one in rendezvous; matched probes. */
#include "check.h"

int main(int argc, char **argv) {
  begin(&argc, &argv);
  static int buffer[50000];
  static const int lengths[] = {0, 1, 30, 3000, 50000};
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, got, flag;
  MPI_Request requests[5];
  MPI_Status status;
  for (int i = 0; i < 50000; i++) buffer[i] = pattern(me, 0, i);
  int *out = malloc(sizeof buffer), *in = malloc(sizeof buffer);
  memcpy(out, buffer, sizeof buffer);
  for (int k = 0; k < 5; k++) MPI_Isend(out, lengths[k], MPI_INT, right, 10 + k, MPI_COMM_WORLD, &requests[k]);
  for (int k = 4; k >= 0; k--) {
    MPI_Probe(k % 2 ? left : MPI_ANY_SOURCE, 10 + k, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &got);
    CHECK(got == lengths[k] && status.MPI_SOURCE == left && status.MPI_TAG == 10 + k, "probe saw %d from %d", got, status.MPI_SOURCE);
    do {
      MPI_Iprobe(left, 10 + k, MPI_COMM_WORLD, &flag, &status);
    } while (!flag);
    MPI_Recv(in, got, MPI_INT, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD, &status);
    for (int i = 0; i < got; i++) CHECK(in[i] == pattern(left, 0, i), "index %d", i);
    MPI_Iprobe(left, 10 + k, MPI_COMM_WORLD, &flag, &status);
    CHECK(!flag, "the message is still there");
  }
  MPI_Waitall(5, requests, MPI_STATUSES_IGNORE);
  for (int k = 0; k < 5; k++) MPI_Isend(out, lengths[k], MPI_INT, right, 20, MPI_COMM_WORLD, &requests[k]);
  MPI_Message messages[5];
  for (int k = 0; k < 5; k++) {
    if (k % 2) {
      MPI_Mprobe(left, 20, MPI_COMM_WORLD, &messages[k], &status);
    } else {
      do {
        MPI_Improbe(MPI_ANY_SOURCE, 20, MPI_COMM_WORLD, &flag, &messages[k], &status);
      } while (!flag);
    }
    MPI_Get_count(&status, MPI_INT, &got);
    CHECK(got == lengths[k], "matched probe %d saw %d", k, got);
  }
  for (int k = 4; k >= 0; k--) {
    MPI_Mrecv(in, lengths[k], MPI_INT, &messages[k], &status);
    CHECK(messages[k] == MPI_MESSAGE_NULL, "the message handle stays");
    for (int i = 0; i < lengths[k]; i++) CHECK(in[i] == pattern(left, 0, i), "index %d", i);
  }
  MPI_Waitall(5, requests, MPI_STATUSES_IGNORE);
  free(in);
  free(out);
  return end();
}
