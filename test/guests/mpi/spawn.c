/* Catches: processes that are not started, not connected, numbered wrongly, or not told apart from their parents (section 10.3); and what is left of
 * them when they have gone. The program is its own child: its first argument says which part it plays. */
#include "check.h"

#include <unistd.h>

static char *self;

static int class_of(int code) {
  int error_class;
  MPI_Error_class(code, &error_class);
  return error_class;
}

/* Cores of processes that have just disconnected are free a moment later: until then there may be too few. */
#define UNTIL_THERE_IS_ROOM(comm, call)                                                \
  do {                                                                                 \
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);                                  \
    int tries = 0, result;                                                             \
    while ((result = (call)) != MPI_SUCCESS) {                                         \
      CHECK(class_of(result) == MPI_ERR_SPAWN, "class %d", class_of(result));          \
      CHECK(++tries < 500, "no room after %d tries", tries);                           \
      usleep(10000);                                                                   \
    }                                                                                  \
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_ARE_FATAL);                               \
  } while (0)

static MPI_Comm start(char *part, int count, MPI_Comm comm, int root) {
  MPI_Comm inter;
  char *argv[] = {part, 0};
  int codes[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
  UNTIL_THERE_IS_ROOM(comm, MPI_Comm_spawn(self, argv, count, MPI_INFO_NULL, root, comm, &inter, codes));
  for (int i = 0; i < count; i++) CHECK(codes[i] == MPI_SUCCESS, "code %d of %s is %d", i, part, codes[i]);
  int remote;
  MPI_Comm_remote_size(inter, &remote);
  CHECK(remote == count, "%d of %d", remote, count);
  return inter;
}

/* A child's own world: as many as were spawned, from 0 on, and working collectives. */
static void check_own_world(void) {
  int sum, mine = me + 1;
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  CHECK(sum == ranks * (ranks + 1) / 2, "sum %d of %d", sum, ranks);
  MPI_Group world;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  int rank;
  MPI_Group_rank(world, &rank);
  CHECK(rank == me, "rank %d", rank);
  MPI_Group_free(&world);
}

static void check_universe(void) {
  int *universe, flag;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &universe, &flag);
  CHECK(flag && *universe >= ranks, "universe of %d", flag ? *universe : -1);
}

/* --- messages between the two groups, in both directions, short and long --- */

enum { LONG = 100000 };

static void talk(MPI_Comm inter, int partner) {
  static int out[LONG], in[LONG];
  MPI_Status status;
  int mine;
  MPI_Comm_rank(inter, &mine);
  for (int length = 1; length <= LONG; length *= 10) {
    for (int i = 0; i < length; i++) out[i] = pattern(mine, length, i);
    MPI_Sendrecv(out, length, MPI_INT, partner, 5, in, length, MPI_INT, MPI_ANY_SOURCE, 5, inter, &status);
    CHECK(status.MPI_SOURCE == partner, "from %d, not %d", status.MPI_SOURCE, partner);
    for (int i = 0; i < length; i++) CHECK(in[i] == pattern(partner, length, i), "%d of %d", i, length);
  }
}

static void child_talks(MPI_Comm parent) {
  int remote, sum = 0, mine = 100 + me;
  MPI_Comm_remote_size(parent, &remote);
  if (me < remote) talk(parent, me);
  MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, parent);
  CHECK(sum == remote * (remote - 1) / 2, "sum of the parents %d", sum);
}

static void spawn_and_talk(void) {
  for (int count = 1; count <= 3; count += 2) {
    MPI_Comm inter = start("talk", count, MPI_COMM_WORLD, ranks - 1);
    int sum = 0;
    if (me < count) talk(inter, me);
    MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, inter);
    CHECK(sum == 100 * count + count * (count - 1) / 2, "sum of the children %d", sum);
    MPI_Comm_disconnect(&inter);
    CHECK(inter == MPI_COMM_NULL, "the handle stays");
  }
}

/* --- one communicator of both --- */

