/* Catches: ranks that are told they could share memory and then cannot; a program by the standard that finds no way without (sections 6.4.2, 11.2.3). */
#include "check.h"

enum { N = 100 };

static MPI_Comm sharing;
static int near, mine;

/* Whoever is in one such communicator can make a shared window. */
static void a_window_for_each_part(void) {
  double *base, *theirs;
  MPI_Aint size;
  int unit, flag, *flavor;
  MPI_Win win;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, me, MPI_INFO_NULL, &sharing);
  MPI_Comm_size(sharing, &near);
  MPI_Comm_rank(sharing, &mine);
  MPI_Win_allocate_shared(N * (MPI_Aint)sizeof *base, sizeof *base, MPI_INFO_NULL, sharing, &base, &win);
  MPI_Win_get_attr(win, MPI_WIN_CREATE_FLAVOR, &flavor, &flag);
  CHECK(flag && *flavor == MPI_WIN_FLAVOR_SHARED, "flavor %d", *flavor);
  MPI_Win_lock_all(MPI_MODE_NOCHECK, win);
  for (int i = 0; i < N; i++) base[i] = 1000.0 * me + i;
  MPI_Win_sync(win);
  MPI_Barrier(sharing);
  MPI_Win_sync(win);
  for (int r = 0; r < near; r++) {
    MPI_Win_shared_query(win, r, &size, &unit, &theirs);
    CHECK(size == N * (MPI_Aint)sizeof *theirs && unit == sizeof *theirs, "rank %d has %d bytes in units of %d", r, (int)size, unit);
    CHECK(theirs[N - 1] - theirs[0] == N - 1, "rank %d wrote %g", r, theirs[0]);
  }
  MPI_Win_shared_query(win, MPI_PROC_NULL, &size, &unit, &theirs);
  CHECK(theirs != NULL && size > 0, "nobody gave memory");
  double got = 0;
  MPI_Get(&got, 1, MPI_DOUBLE, mine, 7, 1, MPI_DOUBLE, win);
  MPI_Win_flush(mine, win);
  CHECK(got == 1000.0 * me + 7, "one-sided, %g", got);
  MPI_Win_unlock_all(win);
  MPI_Win_free(&win);
}

/* The pattern of hybrid codes: read the neighbour's memory when it is near, else send. */
static void neighbours_near_or_far(void) {
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, near_left, got = -1, *base, *theirs, unit;
  MPI_Group world, part;
  MPI_Aint size;
  MPI_Win win;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &world);
  MPI_Comm_group(sharing, &part);
  MPI_Group_translate_ranks(world, 1, &left, part, &near_left);
  int near_right;
  MPI_Group_translate_ranks(world, 1, &right, part, &near_right);
  MPI_Win_allocate_shared(sizeof *base, sizeof *base, MPI_INFO_NULL, sharing, &base, &win);
  MPI_Win_fence(0, win);
  *base = 77 + me;
  MPI_Win_fence(0, win);
  if (near_right == MPI_UNDEFINED) MPI_Isend(base, 1, MPI_INT, right, 1, MPI_COMM_WORLD, &request);
  if (near_left == MPI_UNDEFINED) {
    MPI_Recv(&got, 1, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  } else {
    MPI_Win_shared_query(win, near_left, &size, &unit, &theirs);
    got = *theirs;
  }
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  CHECK(got == 77 + left, "the left neighbour has %d", got);
  MPI_Win_fence(0, win);
  MPI_Win_free(&win);
  MPI_Group_free(&world);
  MPI_Group_free(&part);
}

/* Memory for no element at some ranks, and a window that all of a part allocate at one of them. */
static void one_gives_for_all(void) {
  int *base, unit;
  MPI_Aint size;
  MPI_Win win;
  MPI_Win_allocate_shared(mine == 0 ? 64 * (MPI_Aint)sizeof(int) : 0, sizeof(int), MPI_INFO_NULL, sharing, &base, &win);
  MPI_Win_shared_query(win, 0, &size, &unit, &base);
  CHECK(size == 64 * (MPI_Aint)sizeof(int), "%d bytes", (int)size);
  MPI_Win_fence(0, win);
  if (mine == near - 1) base[63] = 5;
  MPI_Win_fence(0, win);
  CHECK(base[63] == 5, "the last element is %d", base[63]);
  MPI_Win_free(&win);
}

static void types_of_splitting(void) {
  MPI_Comm part;
  int size;
  MPI_Comm_split_type(MPI_COMM_WORLD, me == 0 ? MPI_UNDEFINED : MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &part);
  CHECK((part == MPI_COMM_NULL) == (me == 0), "MPI_UNDEFINED");
  if (part != MPI_COMM_NULL) MPI_Comm_free(&part);
#ifdef VERBENA_MPI
  int together, error_class;
  double *base;
  MPI_Info info;
  MPI_Win win;
  /* By hardware: the ranks of a host, which are fewer than all or nobody. */
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_UNGUIDED, 0, MPI_INFO_NULL, &part);
  if (part != MPI_COMM_NULL) {
    MPI_Comm_size(part, &size);
    CHECK(size < ranks, "a part of all %d", size);
    MPI_Comm_free(&part);
  }
  MPI_Info_create(&info);
  MPI_Info_set(info, "mpi_hw_resource_type", "host");
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, info, &part);
  CHECK(part != MPI_COMM_NULL, "no host");
  char name[MPI_MAX_PROCESSOR_NAME], first[MPI_MAX_PROCESSOR_NAME];
  MPI_Get_processor_name(name, &size);
  memcpy(first, name, sizeof first);
  MPI_Bcast(first, sizeof first, MPI_CHAR, 0, part);
  CHECK(strcmp(first, name) == 0, "%s and %s in one part", first, name);
  MPI_Comm_free(&part);
  MPI_Info_set(info, "mpi_hw_resource_type", "there is no such thing");
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_HW_GUIDED, 0, info, &part);
  CHECK(part == MPI_COMM_NULL, "a part by an unknown resource");
  MPI_Info_free(&info);
  /* All together cannot. */
  MPI_Comm_dup(MPI_COMM_WORLD, &part);
  MPI_Comm_set_errhandler(part, MPI_ERRORS_RETURN);
  together = MPI_Win_allocate_shared(8, 8, MPI_INFO_NULL, part, &base, &win);
  MPI_Error_class(together, &error_class);
  CHECK(error_class == (ranks > 1 ? MPI_ERR_RMA_SHARED : MPI_SUCCESS), "class %d", error_class);
  if (ranks == 1) MPI_Win_free(&win);
  CHECK(MPI_Comm_split_type(part, 999, 0, MPI_INFO_NULL, &sharing) == MPI_ERR_ARG, "type 999");
  MPI_Comm_free(&part);
#endif
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  a_window_for_each_part();
  neighbours_near_or_far();
  one_gives_for_all();
  MPI_Comm_free(&sharing);
  types_of_splitting();
  return end();
}
