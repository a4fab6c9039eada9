/* Catches: one-sided operations that are lost, reordered, not atomic, or done on the wrong bytes; locks that let two in (chapter 11). */
#include "check.h"

enum { N = 3000 };

static MPI_Win make(int **memory, int count) {
  MPI_Win win;
  MPI_Win_allocate((MPI_Aint)count * (MPI_Aint)sizeof(int), sizeof(int), MPI_INFO_NULL, MPI_COMM_WORLD, memory, &win);
  for (int i = 0; i < count; i++) (*memory)[i] = -1;
  return win;
}

/* Everyone puts into its right neighbour and gets from its left one, short and long. */
static void fence(void) {
  int *memory, *flavor, *unit, flag, right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  static int out[N], in[N];
  MPI_Win win = make(&memory, 2 * N);
  MPI_Win_get_attr(win, MPI_WIN_CREATE_FLAVOR, &flavor, &flag);
  CHECK(flag && *flavor == MPI_WIN_FLAVOR_ALLOCATE, "flavor %d", *flavor);
  MPI_Win_get_attr(win, MPI_WIN_DISP_UNIT, &unit, &flag);
  CHECK(flag && *unit == sizeof(int), "unit %d", *unit);
  for (int i = 0; i < N; i++) {
    out[i] = pattern(me, 1, i);
    memory[N + i] = pattern(me, 2, i);
  }
  MPI_Win_fence(0, win);
  MPI_Put(out, 1, MPI_INT, right, 5, 1, MPI_INT, win);
  MPI_Put(out + 10, N - 10, MPI_INT, right, 10, N - 10, MPI_INT, win);
  MPI_Get(in, N, MPI_INT, left, N, N, MPI_INT, win);
  MPI_Win_fence(0, win);
  CHECK(memory[5] == pattern(left, 1, 0) && memory[6] == -1, "put brought %d", memory[5]);
  for (int i = 10; i < N; i++) CHECK(memory[i] == pattern(left, 1, i), "put element %d is %d", i, memory[i]);
  for (int i = 0; i < N; i++) CHECK(in[i] == pattern(left, 2, i), "get element %d is %d", i, in[i]);
  /* Every second element, by a type at the target. */
  MPI_Datatype type;
  MPI_Type_vector(100, 1, 2, MPI_INT, &type);
  MPI_Type_commit(&type);
  for (int i = 0; i < 200; i++) memory[i] = -1;
  MPI_Win_fence(0, win);
  MPI_Put(out, 100, MPI_INT, right, 0, 1, type, win);
  MPI_Type_free(&type);
  MPI_Win_fence(MPI_MODE_NOSUCCEED, win);
  for (int i = 0; i < 199; i++) CHECK(memory[i] == (i % 2 ? -1 : pattern(left, 1, i / 2)), "strided element %d is %d", i, memory[i]);
  MPI_Win_free(&win);
  CHECK(win == MPI_WIN_NULL, "the handle is still there");
}

/* All add to rank 0; no contribution may be lost, and fetched values are all different. */
static void accumulate(void) {
  int *memory, one = 1, before, sum = 0, *seen = calloc((size_t)ranks * 50 + 1, sizeof *seen);
  MPI_Win win = make(&memory, 8);
  for (int i = 0; i < 8; i++) memory[i] = 0;
  MPI_Win_fence(0, win);
  int ones[4] = {1, 2, 3, 4};
  for (int k = 0; k < 20; k++) MPI_Accumulate(ones, 4, MPI_INT, 0, 0, 4, MPI_INT, MPI_SUM, win);
  MPI_Accumulate(&me, 1, MPI_INT, 0, 5, 1, MPI_INT, MPI_MAX, win);
  MPI_Win_fence(0, win);
  if (me == 0)
    for (int i = 0; i < 4; i++) CHECK(memory[i] == 20 * ranks * (i + 1), "sum %d is %d", i, memory[i]);
  if (me == 0) CHECK(memory[5] == ranks - 1, "maximum %d", memory[5]);
  MPI_Win_fence(MPI_MODE_NOSUCCEED, win);
  MPI_Win_lock_all(0, win);
  for (int k = 0; k < 50; k++) {
    MPI_Fetch_and_op(&one, &before, MPI_INT, 0, 6, MPI_SUM, win);
    MPI_Win_flush(0, win);
    CHECK(before >= 0 && before < 50 * ranks, "fetched %d", before);
    seen[before] = 1;
  }
  MPI_Win_unlock_all(win);
  MPI_Allreduce(MPI_IN_PLACE, seen, 50 * ranks, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < 50 * ranks; i++) CHECK(seen[i] == 1, "%d was fetched %d times", i, seen[i]);
  /* A value that is fetched without being changed, and one that is replaced. */
  MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
  MPI_Get_accumulate(NULL, 0, MPI_INT, &sum, 1, MPI_INT, 0, 6, 1, MPI_INT, MPI_NO_OP, win);
  MPI_Win_unlock(0, win);
  CHECK(sum == 50 * ranks, "sum %d", sum);
  free(seen);
  MPI_Win_free(&win);
}

