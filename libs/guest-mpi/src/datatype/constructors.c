/* Making datatypes (MPI-3.1, section 4.1.2 and following). Counts are wide here: each function serves its variant with large counts, too. */
#include "comm/comm.h"
#include "datatype.h"
#include "env/error.h"

static int check(MPI_Datatype old, MPI_Count count, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (count > PTRDIFF_MAX) return vbmpi_fail(0, MPI_ERR_COUNT, function, "count %lld exceeds the memory of a guest", count);
  if (!vbmpi_basic_exists(old) && vbmpi_type_of(old) == 0) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");
  return MPI_SUCCESS;
}

static ptrdiff_t extent_of(MPI_Datatype type) {
  struct vbmpi_layout layout;
  return vbmpi_layout_of(type, false, &layout) ? 0 : layout.extent;
}

static int contiguous(MPI_Count count, MPI_Datatype old, MPI_Datatype *type, bool large, const char *function) {
  int result = check(old, count, function);
  if (result) return result;
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(MPI_COMBINER_CONTIGUOUS, large, 1, 0, 1);
  vbmpi_recipe_count(recipe, count);
  vbmpi_recipe_type(recipe, old);
  struct vbmpi_type *made = vbmpi_type_begin();
  return vbmpi_type_end(made, made && recipe && vbmpi_type_append(made, old, 0, (size_t)count), recipe, type, function);
}

static int vector(MPI_Count count, MPI_Count length, MPI_Count stride, bool in_bytes, MPI_Datatype old, MPI_Datatype *type, bool large,
                  const char *function) {
  int result = check(old, count, function);
  if (result) return result;
  if (length < 0) return vbmpi_fail(0, MPI_ERR_ARG, function, "negative block length %lld", length);
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(in_bytes ? MPI_COMBINER_HVECTOR : MPI_COMBINER_VECTOR, large, 3, 1, 1);
  vbmpi_recipe_count(recipe, count);
  vbmpi_recipe_count(recipe, length);
  if (in_bytes) {
    vbmpi_recipe_displacement(recipe, stride);
  } else {
    vbmpi_recipe_count(recipe, stride);
  }
  vbmpi_recipe_type(recipe, old);
  ptrdiff_t step = (ptrdiff_t)(in_bytes ? stride : stride * extent_of(old));
  struct vbmpi_type *made = vbmpi_type_begin();
  bool ok = made && recipe;
  for (MPI_Count i = 0; i < count && ok; i++) ok = vbmpi_type_append(made, old, (ptrdiff_t)i * step, (size_t)length);
  return vbmpi_type_end(made, ok, recipe, type, function);
}

/* Blocks whose lengths and displacements (in bytes, or extents of the old type) are vectors; one length for all with step 0. */
struct blocks {
  MPI_Count count;
  struct vbmpi_vector lengths;
  struct vbmpi_vector displacements;
  bool in_bytes;
  int combiner;
};

/* The old types of a struct, or the one of all others. */
struct olds {
  const MPI_Datatype *each;
  MPI_Datatype all;
};
static MPI_Datatype old_of(const struct olds *olds, int i) { return olds->each ? olds->each[i] : olds->all; }

static int check_blocks(const struct blocks *blocks, const struct olds *olds, const char *function) {
  int result = check(olds->each ? MPI_BYTE : olds->all, blocks->count, function);
  for (int i = 0; i < blocks->count && result == MPI_SUCCESS; i++) {
    long long length = vbmpi_element(&blocks->lengths, i);
    if (length < 0) return vbmpi_fail(0, MPI_ERR_ARG, function, "negative block length %lld at index %d", length, i);
    bool marker = olds->each && VBMPI_KIND(olds->each[i]) == VBMPI_KIND_MARKER;
    if (olds->each && !marker) result = check(olds->each[i], 0, function);
  }
  return result;
}

