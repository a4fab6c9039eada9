/* Catches: sessions whose sets, groups or communicators are wrong, beside MPI_Init and after MPI_Finalize (MPI-4.0, chapter 11). */
#include "check.h"

#if MPI_VERSION >= 4 || defined VERBENA_MPI
static int raised;
static void handler(MPI_Session *session, int *code, ...) { raised = *code; }

static MPI_Comm from(MPI_Session session, const char *pset, const char *tag) {
  MPI_Group group;
  MPI_Comm comm;
  MPI_Group_from_session_pset(session, pset, &group);
  MPI_Comm_create_from_group(group, tag, MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm);
  MPI_Group_free(&group);
  return comm;
}

static void process_sets(MPI_Session session) {
  int count, world = 0, self = 0, flag, length;
  char name[MPI_MAX_PSET_NAME_LEN], value[32];
  MPI_Info info;
  MPI_Session_get_num_psets(session, MPI_INFO_NULL, &count);
  for (int i = 0; i < count; i++) {
    length = 0;
    MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &length, NULL);
    CHECK(length > 1 && length <= MPI_MAX_PSET_NAME_LEN, "length %d", length);
    MPI_Session_get_nth_pset(session, MPI_INFO_NULL, i, &length, name);
    CHECK((int)strlen(name) + 1 == length, "%s has %d", name, length);
    MPI_Session_get_pset_info(session, name, &info);
    length = sizeof value;
    MPI_Info_get_string(info, "mpi_size", &length, value, &flag);
    CHECK(flag && atoi(value) >= 1 && atoi(value) <= ranks, "%s has %s", name, value);
    MPI_Info_free(&info);
    world += strcmp(name, "mpi://WORLD") == 0;
    self += strcmp(name, "mpi://SELF") == 0;
  }
  CHECK(world == 1 && self == 1, "%d and %d", world, self);
  MPI_Session_get_info(session, &info);
  length = sizeof value;
  MPI_Info_get_string(info, "thread_level", &length, value, &flag);
  CHECK(flag && strncmp(value, "MPI_THREAD_", 11) == 0, "thread level %s", value);
  MPI_Info_free(&info);
}

static void communicators(MPI_Session session) {
  int rank, size, sum, result;
  MPI_Comm a = from(session, "mpi://WORLD", "org.example.a"), b = from(session, "mpi://WORLD", "org.example.b"), self = from(session, "mpi://SELF", "x");
  MPI_Comm_size(a, &size);
  MPI_Comm_rank(a, &rank);
  CHECK(size == ranks && rank == me, "rank %d of %d", rank, size);
  MPI_Comm_compare(a, b, &result);
  CHECK(result == MPI_CONGRUENT, "compare gives %d", result);
  /* The same message on both, and on the world's. */
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, one = 1, two = 2, got_a, got_b;
  MPI_Request requests[2];
  MPI_Isend(&one, 1, MPI_INT, right, 0, a, &requests[0]);
  MPI_Isend(&two, 1, MPI_INT, right, 0, b, &requests[1]);
  MPI_Recv(&got_b, 1, MPI_INT, left, 0, b, MPI_STATUS_IGNORE);
  MPI_Recv(&got_a, 1, MPI_INT, left, 0, a, MPI_STATUS_IGNORE);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  CHECK(got_a == 1 && got_b == 2, "messages crossed: %d %d", got_a, got_b);
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, a);
  CHECK(sum == ranks * (ranks - 1) / 2, "sum %d", sum);
  MPI_Comm_size(self, &size);
  CHECK(size == 1, "self has %d", size);
  MPI_Comm_free(&a);
  MPI_Comm_free(&b);
  MPI_Comm_free(&self);
}

/* Even and odd ranks make communicators of their own at the same time, and then one between them. */
static void halves(MPI_Session session) {
  int every[64], size, remote, sum, n = 0;
  MPI_Group all, mine, others;
  MPI_Comm half, inter;
  if (ranks == 1) return;
  for (int r = me % 2; r < ranks; r += 2) every[n++] = r;
  MPI_Group_from_session_pset(session, "mpi://WORLD", &all);
  MPI_Group_incl(all, n, every, &mine);
  MPI_Group_difference(all, mine, &others);
  MPI_Comm_create_from_group(mine, "half", MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &half);
  MPI_Comm_size(half, &size);
  CHECK(size == n, "a half of %d", size);
  MPI_Intercomm_create_from_groups(mine, 0, others, 0, "between", MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &inter);
  MPI_Comm_remote_size(inter, &remote);
  CHECK(remote == ranks - n, "%d on the other side", remote);
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, inter);
  int wanted = 0;
  for (int r = 1 - me % 2; r < ranks; r += 2) wanted += r;
  CHECK(sum == wanted, "the other side sums up to %d, not %d", sum, wanted);
  MPI_Comm_free(&inter);
  MPI_Comm_free(&half);
  MPI_Group_free(&all);
  MPI_Group_free(&mine);
  MPI_Group_free(&others);
}

static void errors(MPI_Session session) {
  MPI_Errhandler own, found;
  MPI_Group group;
  MPI_Info info;
  MPI_Comm comm;
  int length = 0, error_class;
  MPI_Session_create_errhandler(handler, &own);
  MPI_Session_set_errhandler(session, own);
  MPI_Session_get_errhandler(session, &found);
  CHECK(found == own, "another handler");
  MPI_Errhandler_free(&found);
  MPI_Errhandler_free(&own);
  MPI_Group_from_session_pset(session, "mpi://NOWHERE", &group);
  MPI_Error_class(raised, &error_class);
  CHECK(error_class == MPI_ERR_ARG, "an unknown set gives class %d", error_class);
  raised = 0;
  MPI_Session_get_nth_pset(session, MPI_INFO_NULL, 999, &length, NULL);
  CHECK(raised != 0, "a set of number 999");
  raised = 0;
  MPI_Session_get_pset_info(session, "x", &info);
  CHECK(raised != 0, "information on an unknown set");
  MPI_Session_call_errhandler(session, MPI_ERR_OTHER);
  CHECK(raised == MPI_ERR_OTHER, "the handler got %d", raised);
  MPI_Error_class(MPI_Comm_create_from_group(MPI_GROUP_NULL, "x", MPI_INFO_NULL, MPI_ERRORS_RETURN, &comm), &error_class);
  CHECK(error_class == MPI_ERR_GROUP, "no group gives class %d", error_class);
  MPI_Session_set_errhandler(session, MPI_ERRORS_ARE_FATAL);
}

int main(int argc, char **argv) {
  MPI_Session first, second;
  MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_ARE_FATAL, &first);
  int flag;
  MPI_Initialized(&flag);
  CHECK(!flag, "a session initialised the world");
  begin(&argc, &argv);
  MPI_Session_init(MPI_INFO_NULL, MPI_ERRORS_RETURN, &second);
  process_sets(first);
  communicators(second);
  errors(second);
  MPI_Session_finalize(&second);
  CHECK(second == MPI_SESSION_NULL, "the session stays");
  communicators(first);
  halves(first);
  int result = end();
  MPI_Finalized(&flag);
  CHECK(flag, "the world has not ended");
  /* The session outlives the world. */
  communicators(first);
  MPI_Session_finalize(&first);
  return result;
}
#else
int main(int argc, char **argv) {
  begin(&argc, &argv);
  return end();
}
#endif