static void merged(MPI_Comm inter, int high) {
  MPI_Comm all, half;
  int rank, size, sum, remote, local;
  MPI_Comm_remote_size(inter, &remote);
  MPI_Comm_size(inter, &local);
  MPI_Intercomm_merge(inter, high, &all);
  MPI_Comm_rank(all, &rank);
  MPI_Comm_size(all, &size);
  CHECK(size == local + remote && rank == (high ? remote : 0) + me, "%d of %d", rank, size);
  MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, all);
  CHECK(sum == size * (size - 1) / 2, "sum %d", sum);
  MPI_Comm_split(all, rank % 2, -rank, &half);
  MPI_Bcast(&sum, 1, MPI_INT, 0, half);
  /* A window and a file over both. */
  long slot = -1, *memory;
  MPI_Win window;
  MPI_Win_allocate(sizeof(long), sizeof(long), MPI_INFO_NULL, all, &memory, &window);
  *memory = -1;
  slot = rank;
  MPI_Win_fence(0, window);
  MPI_Put(&slot, 1, MPI_LONG, (rank + 1) % size, 0, 1, MPI_LONG, window);
  MPI_Win_fence(0, window);
  CHECK(*memory == (rank + size - 1) % size, "%ld", *memory);
  MPI_Win_free(&window);
  MPI_Comm_free(&half);
  MPI_Comm_free(&all);
}

/* --- several commands: one world, numbers of their own --- */

static void child_of_several(MPI_Comm parent, const char *wanted) {
  int *number, flag, expected = strcmp(wanted, "first") == 0 ? 0 : 1;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &flag);
  CHECK(flag && *number == expected, "number %d of %s", flag ? *number : -1, wanted);
  CHECK(ranks == 3 && (me == 0) == (expected == 0), "%d of %d is %s", me, ranks, wanted);
  MPI_Send(number, 1, MPI_INT, 0, 6, parent);
}

static void spawn_several(void) {
  char *commands[] = {self, self}, *first[] = {"first", 0}, *second[] = {"second", 0}, **argvs[] = {first, second};
  int most[] = {1, 2}, codes[3] = {-1, -1, -1}, number;
  MPI_Info infos[] = {MPI_INFO_NULL, MPI_INFO_NULL};
  MPI_Comm inter;
  UNTIL_THERE_IS_ROOM(MPI_COMM_WORLD, MPI_Comm_spawn_multiple(2, commands, argvs, most, infos, 0, MPI_COMM_WORLD, &inter, codes));
  for (int i = 0; i < 3; i++) CHECK(codes[i] == MPI_SUCCESS, "code %d is %d", i, codes[i]);
  for (int i = 0; i < 3 && me == 0; i++) {
    MPI_Recv(&number, 1, MPI_INT, i, 6, inter, MPI_STATUS_IGNORE);
    CHECK(number == (i > 0), "rank %d runs command %d", i, number);
  }
  MPI_Comm_disconnect(&inter);
}

/* --- one rank alone spawns, while the others compute and talk; children that spawn --- */

static void spawn_alone(void) {
  if (me == ranks - 1) {
    MPI_Comm inter = start("talk", 1, MPI_COMM_SELF, 0);
    int sum, zero = 0;
    talk(inter, 0);
    MPI_Allreduce(&zero, &sum, 1, MPI_INT, MPI_SUM, inter);
    CHECK(sum == 100, "sum %d", sum);
    MPI_Comm_disconnect(&inter);
  }
  int sum;
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  CHECK(sum == ranks * (ranks - 1) / 2, "sum %d", sum);
}

static void grandparent(void) {
  MPI_Comm inter = start("child", 1, MPI_COMM_WORLD, 0);
  int word = 0;
  if (me == 0) MPI_Recv(&word, 1, MPI_INT, 0, 7, inter, MPI_STATUS_IGNORE);
  CHECK(word == (me == 0 ? 77 : 0), "word %d", word);
  MPI_Comm_disconnect(&inter);
}

static void child_spawns(MPI_Comm parent) {
  MPI_Comm inter = start("grandchild", 2, MPI_COMM_WORLD, 0);
  int word;
  MPI_Recv(&word, 1, MPI_INT, 1, 8, inter, MPI_STATUS_IGNORE);
  MPI_Send(&word, 1, MPI_INT, 0, 7, parent);
  MPI_Comm_disconnect(&inter);
}

/* --- what cannot be had --- */

