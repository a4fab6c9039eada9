/* Groups (MPI-3.1, section 6.3). */
#include <stdlib.h>
#include <string.h>

#include "comm.h"
#include "device/device.h"
#include "env/error.h"

struct vbmpi_table vbmpi_groups = {.what = "group"};

struct vbmpi_group *vbmpi_group_new(int size) {
  struct vbmpi_group *group = malloc(sizeof *group + (size_t)size * sizeof group->world[0]);
  if (group == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Group", "no memory for a group of %d", size);
  group->references = 1;
  group->size = size;
  group->rank = MPI_UNDEFINED;
  return group;
}

void vbmpi_group_release(struct vbmpi_group *group) {
  if (--group->references == 0) free(group);
}

static int rank_in(const struct vbmpi_group *group, int world) {
  for (int i = 0; i < group->size; i++)
    if (group->world[i] == world) return i;
  return MPI_UNDEFINED;
}

int vbmpi_group_publish(struct vbmpi_group *group, MPI_Group *handle) {
  if (group->size == 0) {
    vbmpi_group_release(group);
    *handle = MPI_GROUP_EMPTY;
    return MPI_SUCCESS;
  }
  group->rank = rank_in(group, vbmpi_device.rank);
  uint32_t index = vbmpi_table_add(&vbmpi_groups, group, 2);
  if (index == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Group", "no memory for a group of %d", group->size);
  *handle = VBMPI_HANDLE(VBMPI_KIND_GROUP, index);
  return MPI_SUCCESS;
}

struct vbmpi_group *vbmpi_group_lookup(MPI_Group handle) {
  static struct vbmpi_group empty = {.references = 1, .size = 0, .rank = MPI_UNDEFINED};
  return handle == MPI_GROUP_EMPTY ? &empty : vbmpi_group_of(handle);
}

#define GROUP(name, handle, function)            \
  VBMPI_MAIN_CHECK(function)                     \
  struct vbmpi_group *name = vbmpi_group_lookup(handle);     \
  if (name == 0) return vbmpi_fail(0, MPI_ERR_GROUP, function, "invalid group");

int PMPI_Comm_group(MPI_Comm comm, MPI_Group *group) {
  VBMPI_COMM(c, comm, "MPI_Comm_group")
  vbmpi_own_group(c)->references++;
  return vbmpi_group_publish(vbmpi_own_group(c), group);
}
VBMPI_ALIAS(Comm_group)

int PMPI_Comm_remote_group(MPI_Comm comm, MPI_Group *group) {
  VBMPI_COMM(c, comm, "MPI_Comm_remote_group")
  if (c->local == 0) return vbmpi_fail(c, MPI_ERR_COMM, "MPI_Comm_remote_group", "communicator %s is not an inter-communicator", c->name);
  c->group->references++;
  return vbmpi_group_publish(c->group, group);
}
VBMPI_ALIAS(Comm_remote_group)

int PMPI_Comm_remote_size(MPI_Comm comm, int *size) {
  VBMPI_COMM(c, comm, "MPI_Comm_remote_size")
  if (c->local == 0) return vbmpi_fail(c, MPI_ERR_COMM, "MPI_Comm_remote_size", "communicator %s is not an inter-communicator", c->name);
  *size = c->size;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_remote_size)

int PMPI_Group_size(MPI_Group group, int *size) {
  GROUP(g, group, "MPI_Group_size")
  *size = g->size;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Group_size)

int PMPI_Group_rank(MPI_Group group, int *rank) {
  GROUP(g, group, "MPI_Group_rank")
  *rank = g->rank;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Group_rank)

int PMPI_Group_translate_ranks(MPI_Group a, int n, const int ranks_a[], MPI_Group b, int ranks_b[]) {
  GROUP(from, a, "MPI_Group_translate_ranks")
  GROUP(to, b, "MPI_Group_translate_ranks")
  for (int i = 0; i < n; i++) {
    if (ranks_a[i] == MPI_PROC_NULL) {
      ranks_b[i] = MPI_PROC_NULL;
      continue;
    }
    if (ranks_a[i] < 0 || ranks_a[i] >= from->size)
      return vbmpi_fail(0, MPI_ERR_RANK, "MPI_Group_translate_ranks", "invalid rank %d (the group has %d)", ranks_a[i], from->size);
    ranks_b[i] = rank_in(to, from->world[ranks_a[i]]);
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Group_translate_ranks)

int PMPI_Group_compare(MPI_Group a, MPI_Group b, int *result) {
  GROUP(x, a, "MPI_Group_compare")
  GROUP(y, b, "MPI_Group_compare")
  *result = MPI_UNEQUAL;
  if (x->size != y->size) return MPI_SUCCESS;
  if (memcmp(x->world, y->world, (size_t)x->size * sizeof x->world[0]) == 0) {
    *result = MPI_IDENT;
    return MPI_SUCCESS;
  }
  for (int i = 0; i < x->size; i++)
    if (rank_in(y, x->world[i]) == MPI_UNDEFINED) return MPI_SUCCESS;
  *result = MPI_SIMILAR;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Group_compare)

int PMPI_Group_union(MPI_Group a, MPI_Group b, MPI_Group *result) {
  GROUP(x, a, "MPI_Group_union")
  GROUP(y, b, "MPI_Group_union")
  struct vbmpi_group *group = vbmpi_group_new(x->size + y->size);
  group->size = 0;
  for (int i = 0; i < x->size; i++) group->world[group->size++] = x->world[i];
  for (int i = 0; i < y->size; i++)
    if (rank_in(x, y->world[i]) == MPI_UNDEFINED) group->world[group->size++] = y->world[i];
  return vbmpi_group_publish(group, result);
}
VBMPI_ALIAS(Group_union)

/* The members of `x` that are, or are not, in `y`. */
static int filter(struct vbmpi_group *x, struct vbmpi_group *y, bool present, MPI_Group *result) {
  struct vbmpi_group *group = vbmpi_group_new(x->size);
  group->size = 0;
  for (int i = 0; i < x->size; i++)
    if ((rank_in(y, x->world[i]) != MPI_UNDEFINED) == present) group->world[group->size++] = x->world[i];
  return vbmpi_group_publish(group, result);
}

int PMPI_Group_intersection(MPI_Group a, MPI_Group b, MPI_Group *result) {
  GROUP(x, a, "MPI_Group_intersection")
  GROUP(y, b, "MPI_Group_intersection")
  return filter(x, y, true, result);
}
VBMPI_ALIAS(Group_intersection)

int PMPI_Group_difference(MPI_Group a, MPI_Group b, MPI_Group *result) {
  GROUP(x, a, "MPI_Group_difference")
  GROUP(y, b, "MPI_Group_difference")
  return filter(x, y, false, result);
}
VBMPI_ALIAS(Group_difference)

/* Each rank at most once and in range. */
static int check_ranks(const struct vbmpi_group *group, int n, const int ranks[], const char *function) {
  if (n < 0 || n > group->size) return vbmpi_fail(0, MPI_ERR_ARG, function, "%d ranks of a group of %d", n, group->size);
  bool *seen = calloc((size_t)group->size + 1, sizeof *seen);
  if (seen == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory");
  int bad = -1;
  for (int i = 0; i < n && bad < 0; i++) {
    if (ranks[i] < 0 || ranks[i] >= group->size || seen[ranks[i]]) {
      bad = i;
    } else {
      seen[ranks[i]] = true;
    }
  }
  free(seen);
  if (bad < 0) return MPI_SUCCESS;
  return vbmpi_fail(0, MPI_ERR_RANK, function, "rank %d at index %d is out of range or there twice (the group has %d)", ranks[bad], bad, group->size);
}

static int include(struct vbmpi_group *g, int n, const int ranks[], const char *function, MPI_Group *result) {
  int failed = check_ranks(g, n, ranks, function);
  if (failed) return failed;
  struct vbmpi_group *group = vbmpi_group_new(n);
  for (int i = 0; i < n; i++) group->world[i] = g->world[ranks[i]];
  return vbmpi_group_publish(group, result);
}

static int exclude(struct vbmpi_group *g, int n, const int ranks[], const char *function, MPI_Group *result) {
  int failed = check_ranks(g, n, ranks, function);
  if (failed) return failed;
  struct vbmpi_group *group = vbmpi_group_new(g->size);
  group->size = 0;
  for (int i = 0; i < g->size; i++) {
    bool out = false;
    for (int j = 0; j < n; j++) out |= ranks[j] == i;
    if (!out) group->world[group->size++] = g->world[i];
  }
  return vbmpi_group_publish(group, result);
}

int PMPI_Group_incl(MPI_Group group, int n, const int ranks[], MPI_Group *result) {
  GROUP(g, group, "MPI_Group_incl")
  return include(g, n, ranks, "MPI_Group_incl", result);
}
VBMPI_ALIAS(Group_incl)

int PMPI_Group_excl(MPI_Group group, int n, const int ranks[], MPI_Group *result) {
  GROUP(g, group, "MPI_Group_excl")
  return exclude(g, n, ranks, "MPI_Group_excl", result);
}
VBMPI_ALIAS(Group_excl)

/* Spells out (first, last, stride) triplets; at most `capacity` ranks, -1 for a malformed or longer list. */
static int expand(int n, int ranges[][3], int capacity, int ranks[]) {
  int used = 0;
  for (int i = 0; i < n; i++) {
    int first = ranges[i][0], last = ranges[i][1], stride = ranges[i][2];
    if (stride == 0) return -1;
    for (int rank = first; stride > 0 ? rank <= last : rank >= last; rank += stride) {
      if (used == capacity) return -1;
      ranks[used++] = rank;
    }
  }
  return used;
}

static int by_ranges(MPI_Group handle, int n, int ranges[][3], MPI_Group *result, bool keep, const char *function) {
  GROUP(g, handle, function)
  int *ranks = malloc(((size_t)g->size + 1) * sizeof *ranks);
  if (ranks == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory");
  int count = expand(n, ranges, g->size, ranks);
  int status = count < 0 ? vbmpi_fail(0, MPI_ERR_ARG, function, "malformed ranges")
               : keep    ? include(g, count, ranks, function, result)
                         : exclude(g, count, ranks, function, result);
  free(ranks);
  return status;
}

int PMPI_Group_range_incl(MPI_Group group, int n, int ranges[][3], MPI_Group *result) {
  return by_ranges(group, n, ranges, result, true, "MPI_Group_range_incl");
}
VBMPI_ALIAS(Group_range_incl)

int PMPI_Group_range_excl(MPI_Group group, int n, int ranges[][3], MPI_Group *result) {
  return by_ranges(group, n, ranges, result, false, "MPI_Group_range_excl");
}
VBMPI_ALIAS(Group_range_excl)

int PMPI_Group_free(MPI_Group *group) {
  GROUP(g, *group, "MPI_Group_free")
  if (*group != MPI_GROUP_EMPTY) {
    vbmpi_table_remove(&vbmpi_groups, VBMPI_INDEX(*group));
    vbmpi_group_release(g);
  }
  *group = MPI_GROUP_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Group_free)
