/* Catches: communicators whose messages mix, wrong ranks after a split, groups, contexts that run out, attributes, names. */
#include "check.h"

static int copies, deletions;
static int copy_attribute(MPI_Comm comm, int key, void *extra, void *in, void *out, int *flag) {
  copies++;
  *(void **)out = in;
  *flag = 1;
  return MPI_SUCCESS;
}
static int delete_attribute(MPI_Comm comm, int key, void *value, void *extra) {
  deletions++;
  return MPI_SUCCESS;
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  MPI_Comm copy, part, other;
  int result, rank, size, flag, value, length;
  char name[MPI_MAX_OBJECT_NAME];

  /* The same tag on two communicators: each receive gets its own. */
  MPI_Comm_dup(MPI_COMM_WORLD, &copy);
  MPI_Comm_compare(MPI_COMM_WORLD, copy, &result);
  CHECK(result == MPI_CONGRUENT, "dup compares %d", result);
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, a = 1, b = 2, got_a, got_b;
  MPI_Request requests[2];
  MPI_Isend(&a, 1, MPI_INT, right, 0, MPI_COMM_WORLD, &requests[0]);
  MPI_Isend(&b, 1, MPI_INT, right, 0, copy, &requests[1]);
  MPI_Recv(&got_b, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, copy, MPI_STATUS_IGNORE);
  MPI_Recv(&got_a, 1, MPI_INT, left, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  CHECK(got_a == 1 && got_b == 2, "messages crossed: %d %d", got_a, got_b);

  /* Split by parity, ranks in reverse order. */
  MPI_Comm_split(MPI_COMM_WORLD, me % 2, -me, &part);
  MPI_Comm_rank(part, &rank);
  MPI_Comm_size(part, &size);
  int expected = (ranks + 1 - me % 2) / 2;
  CHECK(size == expected, "split size %d", size);
  CHECK(rank == size - 1 - me / 2, "split rank %d", rank);
  int sum;
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, part);
  int wanted = 0;
  for (int r = me % 2; r < ranks; r += 2) wanted += r;
  CHECK(sum == wanted, "sum in the part is %d", sum);
  MPI_Status status;
  int partner = size - 1 - rank, theirs;
  MPI_Sendrecv(&me, 1, MPI_INT, partner, 3, &theirs, 1, MPI_INT, MPI_ANY_SOURCE, 3, part, &status);
  CHECK(status.MPI_SOURCE == partner && theirs == 2 * (size - 1 - partner) + me % 2, "source %d says %d", status.MPI_SOURCE, theirs);
  MPI_Comm_split(part, rank == 0 ? MPI_UNDEFINED : 4, 0, &other);
  CHECK((other == MPI_COMM_NULL) == (rank == 0), "undefined color");
  if (other != MPI_COMM_NULL) MPI_Comm_free(&other);
  MPI_Comm_free(&part);
  CHECK(part == MPI_COMM_NULL, "freed communicator");

  /* Groups. */
  MPI_Group world, some, rest, all, none;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  int even[64], n = 0, translated[64];
  for (int r = 0; r < ranks; r += 2) even[n++] = r;
  MPI_Group_incl(world, n, even, &some);
  MPI_Group_excl(world, n, even, &rest);
  MPI_Group_size(rest, &size);
  CHECK(size == ranks - n, "excl has %d", size);
  MPI_Group_union(some, rest, &all);
  MPI_Group_compare(all, world, &result);
  CHECK(result == (ranks <= 2 ? MPI_IDENT : MPI_SIMILAR), "union compares %d", result);
  MPI_Group_intersection(some, rest, &none);
  CHECK(none == MPI_GROUP_EMPTY, "intersection is not empty");
  int zero_to[64];
  for (int i = 0; i < n; i++) zero_to[i] = i;
  MPI_Group_translate_ranks(some, n, zero_to, world, translated);
  for (int i = 0; i < n; i++) CHECK(translated[i] == even[i], "translated %d to %d", i, translated[i]);
  MPI_Comm_create(MPI_COMM_WORLD, some, &part);
  CHECK((part != MPI_COMM_NULL) == (me % 2 == 0), "create");
  if (part != MPI_COMM_NULL) {
    MPI_Comm_rank(part, &rank);
    CHECK(rank == me / 2, "create rank %d", rank);
    MPI_Barrier(part);
    MPI_Comm_free(&part);
  }
  if (me % 2 == 0) {
    MPI_Comm_create_group(MPI_COMM_WORLD, some, 9, &part);
    MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_MAX, part);
    CHECK(sum == even[n - 1], "create_group max %d", sum);
    MPI_Comm_free(&part);
  }
  int range[1][3] = {{ranks - 1, 0, -1}};
  MPI_Group reversed;
  MPI_Group_range_incl(world, 1, range, &reversed);
  MPI_Group_rank(reversed, &rank);
  CHECK(rank == ranks - 1 - me, "reversed rank %d", rank);
  MPI_Group_free(&reversed);
  MPI_Group_free(&all);
  MPI_Group_free(&some);
  if (rest != MPI_GROUP_EMPTY) MPI_Group_free(&rest);
  MPI_Group_free(&world);

  /* Contexts are given back: far more communicators in turn than there can be at once. */
  for (int i = 0; i < 3000; i++) {
    MPI_Comm_dup(MPI_COMM_SELF, &other);
    MPI_Comm_free(&other);
  }
  MPI_Comm many[60];
  for (int i = 0; i < 60; i++) MPI_Comm_dup(MPI_COMM_WORLD, &many[i]);
  MPI_Request sends[60];
  for (int i = 0; i < 60; i++) MPI_Isend(&value, 0, MPI_INT, right, i, many[i], &sends[i]);
  for (int i = 59; i >= 0; i--) {
    MPI_Recv(&value, 1, MPI_INT, left, MPI_ANY_TAG, many[i], &status);
    CHECK(status.MPI_TAG == i, "tag %d on communicator %d", status.MPI_TAG, i);
    MPI_Comm_free(&many[i]);
  }
  MPI_Waitall(60, sends, MPI_STATUSES_IGNORE);

  /* Attributes and names. */
  int key, *bound, mine = 5;
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &bound, &flag);
  CHECK(flag && *bound >= 32767, "MPI_TAG_UB");
  MPI_Comm_create_keyval(copy_attribute, delete_attribute, &key, NULL);
  MPI_Comm_set_attr(copy, key, &mine);
  MPI_Comm_dup(copy, &other);
  int *found = NULL;
  MPI_Comm_get_attr(other, key, &found, &flag);
  CHECK(flag && found == &mine && copies == 1, "copied attribute");
  MPI_Comm_free(&other);
  MPI_Comm_delete_attr(copy, key);
  CHECK(deletions == 2, "%d deletions", deletions);
  MPI_Comm_free_keyval(&key);
  MPI_Comm_get_name(MPI_COMM_WORLD, name, &length);
  CHECK(strcmp(name, "MPI_COMM_WORLD") == 0, "name %s", name);
  MPI_Comm_set_name(copy, "ring");
  MPI_Comm_get_name(copy, name, &length);
  CHECK(strcmp(name, "ring") == 0 && length == 4, "name %s", name);
  MPI_Comm_free(&copy);
  return end();
}
