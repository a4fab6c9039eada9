/* Catches: communicators of one job that do not find each other by a port or a name, or find the wrong one (sections 10.4 and 10.5). */
#include "check.h"

static MPI_Comm half;
static int side, mine, ours, theirs;

static void expect(int code, int wanted, const char *what) {
  int error_class;
  MPI_Error_class(code, &error_class);
  CHECK(error_class == wanted, "%s: class %d, not %d", what, error_class, wanted);
}

static void talk(MPI_Comm inter) {
  int size, remote, flag, sum;
  MPI_Comm_test_inter(inter, &flag);
  MPI_Comm_size(inter, &size);
  MPI_Comm_remote_size(inter, &remote);
  CHECK(flag && size == ours && remote == theirs, "%d and %d", size, remote);
  int number = me + 1;
  MPI_Allreduce(&number, &sum, 1, MPI_INT, MPI_SUM, inter);
  int wanted = 0;
  for (int r = !side; r < ranks; r += 2) wanted += r + 1;
  CHECK(sum == wanted, "the other side sums up to %d, not %d", sum, wanted);
  int got = -1, partner = mine < theirs ? mine : MPI_PROC_NULL;
  MPI_Sendrecv(&me, 1, MPI_INT, partner, 3, &got, 1, MPI_INT, partner, 3, inter, MPI_STATUS_IGNORE);
  if (partner != MPI_PROC_NULL) CHECK(got == 2 * mine + !side, "partner %d", got);
  MPI_Comm merged;
  MPI_Intercomm_merge(inter, side, &merged);
  MPI_Comm_size(merged, &size);
  CHECK(size == ranks, "merged %d", size);
  MPI_Comm_free(&merged);
}

