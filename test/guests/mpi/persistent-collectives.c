/* Catches: persistent collectives that work once, or whose starts get mixed up (MPI-4.0, section 6.13). */
#include "check.h"

#if MPI_VERSION >= 4 || defined VERBENA_MPI
int main(int argc, char **argv) {
  begin(&argc, &argv);
  static int data[300], sum[300];
  int one = 0, before = -1;
  MPI_Request requests[4];
  MPI_Bcast_init(data, 300, MPI_INT, ranks - 1, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[0]);
  MPI_Allreduce_init(data, sum, 300, MPI_INT, MPI_SUM, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[1]);
  MPI_Exscan_init(&one, &before, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[2]);
  MPI_Barrier_init(MPI_COMM_WORLD, MPI_INFO_NULL, &requests[3]);
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 300; i++) data[i] = me == ranks - 1 ? round + i : -1;
    MPI_Start(&requests[0]);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    CHECK(requests[0] != MPI_REQUEST_NULL, "a persistent request went away");
    for (int i = 0; i < 300; i++) CHECK(data[i] == round + i, "round %d: element %d is %d", round, i, data[i]);
    one = round + me;
    MPI_Startall(3, &requests[1]);
    MPI_Waitall(3, &requests[1], MPI_STATUSES_IGNORE);
    for (int i = 0; i < 300; i++) CHECK(sum[i] == ranks * (round + i), "round %d: sum %d is %d", round, i, sum[i]);
    int wanted = round * me + me * (me - 1) / 2;
    CHECK(me == 0 || before == wanted, "round %d: exscan %d, not %d", round, before, wanted);
  }
  for (int i = 0; i < 4; i++) MPI_Request_free(&requests[i]);
  return end();
}
#else
int main(int argc, char **argv) {
  begin(&argc, &argv);
  return end();
}
#endif