static struct vbmpi_recipe *recipe_of(const struct blocks *blocks, const struct olds *olds, bool large) {
  size_t n = (size_t)blocks->count;
  bool one_length = blocks->lengths.width == 0;
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(blocks->combiner, large, 2 * n + 2, n, olds->each ? n : 1);
  vbmpi_recipe_count(recipe, blocks->count);
  for (int i = 0; i < (one_length ? 1 : blocks->count); i++) vbmpi_recipe_count(recipe, vbmpi_element(&blocks->lengths, i));
  for (int i = 0; i < blocks->count; i++) {
    if (blocks->in_bytes) {
      vbmpi_recipe_displacement(recipe, vbmpi_element(&blocks->displacements, i));
    } else {
      vbmpi_recipe_count(recipe, vbmpi_element(&blocks->displacements, i));
    }
  }
  for (int i = 0; i < (olds->each ? blocks->count : 1); i++) vbmpi_recipe_type(recipe, old_of(olds, i));
  return recipe;
}

/* Bounds that a struct is given by MPI_LB and MPI_UB. */
static void apply_markers(struct vbmpi_type *made, const struct blocks *blocks, const struct olds *olds) {
  bool has_lb = false, has_ub = false;
  for (int i = 0; i < blocks->count; i++) {
    ptrdiff_t at = (ptrdiff_t)vbmpi_element(&blocks->displacements, i);
    if (olds->each[i] == MPI_LB) made->lb = has_lb && made->lb < at ? made->lb : at;
    if (olds->each[i] == MPI_UB) made->ub = has_ub && made->ub > at ? made->ub : at;
    has_lb |= olds->each[i] == MPI_LB;
    has_ub |= olds->each[i] == MPI_UB;
  }
  made->bounds_fixed |= has_lb || has_ub;
}

/* The extent of a struct is rounded up to the strictest alignment in it, as the compiler does, unless a bound was set by hand. */
static void round_up(struct vbmpi_type *made) {
  if (made->ub <= made->lb || made->bounds_fixed) return;
  ptrdiff_t alignment = (ptrdiff_t)made->alignment, rest = (made->ub - made->lb) % alignment;
  if (rest) made->ub += alignment - rest;
}

static int indexed(struct blocks blocks, struct olds olds, MPI_Datatype *type, bool large, const char *function) {
  int result = check_blocks(&blocks, &olds, function);
  if (result) return result;
  struct vbmpi_recipe *recipe = recipe_of(&blocks, &olds, large);
  struct vbmpi_type *made = vbmpi_type_begin();
  bool ok = made && recipe;
  ptrdiff_t unit = blocks.in_bytes ? 1 : extent_of(olds.all);
  for (int i = 0; i < blocks.count && ok; i++) {
    MPI_Datatype old = old_of(&olds, i);
    if (VBMPI_KIND(old) == VBMPI_KIND_MARKER) continue;
    ok = vbmpi_type_append(made, old, (ptrdiff_t)vbmpi_element(&blocks.displacements, i) * unit, (size_t)vbmpi_element(&blocks.lengths, i));
  }
  if (ok && olds.each) {
    apply_markers(made, &blocks, &olds);
    round_up(made);
  }
  return vbmpi_type_end(made, ok, recipe, type, function);
}

static int resized(MPI_Datatype old, MPI_Count lb, MPI_Count extent, MPI_Datatype *type, bool large, const char *function) {
  int result = check(old, 0, function);
  if (result) return result;
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(MPI_COMBINER_RESIZED, large, 0, 2, 1);
  vbmpi_recipe_displacement(recipe, lb);
  vbmpi_recipe_displacement(recipe, extent);
  vbmpi_recipe_type(recipe, old);
  struct vbmpi_type *made = vbmpi_type_begin();
  bool ok = made && recipe && vbmpi_type_append(made, old, 0, 1);
  if (ok) {
    made->lb = (ptrdiff_t)lb;
    made->ub = (ptrdiff_t)(lb + extent);
    made->bounds_fixed = true;
  }
  return vbmpi_type_end(made, ok, recipe, type, function);
}