/* Even ranks serve, odd ones are clients: three connections in turn through one port, with its name looked up in between. */
static void servers_and_clients(void) {
  char port[MPI_MAX_PORT_NAME] = "", found[MPI_MAX_PORT_NAME] = "";
  int root = ours - 1;
  MPI_Comm inter;
  if (side == 0 && mine == root) {
    MPI_Open_port(MPI_INFO_NULL, port);
    MPI_Publish_name("ocean", MPI_INFO_NULL, port);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Lookup_name("ocean", MPI_INFO_NULL, found);
  CHECK(strlen(found) > 0, "no port");
  for (int round = 0; round < 3; round++) {
    if (side == 0) {
      MPI_Comm_accept(port, MPI_INFO_NULL, root, half, &inter);
    } else {
      MPI_Comm_connect(found, MPI_INFO_NULL, 0, half, &inter);
    }
    talk(inter);
    if (round % 2) {
      MPI_Comm_disconnect(&inter);
    } else {
      MPI_Comm_free(&inter);
    }
    CHECK(inter == MPI_COMM_NULL, "the handle stays");
  }
  if (side == 0 && mine == root) {
    MPI_Unpublish_name("ocean", MPI_INFO_NULL, port);
    MPI_Close_port(port);
  }
}

/* Every client connects alone, in whatever order; the server answers each. */
static void one_by_one(void) {
  char port[MPI_MAX_PORT_NAME];
  MPI_Comm inter;
  int seen = 0, got;
  if (me == 0) MPI_Open_port(MPI_INFO_NULL, port);
  MPI_Bcast(port, MPI_MAX_PORT_NAME, MPI_CHAR, 0, MPI_COMM_WORLD);
  for (int i = 1; i < ranks && me == 0; i++) {
    MPI_Comm_accept(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter);
    MPI_Recv(&got, 1, MPI_INT, 0, 1, inter, MPI_STATUS_IGNORE);
    CHECK(got > 0 && got < ranks && !(seen & 1 << got), "client %d", got);
    seen |= 1 << got;
    MPI_Comm_disconnect(&inter);
  }
  if (me > 0) {
    MPI_Comm_connect(port, MPI_INFO_NULL, 0, MPI_COMM_SELF, &inter);
    MPI_Send(&me, 1, MPI_INT, 0, 1, inter);
    MPI_Comm_disconnect(&inter);
  }
  if (me == 0) MPI_Close_port(port);
}

static void names(void) {
#ifdef VERBENA_MPI
  char service[64], port[MPI_MAX_PORT_NAME], found[MPI_MAX_PORT_NAME];
  /* Names of all ranks at once. */
  for (int i = 0; i < 20; i++) {
    snprintf(service, sizeof service, "service-%d-%d", me, i);
    snprintf(port, sizeof port, "anything-%d", 100 * me + i);
    MPI_Publish_name(service, MPI_INFO_NULL, port);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  int right = (me + 1) % ranks;
  for (int i = 0; i < 20; i++) {
    snprintf(service, sizeof service, "service-%d-%d", right, i);
    snprintf(port, sizeof port, "anything-%d", 100 * right + i);
    MPI_Lookup_name(service, MPI_INFO_NULL, found);
    CHECK(strcmp(found, port) == 0, "%s is at %s", service, found);
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Barrier(MPI_COMM_WORLD);
  expect(MPI_Lookup_name("nobody", MPI_INFO_NULL, found), MPI_ERR_NAME, "a name that nobody published");
  snprintf(service, sizeof service, "service-%d-0", me);
  snprintf(port, sizeof port, "anything-%d", 100 * me);
  expect(MPI_Publish_name(service, MPI_INFO_NULL, "x"), MPI_ERR_SERVICE, "a name that is published");
  expect(MPI_Unpublish_name(service, MPI_INFO_NULL, "x"), MPI_ERR_SERVICE, "another port");
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Unpublish_name(service, MPI_INFO_NULL, port);
  expect(MPI_Lookup_name(service, MPI_INFO_NULL, found), MPI_ERR_NAME, "a name that was taken back");
  if (ranks > 1) {
    snprintf(service, sizeof service, "service-%d-1", right);
    snprintf(port, sizeof port, "anything-%d", 100 * right + 1);
    expect(MPI_Unpublish_name(service, MPI_INFO_NULL, port), MPI_ERR_ACCESS, "another rank's name");
  }
  expect(MPI_Close_port("not a port"), MPI_ERR_PORT, "closing what is no port");
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
#endif
}

/* What a job cannot have says so, with the standard's class. */
static void refused(void) {
#ifdef VERBENA_MPI
  MPI_Comm comm, made = MPI_COMM_WORLD;
  int codes[2] = {0, 0}, most[2] = {1, 1};
  char *commands[2] = {"a", "b"};
  MPI_Info infos[2] = {MPI_INFO_NULL, MPI_INFO_NULL};
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  expect(MPI_Comm_accept("not a port", MPI_INFO_NULL, 0, comm, &made), MPI_ERR_PORT, "accept");
  expect(MPI_Comm_connect("verbena-port:0.0 and more", MPI_INFO_NULL, 0, comm, &made), MPI_ERR_PORT, "connect");
  expect(MPI_Comm_connect("x", MPI_INFO_NULL, ranks, comm, &made), MPI_ERR_ROOT, "root");
  expect(MPI_Comm_spawn("x", MPI_ARGV_NULL, 2, MPI_INFO_NULL, 0, comm, &made, codes), MPI_ERR_SPAWN, "spawn");
  CHECK(made == MPI_COMM_NULL, "spawn made a communicator");
  if (me == 0) CHECK(codes[0] == MPI_ERR_SPAWN && codes[1] == MPI_ERR_SPAWN, "codes %d and %d", codes[0], codes[1]);
  expect(MPI_Comm_spawn_multiple(2, commands, MPI_ARGVS_NULL, most, infos, 0, comm, &made, MPI_ERRCODES_IGNORE), MPI_ERR_SPAWN, "spawn multiple");
  MPI_Comm_free(&comm);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  expect(MPI_Comm_join(0, &made), MPI_ERR_UNSUPPORTED_OPERATION, "join");
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_ARE_FATAL);
#endif
  MPI_Comm parent;
  MPI_Comm_get_parent(&parent);
  CHECK(parent == MPI_COMM_NULL, "somebody spawned this");
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  side = me % 2;
  MPI_Comm_split(MPI_COMM_WORLD, side, me, &half);
  MPI_Comm_rank(half, &mine);
  MPI_Comm_size(half, &ours);
  theirs = ranks - ours;
  if (ranks > 1) {
    servers_and_clients();
    one_by_one();
  }
  names();
  refused();
  MPI_Comm_free(&half);
  return end();
}
