/* Catches: inter-communicators whose ranks, groups, messages or collectives address the wrong side (section 6.6 and chapter 5). */
#include "check.h"

static MPI_Comm half, inter;
static int side, mine, ours, theirs;

/* Even ranks on one side, odd ones on the other. */
static void make(void) {
  side = me % 2;
  MPI_Comm_split(MPI_COMM_WORLD, side, me, &half);
  MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, side ? 0 : 1, 17, &inter);
  MPI_Comm_rank(inter, &mine);
  MPI_Comm_size(inter, &ours);
  MPI_Comm_remote_size(inter, &theirs);
}

static void queries(MPI_Comm comm) {
  int flag, size, result;
  MPI_Group local, remote, half_group;
  MPI_Comm_test_inter(comm, &flag);
  CHECK(flag, "not an inter-communicator");
  MPI_Comm_test_inter(half, &flag);
  CHECK(!flag, "an inter-communicator");
  CHECK(ours + theirs == ranks && mine == me / 2, "rank %d of %d and %d", mine, ours, theirs);
  MPI_Comm_group(comm, &local);
  MPI_Comm_remote_group(comm, &remote);
  MPI_Comm_group(half, &half_group);
  MPI_Group_compare(local, half_group, &result);
  CHECK(result == MPI_IDENT, "the local group is another");
  MPI_Group_size(remote, &size);
  CHECK(size == theirs, "remote group of %d", size);
  MPI_Group_free(&local);
  MPI_Group_free(&remote);
  MPI_Group_free(&half_group);
}

static void messages(MPI_Comm comm) {
  int got = -1, dest = mine < theirs ? mine : MPI_PROC_NULL;
  MPI_Status status;
  MPI_Sendrecv(&me, 1, MPI_INT, dest, 5, &got, 1, MPI_INT, dest, 5, comm, &status);
  if (dest != MPI_PROC_NULL) CHECK(got == 2 * mine + !side && status.MPI_SOURCE == mine, "got %d from %d", got, status.MPI_SOURCE);
}

/* What the ranks of the other side sum up to, each giving 100 * world rank + index. */
static int sum_of_others(int index) {
  int sum = 0;
  for (int r = !side; r < ranks; r += 2) sum += 100 * r + index;
  return sum;
}

static void rooted(MPI_Comm comm) {
  int data[40], all[40 * 16], root = side == 0 ? (mine == 0 ? MPI_ROOT : MPI_PROC_NULL) : 0;
  for (int i = 0; i < 40; i++) data[i] = side == 0 ? pattern(me, 1, i) : -1;
  MPI_Bcast(data, 40, MPI_INT, root, comm);
  for (int i = 0; i < 40 && side; i++) CHECK(data[i] == pattern(0, 1, i), "broadcast %d", i);
  for (int i = 0; i < 3; i++) data[i] = 100 * me + i;
  MPI_Gather(data, 3, MPI_INT, all, 3, MPI_INT, root, comm);
  for (int i = 0; i < 3 * theirs && root == MPI_ROOT; i++) CHECK(all[i] == 100 * (2 * (i / 3) + 1) + i % 3, "gather %d", i);
  for (int i = 0; i < 2 * theirs && side == 0; i++) all[i] = 7 * i;
  MPI_Scatter(all, 2, MPI_INT, data, 2, MPI_INT, root, comm);
  if (side) CHECK(data[0] == 14 * mine && data[1] == 14 * mine + 7, "scatter gave %d", data[0]);
  for (int i = 0; i < 10; i++) data[i] = 100 * me + i;
  memset(all, 0, sizeof all);
  MPI_Reduce(data, all, 10, MPI_INT, MPI_SUM, root, comm);
  for (int i = 0; i < 10 && root == MPI_ROOT; i++) CHECK(all[i] == sum_of_others(i), "reduce %d", i);
}

static void symmetric(MPI_Comm comm) {
  int data[64], all[64 * 16], mine_only[64];
  MPI_Request request;
  MPI_Barrier(comm);
  for (int i = 0; i < 5; i++) data[i] = 100 * me + i;
  MPI_Allreduce(data, all, 5, MPI_INT, MPI_SUM, comm);
  for (int i = 0; i < 5; i++) CHECK(all[i] == sum_of_others(i), "allreduce %d: %d", i, all[i]);
  MPI_Allgather(data, 5, MPI_INT, all, 5, MPI_INT, comm);
  for (int i = 0; i < 5 * theirs; i++) CHECK(all[i] == 100 * (2 * (i / 5) + !side) + i % 5, "allgather %d", i);
  for (int i = 0; i < theirs; i++) data[i] = 1000 * me + i;
  MPI_Ialltoall(data, 1, MPI_INT, all, 1, MPI_INT, comm, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  for (int i = 0; i < theirs; i++) CHECK(all[i] == 1000 * (2 * i + !side) + mine, "alltoall %d", i);
  /* Both sides must give the same total number of elements. */
  int total = ours * theirs;
  for (int i = 0; i < total; i++) data[i] = 100 * me + i;
  MPI_Reduce_scatter_block(data, mine_only, theirs, MPI_INT, MPI_SUM, comm);
  for (int i = 0; i < theirs; i++) CHECK(mine_only[i] == sum_of_others(mine * theirs + i), "reduce_scatter %d: %d", i, mine_only[i]);
}

static void merge_and_split(void) {
  MPI_Comm merged, copy, part;
  int rank, size, flag, remote;
  MPI_Intercomm_merge(inter, side, &merged);
  MPI_Comm_rank(merged, &rank);
  MPI_Comm_size(merged, &size);
  CHECK(size == ranks && rank == (side ? theirs : 0) + mine, "rank %d of %d after the merge", rank, size);
  int sum;
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, merged);
  CHECK(sum == ranks * (ranks - 1) / 2, "sum %d", sum);
  MPI_Comm_free(&merged);
  MPI_Comm_dup(inter, &copy);
  queries(copy);
  messages(copy);
  symmetric(copy);
  MPI_Comm_compare(inter, copy, &flag);
  CHECK(flag == MPI_CONGRUENT, "compare gives %d", flag);
  MPI_Comm_free(&copy);
  /* The first two of each side, in reverse order. */
  MPI_Comm_split(inter, mine < 2 ? 1 : MPI_UNDEFINED, -mine, &part);
  if (part != MPI_COMM_NULL) {
    MPI_Comm_size(part, &size);
    MPI_Comm_remote_size(part, &remote);
    MPI_Comm_rank(part, &rank);
    CHECK(size == (ours < 2 ? ours : 2) && remote == (theirs < 2 ? theirs : 2) && rank == size - 1 - mine, "part: rank %d of %d and %d", rank, size, remote);
    MPI_Comm_free(&part);
  }
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  if (ranks > 1) {
    make();
    queries(inter);
    messages(inter);
    rooted(inter);
    symmetric(inter);
    merge_and_split();
    MPI_Comm_free(&inter);
    MPI_Comm_free(&half);
  }
  return end();
}
