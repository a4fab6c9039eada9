/* Random datatypes with their maps, written out by hand beside the library's: for random.c. */
#ifndef RANDOM_TYPES_H
#define RANDOM_TYPES_H

#include "check.h"

#define MOST_ELEMENTS 600

static const MPI_Datatype basics[4] = {MPI_CHAR, MPI_SHORT, MPI_INT, MPI_DOUBLE};
static const int widths[4] = {1, 2, 4, 8};

struct map {
  int width;            /* bytes of an element */
  int count;            /* elements */
  int at[MOST_ELEMENTS];
  int lb, extent;
};

static unsigned seed_;
static int below(int limit) { return (int)(next_random(&seed_) % (unsigned)limit); }

/* Appends the map of `old` at a byte displacement; false when it would become too long. */
static int append(struct map *map, const struct map *old, int displacement) {
  if (map->count + old->count > MOST_ELEMENTS) return 0;
  for (int i = 0; i < old->count; i++) map->at[map->count++] = old->at[i] + displacement;
  return 1;
}

static void bounds(struct map *map, const struct map *old, const int at[], int n) {
  int lb = at[0], ub = at[0] + old->extent;
  for (int i = 1; i < n; i++) {
    if (at[i] < lb) lb = at[i];
    if (at[i] + old->extent > ub) ub = at[i] + old->extent;
  }
  map->lb = lb + old->lb;
  map->extent = ub - lb;
}

/* One more constructor around `type`: blocks at displacements that do not overlap, in any order. */
static void wrap(MPI_Datatype *type, struct map *map) {
  static struct map old;
  old = *map;
  MPI_Datatype inner = *type, made;
  int n = 1 + below(4), length = 1 + below(3), gap = below(3), at[12], many = 0, unit = old.extent;
  if (old.count * n * length > MOST_ELEMENTS || unit <= 0) return;
  map->count = 0;
  int blocks[4], lengths[4];
  MPI_Aint bytes[4];
  MPI_Datatype types[4];
  int reversed = below(2), kind = below(8), stride = length + gap;
  for (int i = 0; i < n; i++) {
    blocks[i] = (reversed ? n - 1 - i : i) * stride;
    lengths[i] = length;
    bytes[i] = (MPI_Aint)blocks[i] * unit;
    types[i] = inner;
  }
  if (kind == 0 || kind == 1) {
    for (int i = 0; i < n; i++) blocks[i] = i * stride;
    if (kind == 0) MPI_Type_vector(n, length, stride, inner, &made);
    else MPI_Type_create_hvector(n, length, (MPI_Aint)stride * unit, inner, &made);
  } else if (kind == 2) {
    MPI_Type_indexed(n, lengths, blocks, inner, &made);
  } else if (kind == 3) {
    MPI_Type_create_hindexed(n, lengths, bytes, inner, &made);
  } else if (kind == 4) {
    MPI_Type_create_indexed_block(n, length, blocks, inner, &made);
  } else if (kind == 5) {
    MPI_Type_create_hindexed_block(n, length, bytes, inner, &made);
  } else if (kind == 6) {
    int sizes[2] = {n + gap, length + 1}, sub[2] = {n, length}, starts[2] = {gap, below(2)};
    MPI_Type_create_subarray(2, sizes, sub, starts, MPI_ORDER_C, inner, &made);
    for (int i = 0; i < n; i++) blocks[i] = (gap + i) * (length + 1) + starts[1];
    for (int i = 0; i < n; i++)
      for (int k = 0; k < length; k++) append(map, &old, (blocks[i] + k) * unit);
    map->lb = 0;
    map->extent = (n + gap) * (length + 1) * unit;
  } else {
    MPI_Datatype whole;
    MPI_Type_create_hindexed(n, lengths, bytes, inner, &whole);
    MPI_Type_create_resized(whole, old.lb, (MPI_Aint)(n * stride + gap) * unit, &made);
    MPI_Type_free(&whole);
  }
  if (kind != 6) {
    for (int i = 0; i < n; i++)
      for (int k = 0; k < length; k++) {
        at[many++] = (blocks[i] + k) * unit;
        append(map, &old, (blocks[i] + k) * unit);
      }
    bounds(map, &old, at, many);
    if (kind == 7) {
      map->lb = old.lb;
      map->extent = (n * stride + gap) * unit;
    }
  }
  if (inner != basics[0] && inner != basics[1] && inner != basics[2] && inner != basics[3]) MPI_Type_free(&inner);
  *type = made;
}

static void generate(int which, MPI_Datatype *type, struct map *map) {
  *type = basics[which];
  *map = (struct map){.width = widths[which], .count = 1, .extent = widths[which]};
  for (int depth = below(4); depth > 0; depth--) wrap(type, map);
  MPI_Aint lb, extent;
  int size;
  MPI_Type_get_extent(*type, &lb, &extent);
  MPI_Type_size(*type, &size);
  CHECK(size == map->count * map->width && lb == map->lb && extent == map->extent, "type of %d elements: size %d, lb %d (%d), extent %d (%d)", map->count, size,
        (int)lb, map->lb, (int)extent, map->extent);
  MPI_Type_commit(type);
}

static int is_basic(MPI_Datatype type) { return type == basics[0] || type == basics[1] || type == basics[2] || type == basics[3]; }

#endif