static void refused(void) {
#ifdef VERBENA_MPI
  MPI_Comm comm, made = MPI_COMM_WORLD;
  int codes[64];
  for (int i = 0; i < 64; i++) codes[i] = MPI_SUCCESS;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
  int code = MPI_Comm_spawn(self, MPI_ARGV_NULL, 64, MPI_INFO_NULL, 0, comm, &made, codes);
  CHECK(class_of(code) == MPI_ERR_SPAWN && made == MPI_COMM_NULL, "class %d without cores", class_of(code));
  for (int i = 0; i < 64; i++) CHECK(class_of(codes[i]) == MPI_ERR_SPAWN, "code %d is %d", i, codes[i]);
  code = MPI_Comm_spawn("no-such-program", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, comm, &made, MPI_ERRCODES_IGNORE);
  CHECK(class_of(code) == MPI_ERR_SPAWN, "class %d without a program", class_of(code));
  code = MPI_Comm_spawn(self, MPI_ARGV_NULL, -1, MPI_INFO_NULL, 0, comm, &made, MPI_ERRCODES_IGNORE);
  CHECK(class_of(code) == MPI_ERR_ARG, "class %d of -1 processes", class_of(code));
  code = MPI_Comm_spawn(self, MPI_ARGV_NULL, 1, MPI_INFO_NULL, ranks, comm, &made, MPI_ERRCODES_IGNORE);
  CHECK(class_of(code) == MPI_ERR_ROOT, "class %d of a root that is none", class_of(code));
  MPI_Comm_free(&comm);
#endif
}

/* As many as there is room for, of 64, when that is good enough. */
static void soft(void) {
#ifdef VERBENA_MPI
  MPI_Info info;
  MPI_Comm inter;
  int codes[64], got, remote;
  char *argv[] = {"talk", 0};
  MPI_Info_create(&info);
  MPI_Info_set(info, "soft", "1:64:2");
  UNTIL_THERE_IS_ROOM(MPI_COMM_WORLD, MPI_Comm_spawn(self, argv, 64, info, 0, MPI_COMM_WORLD, &inter, codes));
  MPI_Comm_remote_size(inter, &remote);
  for (got = 0; got < 64 && codes[got] == MPI_SUCCESS; got++) {}
  CHECK(got == remote && got % 2 == 1 && got < 64, "%d of %d", got, remote);
  for (int i = got; i < 64; i++) CHECK(class_of(codes[i]) == MPI_ERR_SPAWN, "code %d is %d", i, codes[i]);
  if (me < got) talk(inter, me);
  int sum;
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, inter);
  MPI_Comm_disconnect(&inter);
  MPI_Info_free(&info);
#endif
}

/* Children that nobody disconnects: MPI_Finalize of both sides is the end of the connection. */
static void left_connected(void) {
  MPI_Comm inter = start("quick", 1, MPI_COMM_WORLD, 0);
  int word = 0;
  if (me == 0) MPI_Recv(&word, 1, MPI_INT, 0, 9, inter, MPI_STATUS_IGNORE);
  CHECK(word == (me == 0 ? 99 : 0), "word %d", word);
  MPI_Barrier(MPI_COMM_WORLD);
}

static int play(const char *part, MPI_Comm parent) {
  CHECK(parent != MPI_COMM_NULL, "%s has no parent", part);
  int flag, word = strcmp(part, "grandchild") == 0 ? 77 : 99;
  MPI_Comm_test_inter(parent, &flag);
  CHECK(flag, "the parent is no inter-communicator");
  check_own_world();
  check_universe();
  if (strcmp(part, "talk") == 0) child_talks(parent);
  if (strcmp(part, "merge") == 0) merged(parent, 1);
  if (strcmp(part, "first") == 0 || strcmp(part, "second") == 0) child_of_several(parent, part);
  if (strcmp(part, "child") == 0) child_spawns(parent);
  if (strcmp(part, "grandchild") == 0 && me == 1) MPI_Send(&word, 1, MPI_INT, 0, 8, parent);
  if (strcmp(part, "quick") == 0) {
    MPI_Send(&word, 1, MPI_INT, 0, 9, parent);
  } else {
    MPI_Comm_disconnect(&parent);
    MPI_Comm_get_parent(&parent);
    CHECK(parent == MPI_COMM_NULL, "a parent after MPI_Comm_disconnect");
  }
  MPI_Finalize();
  return 0;
}

int main(int argc, char **argv) {
  MPI_Comm parent;
  begin(&argc, &argv);
  self = argv[0];
  MPI_Comm_get_parent(&parent);
  if (argc > 1) return play(argv[1], parent);
  CHECK(parent == MPI_COMM_NULL, "somebody spawned the first");
  check_universe();
  spawn_and_talk();
  MPI_Comm inter = start("merge", 2, MPI_COMM_WORLD, 0);
  merged(inter, 0);
  MPI_Comm_disconnect(&inter);
  spawn_several();
  spawn_alone();
  grandparent();
  refused();
  soft();
  left_connected();
  return end();
}