int PMPI_Type_dup(MPI_Datatype old, MPI_Datatype *type) {
  int result = check(old, 0, "MPI_Type_dup");
  if (result) return result;
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(MPI_COMBINER_DUP, false, 0, 0, 1);
  vbmpi_recipe_type(recipe, old);
  struct vbmpi_type *original = vbmpi_type_of(old), *made = vbmpi_type_begin();
  bool ok = made && recipe && vbmpi_type_append(made, old, 0, 1);
  if (ok) {
    made->committed = original == 0 || original->committed;
    if (original) {
      made->lb = original->lb;
      made->ub = original->ub;
    }
  }
  result = vbmpi_type_end(made, ok, recipe, type, "MPI_Type_dup");
  if (result || original == 0) return result;
  result = vbmpi_attributes_copy(original->attributes, old, &made->attributes);
  if (result) {
    vbmpi_type_release(*type);
    *type = MPI_DATATYPE_NULL;
  }
  return result;
}
VBMPI_ALIAS(Type_dup)

#define DEFINE(name, C, D, large, body) \
  int PMPI_##name(VB_ARGS_##body(C, D)) { return CALL_##body(large, "MPI_" #name); } \
  VBMPI_ALIAS(name)
#define BOTH(name) DEFINE(name, int, MPI_Aint, false, name) DEFINE(name##_c, MPI_Count, MPI_Count, true, name)

#define BLOCKS(bytes, kind, many) ((struct blocks){count, many, VBMPI_VECTOR(displacements), bytes, kind})
#define SAME(type) ((struct olds){.all = type})
#define CALL_Type_contiguous(large, function) contiguous(count, old, type, large, function)
#define CALL_Type_vector(large, function) vector(count, length, stride, false, old, type, large, function)
#define CALL_Type_create_hvector(large, function) vector(count, length, stride, true, old, type, large, function)
#define CALL_Type_indexed(large, function) indexed(BLOCKS(false, MPI_COMBINER_INDEXED, VBMPI_VECTOR(lengths)), SAME(old), type, large, function)
#define CALL_Type_create_hindexed(large, function) indexed(BLOCKS(true, MPI_COMBINER_HINDEXED, VBMPI_VECTOR(lengths)), SAME(old), type, large, function)
#define CALL_Type_create_indexed_block(large, function) \
  indexed(BLOCKS(false, MPI_COMBINER_INDEXED_BLOCK, VBMPI_REGULAR(length, 0)), SAME(old), type, large, function)
#define CALL_Type_create_hindexed_block(large, function) \
  indexed(BLOCKS(true, MPI_COMBINER_HINDEXED_BLOCK, VBMPI_REGULAR(length, 0)), SAME(old), type, large, function)
#define CALL_Type_create_struct(large, function) \
  indexed(BLOCKS(true, MPI_COMBINER_STRUCT, VBMPI_VECTOR(lengths)), (struct olds){.each = types}, type, large, function)
#define CALL_Type_create_resized(large, function) resized(old, lb, extent, type, large, function)

BOTH(Type_contiguous)
BOTH(Type_vector)
BOTH(Type_create_hvector)
BOTH(Type_indexed)
BOTH(Type_create_hindexed)
BOTH(Type_create_indexed_block)
BOTH(Type_create_hindexed_block)
BOTH(Type_create_struct)
BOTH(Type_create_resized)

int PMPI_Type_hvector(int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type) {
  return CALL_Type_create_hvector(false, "MPI_Type_hvector");
}
VBMPI_ALIAS(Type_hvector)
int PMPI_Type_hindexed(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type) {
  return CALL_Type_create_hindexed(false, "MPI_Type_hindexed");
}
VBMPI_ALIAS(Type_hindexed)
int PMPI_Type_struct(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype types[], MPI_Datatype *type) {
  return CALL_Type_create_struct(false, "MPI_Type_struct");
}
VBMPI_ALIAS(Type_struct)