/* A counter under an exclusive lock, and one taken by compare-and-swap. */
static void locks(void) {
  int *memory, value, expected, desired, got;
  MPI_Win win = make(&memory, 2);
  MPI_Win_lock(MPI_LOCK_EXCLUSIVE, me, 0, win);
  memory[0] = memory[1] = 0;
  MPI_Win_unlock(me, win);
  MPI_Barrier(MPI_COMM_WORLD);
  for (int k = 0; k < 20; k++) {
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, 0, 0, win);
    MPI_Get(&value, 1, MPI_INT, 0, 0, 1, MPI_INT, win);
    MPI_Win_flush(0, win);
    value++;
    MPI_Put(&value, 1, MPI_INT, 0, 0, 1, MPI_INT, win);
    MPI_Win_unlock(0, win);
    MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
    for (expected = 0;; expected = got) {
      desired = expected + 1;
      MPI_Compare_and_swap(&desired, &expected, &got, MPI_INT, 0, 1, win);
      MPI_Win_flush(0, win);
      if (got == expected) break;
    }
    MPI_Win_unlock(0, win);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Win_lock(MPI_LOCK_SHARED, 0, 0, win);
  int both[2] = {-1, -1};
  MPI_Request request;
  MPI_Rget(both, 2, MPI_INT, 0, 0, 2, MPI_INT, win, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  CHECK(both[0] == 20 * ranks && both[1] == 20 * ranks, "counters %d and %d", both[0], both[1]);
  MPI_Win_unlock(0, win);
  MPI_Win_free(&win);
}

/* Post and start: even ranks expose, odd ones access. */
static void general_active(void) {
  int *memory, neighbours[2], count = 0;
  MPI_Win win = make(&memory, 2);
  MPI_Group world, group;
  if (me > 0) neighbours[count++] = me - 1;
  if (me < ranks - 1) neighbours[count++] = me + 1;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Group_incl(world, count, neighbours, &group);
  for (int round = 0; round < 3 && ranks > 1; round++) {
    if (me % 2 == 0) {
      MPI_Win_post(group, 0, win);
      MPI_Win_wait(win);
      if (me > 0) CHECK(memory[0] == 10 * (me - 1) + round, "from below %d", memory[0]);
      if (me < ranks - 1) CHECK(memory[1] == 10 * (me + 1) + round, "from above %d", memory[1]);
    } else {
      int value = 10 * me + round;
      MPI_Win_start(group, 0, win);
      for (int i = 0; i < count; i++) MPI_Put(&value, 1, MPI_INT, neighbours[i], neighbours[i] < me, 1, MPI_INT, win);
      MPI_Win_complete(win);
    }
  }
  MPI_Group_free(&group);
  MPI_Group_free(&world);
  MPI_Win_free(&win);
}

static void dynamic(void) {
  MPI_Win win;
  static double cell[4];
  MPI_Aint mine, *all = malloc((size_t)ranks * sizeof *all);
  double value = 2.5 + me;
  MPI_Win_create_dynamic(MPI_INFO_NULL, MPI_COMM_WORLD, &win);
  MPI_Win_attach(win, cell, sizeof cell);
  MPI_Get_address(cell, &mine);
  MPI_Allgather(&mine, 1, MPI_AINT, all, 1, MPI_AINT, MPI_COMM_WORLD);
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  MPI_Win_fence(0, win);
  MPI_Put(&value, 1, MPI_DOUBLE, right, all[right] + (MPI_Aint)sizeof(double), 1, MPI_DOUBLE, win);
  MPI_Win_fence(0, win);
  CHECK(cell[1] == 2.5 + left && cell[0] == 0, "cell %g", cell[1]);
  MPI_Win_detach(win, cell);
  MPI_Win_free(&win);
  free(all);
}

/* Misuse gives the class of the standard. */
static void misuse(void) {
#ifdef VERBENA_MPI
  int *memory, value = 1, error_class;
  MPI_Win win = make(&memory, 4);
  MPI_Win_set_errhandler(win, MPI_ERRORS_RETURN);
  MPI_Error_class(MPI_Put(&value, 1, MPI_INT, 0, 0, 1, MPI_INT, win), &error_class);
  CHECK(error_class == MPI_ERR_RMA_SYNC, "without an epoch: class %d", error_class);
  MPI_Win_fence(0, win);
  MPI_Error_class(MPI_Put(&value, 1, MPI_INT, 0, 4, 1, MPI_INT, win), &error_class);
  CHECK(error_class == MPI_ERR_RMA_RANGE, "outside of the window: class %d", error_class);
  MPI_Error_class(MPI_Put(&value, 1, MPI_INT, ranks, 0, 1, MPI_INT, win), &error_class);
  CHECK(error_class == MPI_ERR_RANK, "rank: class %d", error_class);
  MPI_Win_fence(MPI_MODE_NOSUCCEED, win);
  MPI_Error_class(MPI_Win_unlock(0, win), &error_class);
  CHECK(error_class == MPI_ERR_RMA_SYNC, "unlock without lock: class %d", error_class);
  MPI_Win_free(&win);
#endif
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  fence();
  accumulate();
  locks();
  general_active();
  dynamic();
  misuse();
  return end();
}
