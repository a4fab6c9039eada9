/* Life of datatypes, and how their maps are built. */
#include <stdlib.h>

#include "check/check.h"
#include "datatype.h"
#include "env/error.h"
#include "op/op.h"

struct vbmpi_table vbmpi_types = {.what = "datatype"};

struct vbmpi_type *vbmpi_type_of(MPI_Datatype type) {
  if (VBMPI_KIND(type) == VBMPI_KIND_DERIVED) return vbmpi_table_get(&vbmpi_types, VBMPI_INDEX(type));
  return VBMPI_KIND(type) == VBMPI_KIND_PAIR ? vbmpi_pair_of(type) : 0;
}

int vbmpi_layout_of(MPI_Datatype type, bool must_be_committed, struct vbmpi_layout *layout) {
  if (vbmpi_basic_exists(type)) {
    size_t size = vbmpi_basic_size(type);
    *layout = (struct vbmpi_layout){.size = size, .extent = (ptrdiff_t)size, .true_extent = (ptrdiff_t)size, .contiguous = true};
    return MPI_SUCCESS;
  }
  struct vbmpi_type *object = vbmpi_type_of(type);
  if (object == 0 || (must_be_committed && !object->committed)) return MPI_ERR_TYPE;
  *layout = (struct vbmpi_layout){.size = object->size, .extent = object->ub - object->lb, .true_lb = object->true_lb,
                                  .true_extent = object->true_ub - object->true_lb, .contiguous = object->contiguous, .object = object};
  return MPI_SUCCESS;
}

void vbmpi_type_retain(MPI_Datatype type) {
  if (VBMPI_KIND(type) != VBMPI_KIND_DERIVED) return;
  struct vbmpi_type *object = vbmpi_type_of(type);
  if (object) object->references++;
}

static void destroy(struct vbmpi_type *object) {
  vbmpi_recipe_free(object->recipe);
  free(object->runs);
  free(object->basics);
  free(object);
}

/* The slot keeps a freed type until the last request that uses it has ended. */
void vbmpi_type_release(MPI_Datatype type) {
  if (VBMPI_KIND(type) != VBMPI_KIND_DERIVED) return;
  struct vbmpi_type *object = vbmpi_table_get(&vbmpi_types, VBMPI_INDEX(type));
  if (object == 0 || --object->references > 0) return;
  vbmpi_table_remove(&vbmpi_types, VBMPI_INDEX(type));
  destroy(object);
}

struct vbmpi_type *vbmpi_type_begin(void) {
  struct vbmpi_type *type = calloc(1, sizeof *type);
  if (type == 0) return 0;
  type->references = 1;
  type->alignment = 1;
  type->basic = MPI_DATATYPE_NULL;
  type->lb = type->true_lb = PTRDIFF_MAX;
  type->ub = type->true_ub = PTRDIFF_MIN;
  return type;
}

static bool add_run(struct vbmpi_type *type, struct vbmpi_run run) {
  if (run.length == 0 || run.count == 0) return true;
  if (run.count > 1 && run.stride == (ptrdiff_t)run.length) {
    run.length *= run.count;
    run.count = 1;
  }
  if (type->runs_used) {
    struct vbmpi_run *last = &type->runs[type->runs_used - 1];
    if (last->count == 1 && run.count == 1 && last->offset + (ptrdiff_t)last->length == run.offset) {
      last->length += run.length;
      return true;
    }
    ptrdiff_t next = last->count == 1 ? run.offset - last->offset : last->stride;
    if (last->length == run.length && run.offset == last->offset + (ptrdiff_t)last->count * next && (run.count == 1 || run.stride == next) && next > 0) {
      last->stride = next;
      last->count += run.count;
      return true;
    }
  }
  if (type->runs_used == type->runs_capacity) {
    size_t capacity = type->runs_capacity ? type->runs_capacity * 2 : 2;
    struct vbmpi_run *runs = realloc(type->runs, capacity * sizeof *runs);
    if (runs == 0) return false;
    type->runs = runs;
    type->runs_capacity = capacity;
  }
  type->runs[type->runs_used++] = run;
  return true;
}

static bool add_basics(struct vbmpi_type *type, unsigned size, MPI_Datatype basic, size_t count) {
  if (count == 0) return true;
  if (type->basics_used && type->basics[type->basics_used - 1].type == basic) {
    type->basics[type->basics_used - 1].count += count;
    return true;
  }
  if (type->basics_used == type->basics_capacity) {
    size_t capacity = type->basics_capacity ? type->basics_capacity * 2 : 2;
    struct vbmpi_basics *basics = realloc(type->basics, capacity * sizeof *basics);
    if (basics == 0) return false;
    type->basics = basics;
    type->basics_capacity = capacity;
  }
  type->basics[type->basics_used++] = (struct vbmpi_basics){size, basic, count};
  return true;
}

