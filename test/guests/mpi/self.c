/* Catches: messages to oneself that hang, use the adapter, or break order, in every mode. */
#include "check.h"

int main(int argc, char **argv) {
  begin(&argc, &argv);
  static int out[100000], in[100000];
  static const int lengths[] = {0, 1, 2, 100, 5000, 100000};
  for (int k = 0; k < 6; k++) {
    int n = lengths[k];
    MPI_Request requests[2];
    MPI_Status status;
    int got;
    for (int i = 0; i < n; i++) out[i] = pattern(me, k, i);
    memset(in, 0, sizeof in);
    MPI_Irecv(in, n, MPI_INT, me, k, MPI_COMM_WORLD, &requests[0]);
    MPI_Send(out, n, MPI_INT, me, k, MPI_COMM_WORLD);
    MPI_Wait(&requests[0], &status);
    MPI_Get_count(&status, MPI_INT, &got);
    CHECK(got == n && status.MPI_SOURCE == me && memcmp(in, out, n * sizeof *in) == 0, "length %d", n);
    memset(in, 0, sizeof in);
    MPI_Issend(out, n, MPI_INT, me, k, MPI_COMM_WORLD, &requests[1]);
    int done;
    MPI_Test(&requests[1], &done, MPI_STATUS_IGNORE);
    CHECK(!done, "a synchronous send ended before its receive");
    MPI_Recv(in, n, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
    MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
    CHECK(memcmp(in, out, n * sizeof *in) == 0, "synchronous, length %d", n);
    memset(in, 0, sizeof in);
    MPI_Sendrecv(out, n, MPI_INT, 0, 9, in, n, MPI_INT, 0, 9, MPI_COMM_SELF, &status);
    CHECK(memcmp(in, out, n * sizeof *in) == 0 && status.MPI_SOURCE == 0, "MPI_COMM_SELF, length %d", n);
  }
  /* Order among messages that wait in the buffer and those that wait at the sender. */
  MPI_Request requests[6];
  for (int m = 0; m < 6; m++) MPI_Isend(out, m % 2 ? 100000 : m, MPI_INT, me, 1, MPI_COMM_WORLD, &requests[m]);
  for (int m = 0; m < 6; m++) {
    MPI_Status status;
    int got;
    MPI_Probe(me, 1, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &got);
    CHECK(got == (m % 2 ? 100000 : m), "probe %d saw %d", m, got);
    MPI_Recv(in, 100000, MPI_INT, me, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
  MPI_Waitall(6, requests, MPI_STATUSES_IGNORE);
  return end();
}
