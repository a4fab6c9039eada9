/* Catches: MPI_ANY_SOURCE and MPI_ANY_TAG that match the wrong message or in the wrong order, posted before or after arrival. */
#include "check.h"

#define EACH 60

int main(int argc, char **argv) {
  begin(&argc, &argv);
  /* Everyone to rank 0, which must see each sender's messages in order. */
  if (me == 0) {
    int next[64] = {0};
    for (int n = 0; n < EACH * (ranks - 1); n++) {
      int value;
      MPI_Status status;
      MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
      CHECK(value == pattern(status.MPI_SOURCE, status.MPI_TAG, 0), "value %d from %d", value, status.MPI_SOURCE);
      CHECK(status.MPI_TAG == next[status.MPI_SOURCE]++, "tag %d from %d", status.MPI_TAG, status.MPI_SOURCE);
    }
  } else {
    for (int m = 0; m < EACH; m++) {
      int value = pattern(me, m, 0);
      MPI_Send(&value, 1, MPI_INT, 0, m, MPI_COMM_WORLD);
    }
  }
  MPI_Barrier(MPI_COMM_WORLD);
  /* Posted receives: the oldest that fits takes the message, whichever kind it is. */
  if (ranks > 1 && me == 0) {
    int values[6];
    MPI_Request requests[6];
    MPI_Status statuses[6];
    MPI_Irecv(&values[0], 1, MPI_INT, 1, 5, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(&values[1], 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[1]);
    MPI_Irecv(&values[2], 1, MPI_INT, 1, 5, MPI_COMM_WORLD, &requests[2]);
    MPI_Irecv(&values[3], 1, MPI_INT, 1, MPI_ANY_TAG, MPI_COMM_WORLD, &requests[3]);
    MPI_Irecv(&values[4], 1, MPI_INT, MPI_ANY_SOURCE, 6, MPI_COMM_WORLD, &requests[4]);
    MPI_Irecv(&values[5], 1, MPI_INT, 1, 6, MPI_COMM_WORLD, &requests[5]);
    int go = 1;
    MPI_Send(&go, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
    MPI_Waitall(6, requests, statuses);
    static const int expected[6] = {0, 1, 2, 3, 4, 5};
    for (int i = 0; i < 6; i++) CHECK(values[i] == expected[i], "receive %d got message %d", i, values[i]);
    CHECK(statuses[1].MPI_TAG == 5 && statuses[3].MPI_TAG == 6, "tags %d %d", statuses[1].MPI_TAG, statuses[3].MPI_TAG);
  } else if (me == 1) {
    int go;
    static const int tags[6] = {5, 5, 5, 6, 6, 6};
    MPI_Recv(&go, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int i = 0; i < 6; i++) MPI_Send(&i, 1, MPI_INT, 0, tags[i], MPI_COMM_WORLD);
  }
  return end();
}
