/* Catches: rendezvous that corrupts, deadlocks when all exchange at once, registers the same buffer again, or spoils derived types. */
#include "check.h"

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, n = 1 << 20;
  int *out = malloc(n * sizeof *out), *in = malloc(n * sizeof *in);
  for (int round = 0; round < 8; round++) {
    MPI_Request requests[2];
    for (int i = 0; i < n; i++) out[i] = pattern(me, round, i);
    memset(in, 0, n * sizeof *in);
    MPI_Isend(out, n - round, MPI_INT, right, round, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(in, n, MPI_INT, round % 2 ? left : MPI_ANY_SOURCE, round, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    for (int i = 0; i < n - round; i++) CHECK(in[i] == pattern(left, round, i), "round %d index %d", round, i);
    for (int i = n - round; i < n; i++) CHECK(in[i] == 0, "round %d wrote behind the message", round);
  }
  /* Blocking sends that cross, through MPI_Sendrecv. */
  MPI_Sendrecv(out, n, MPI_INT, right, 1, in, n, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  for (int i = 0; i < n; i++) CHECK(in[i] == pattern(left, 7, i), "sendrecv index %d", i);
  /* Every second column of a matrix. */
  MPI_Datatype columns;
  MPI_Type_vector(1024, 1, 2, MPI_INT, &columns);
  MPI_Type_commit(&columns);
  memset(in, 0, n * sizeof *in);
  MPI_Sendrecv(out, 512, columns, right, 2, in, 512, columns, left, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  for (int e = 0; e < 512; e++)
    for (int i = 0; i < 1024; i++) {
      int at = e * 2047 + 2 * i;
      CHECK(in[at] == pattern(left, 7, at) || (e > 0 && i == 0), "element %d index %d", e, i);
    }
  MPI_Type_free(&columns);
  /* Many in flight at once. */
  MPI_Request many[64];
  int part = 16384;
  for (int m = 0; m < 32; m++) MPI_Irecv(in + m * part, part, MPI_INT, left, 100 + m, MPI_COMM_WORLD, &many[m]);
  for (int m = 31; m >= 0; m--) MPI_Isend(out + m * part, part, MPI_INT, right, 100 + m, MPI_COMM_WORLD, &many[32 + m]);
  MPI_Waitall(64, many, MPI_STATUSES_IGNORE);
  for (int i = 0; i < 32 * part; i++) CHECK(in[i] == pattern(left, 7, i), "in flight: index %d", i);
  free(out);
  free(in);
  return end();
}