static void widen(struct vbmpi_type *type, ptrdiff_t lb, ptrdiff_t ub, ptrdiff_t true_lb, ptrdiff_t true_ub, ptrdiff_t displacement) {
  if (displacement + lb < type->lb) type->lb = displacement + lb;
  if (displacement + ub > type->ub) type->ub = displacement + ub;
  if (displacement + true_lb < type->true_lb) type->true_lb = displacement + true_lb;
  if (displacement + true_ub > type->true_ub) type->true_ub = displacement + true_ub;
}

static void mix_basic(struct vbmpi_type *type, MPI_Datatype basic) { type->basic = type->size == 0 ? basic : type->basic == basic ? basic : MPI_DATATYPE_NULL; }

static bool is_complex(MPI_Datatype type) {
  enum vbmpi_value value = vbmpi_value_of(type);
  return value == VBMPI_C32 || value == VBMPI_C64 || value == VBMPI_C128;
}

static bool append_basic(struct vbmpi_type *type, MPI_Datatype old, ptrdiff_t displacement, size_t count) {
  size_t size = vbmpi_basic_size(old);
  mix_basic(type, old);
  type->size += size * count;
  size_t alignment = is_complex(old) ? size / 2 : size;
  if (vbmpi_basic_is_pair(old)) alignment = size / 2;
  if (alignment > 16) alignment = 16;
  if (alignment > type->alignment) type->alignment = alignment;
  ptrdiff_t end = (ptrdiff_t)(size * count);
  widen(type, 0, end, 0, end, displacement);
  bool ok = vbmpi_basic_is_pair(old) ? add_basics(type, (unsigned)size / 2, old, count * 2) : add_basics(type, (unsigned)size, old, count);
  return ok && add_run(type, (struct vbmpi_run){displacement, size * count, 0, 1});
}

static bool append_derived(struct vbmpi_type *type, const struct vbmpi_type *old, ptrdiff_t displacement, size_t count) {
  ptrdiff_t extent = old->ub - old->lb;
  if (old->size) mix_basic(type, old->basic);
  type->size += old->size * count;
  type->bounds_fixed |= old->bounds_fixed;
  if (old->alignment > type->alignment) type->alignment = old->alignment;
  ptrdiff_t last = displacement + (ptrdiff_t)(count - 1) * extent;
  widen(type, old->lb, old->ub, old->true_lb, old->true_ub, displacement);
  widen(type, old->lb, old->ub, old->true_lb, old->true_ub, last);
  /* One run per element becomes one strided run for all of them when the old type is a single block. */
  if (old->runs_used == 1 && old->runs[0].count == 1) {
    const struct vbmpi_run *run = &old->runs[0];
    if (extent > 0 || count == 1) {
      if (!add_run(type, (struct vbmpi_run){displacement + run->offset, run->length, extent, count})) return false;
      for (size_t n = 0; n < (old->basics_used == 1 ? 1 : count); n++)
        for (size_t b = 0; b < old->basics_used; b++)
          if (!add_basics(type, old->basics[b].size, old->basics[b].type, old->basics[b].count * (old->basics_used == 1 ? count : 1))) return false;
      return true;
    }
  }
  for (size_t n = 0; n < count; n++) {
    ptrdiff_t at = displacement + (ptrdiff_t)n * extent;
    for (size_t r = 0; r < old->runs_used; r++) {
      struct vbmpi_run run = old->runs[r];
      run.offset += at;
      if (!add_run(type, run)) return false;
    }
    for (size_t b = 0; b < old->basics_used; b++)
      if (!add_basics(type, old->basics[b].size, old->basics[b].type, old->basics[b].count)) return false;
  }
  return true;
}

bool vbmpi_type_append(struct vbmpi_type *type, MPI_Datatype old, ptrdiff_t displacement, size_t count) {
  if (count == 0) return true;
  return vbmpi_type_is_basic(old) ? append_basic(type, old, displacement, count)
                                  : append_derived(type, vbmpi_type_of(old), displacement, count);
}

int vbmpi_type_end(struct vbmpi_type *type, bool ok, struct vbmpi_recipe *recipe, MPI_Datatype *handle, const char *function) {
  if (type && type->lb > type->ub) type->lb = type->ub = type->true_lb = type->true_ub = 0;
  if (type && type->true_lb > type->true_ub) type->true_lb = type->true_ub = 0;
  uint32_t index = ok && type ? vbmpi_table_add(&vbmpi_types, type, 1) : 0;
  if (index == 0) {
    if (type) destroy(type);
    vbmpi_recipe_free(recipe);
    return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory for the datatype");
  }
  type->contiguous = type->size == 0 || (type->runs_used == 1 && type->runs[0].count == 1 && type->ub - type->lb == (ptrdiff_t)type->size);
  type->handle = VBMPI_HANDLE(VBMPI_KIND_DERIVED, index);
  type->recipe = recipe;
  if (recipe == 0) vbmpi_check_hide(&vbmpi_types, index);
  *handle = type->handle;
  return MPI_SUCCESS;
}
