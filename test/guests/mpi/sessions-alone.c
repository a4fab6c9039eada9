/* Catches: programs that know sessions only, and open one after the other, or leave without closing the world (MPI-4.0, section 11.3). */
#include "check.h"

int main(int argc, char **argv) {
#if MPI_VERSION >= 4 || defined VERBENA_MPI
  for (int round = 0; round < 3; round++) {
    MPI_Session session;
    MPI_Group group;
    MPI_Comm comm;
    int sum;
    MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &session);
    MPI_Group_from_session_pset(session, "mpi://WORLD", &group);
    MPI_Comm_create_from_group(group, "round", MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &comm);
    MPI_Comm_rank(comm, &me);
    MPI_Comm_size(comm, &ranks);
    MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, comm);
    CHECK(sum == ranks * (ranks - 1) / 2, "sum %d", sum);
    /* The last message of a round is still on its way when its communicator goes. */
    if (me > 0) MPI_Send(&me, 1, MPI_INT, 0, round, comm);
    for (int r = 1, got; me == 0 && r < ranks; r++) MPI_Recv(&got, 1, MPI_INT, MPI_ANY_SOURCE, round, comm, MPI_STATUS_IGNORE);
    MPI_Group_free(&group);
    MPI_Comm_free(&comm);
    MPI_Session_finalize(&session);
  }
  int flag;
  MPI_Initialized(&flag);
  CHECK(!flag, "sessions initialised the world");
  if (me == 0) printf("ok\n");
  return 0;
#else
  begin(&argc, &argv);
  return end();
#endif
}
