/* Catches: a send mode that completes too early or too late, buffered sends that leak, PROC_NULL, persistent requests, cancel. */
#include "check.h"

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, value, done;
  MPI_Request request, pair[2];
  MPI_Status status;
  /* PROC_NULL. */
  value = 17;
  MPI_Send(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
  MPI_Recv(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
  int got = -1;
  MPI_Get_count(&status, MPI_INT, &got);
  CHECK(value == 17 && got == 0 && status.MPI_SOURCE == MPI_PROC_NULL && status.MPI_TAG == MPI_ANY_TAG, "PROC_NULL");
  /* Synchronous: not complete before the receive is posted. */
  if (ranks > 1) {
    for (int length = 1; length < 100000; length *= 300) {
      int *data = calloc(length, sizeof *data);
      if (me % 2 == 0 && me + 1 < ranks) {
        MPI_Issend(data, length, MPI_INT, me + 1, 3, MPI_COMM_WORLD, &request);
        double until = MPI_Wtime() + 0.02;
        while (MPI_Wtime() < until) {
          MPI_Test(&request, &done, MPI_STATUS_IGNORE);
          CHECK(!done, "a synchronous send of %d ended before its receive", length);
        }
        MPI_Send(&value, 1, MPI_INT, me + 1, 4, MPI_COMM_WORLD);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI_Ssend(data, length, MPI_INT, me + 1, 5, MPI_COMM_WORLD);
      } else if (me % 2 == 1) {
        MPI_Recv(&value, 1, MPI_INT, me - 1, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(data, length, MPI_INT, me - 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(data, length, MPI_INT, me - 1, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      }
      free(data);
    }
  }
  /* Buffered: complete without a receive, room given back. */
  int size, room = 200 * (1000 * (int)sizeof(int) + MPI_BSEND_OVERHEAD);
  char *buffer = malloc(room), *detached;
  MPI_Buffer_attach(buffer, room);
  int data[1000];
  for (int round = 0; round < 3; round++) {
    for (int m = 0; m < 100; m++) {
      for (int i = 0; i < 1000; i++) data[i] = pattern(me, m, i);
      MPI_Bsend(data, 1000, MPI_INT, right, m, MPI_COMM_WORLD);
    }
    for (int m = 99; m >= 0; m--) {
      MPI_Recv(data, 1000, MPI_INT, left, m, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      for (int i = 0; i < 1000; i++) CHECK(data[i] == pattern(left, m, i), "buffered message %d index %d", m, i);
    }
    MPI_Buffer_detach(&detached, &size);
    CHECK(detached == buffer && size == room, "detached %p %d", (void *)detached, size);
    MPI_Buffer_attach(buffer, room);
  }
  MPI_Buffer_detach(&detached, &size);
  free(buffer);
  /* Ready: the receive is posted before the barrier. */
  MPI_Irecv(&value, 1, MPI_INT, left, 6, MPI_COMM_WORLD, &request);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Rsend(&me, 1, MPI_INT, right, 6, MPI_COMM_WORLD);
  MPI_Wait(&request, &status);
  CHECK(value == left, "ready send brought %d", value);
  /* Persistent. */
  int out = 0, in = -1;
  MPI_Send_init(&out, 1, MPI_INT, right, 7, MPI_COMM_WORLD, &pair[0]);
  MPI_Recv_init(&in, 1, MPI_INT, MPI_ANY_SOURCE, 7, MPI_COMM_WORLD, &pair[1]);
  MPI_Wait(&pair[0], &status);
  for (int m = 0; m < 20; m++) {
    out = pattern(me, m, 0);
    MPI_Startall(2, pair);
    MPI_Status statuses[2];
    MPI_Waitall(2, pair, statuses);
    CHECK(in == pattern(left, m, 0) && statuses[1].MPI_SOURCE == left, "persistent message %d", m);
    CHECK(pair[0] != MPI_REQUEST_NULL && pair[1] != MPI_REQUEST_NULL, "a persistent request was freed");
    MPI_Barrier(MPI_COMM_WORLD);
  }
  MPI_Request_free(&pair[0]);
  MPI_Request_free(&pair[1]);
  /* Cancelling a receive that nothing matches. */
  MPI_Irecv(&in, 1, MPI_INT, left, 8, MPI_COMM_WORLD, &request);
  MPI_Cancel(&request);
  MPI_Wait(&request, &status);
  MPI_Test_cancelled(&status, &done);
  CHECK(done && request == MPI_REQUEST_NULL, "the receive was not cancelled");
  /* Sendrecv_replace round the ring, long enough for a rendezvous. */
  static int block[30000];
  for (int i = 0; i < 30000; i++) block[i] = pattern(me, 1, i);
  MPI_Sendrecv_replace(block, 30000, MPI_INT, right, 9, left, 9, MPI_COMM_WORLD, &status);
  for (int i = 0; i < 30000; i++) CHECK(block[i] == pattern(left, 1, i), "replace index %d", i);
  return end();
}
