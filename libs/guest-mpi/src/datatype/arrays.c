/*
 * Parts of arrays: MPI_Type_create_subarray and MPI_Type_create_darray (MPI-3.1, sections 4.1.3 and 4.1.4).
 *
 * Both are built from the dimension that runs fastest outwards: what is taken of one dimension becomes an element, as wide as the whole
 * dimension, of the next.
 */
#include "datatype.h"
#include "env/error.h"

static int check_array(int dims, int order, MPI_Datatype old, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (dims < 1) return vbmpi_fail(0, MPI_ERR_ARG, function, "%d dimensions", dims);
  if (order != MPI_ORDER_C && order != MPI_ORDER_FORTRAN) return vbmpi_fail(0, MPI_ERR_ARG, function, "the order is neither MPI_ORDER_C nor MPI_ORDER_FORTRAN");
  if (!vbmpi_basic_exists(old) && vbmpi_type_of(old) == 0) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");
  return MPI_SUCCESS;
}

/* Indices [first + k * step, first + k * step + length) of a dimension of `size`, for all k until its end. */
struct part {
  MPI_Count size, first, length, step;
};

/* Wraps `inner` (released unless it is `old`) in one more dimension; the outermost one carries the recipe. */
static int add_dimension(const struct part *part, MPI_Datatype old, MPI_Datatype *inner, struct vbmpi_recipe *recipe, const char *function) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(*inner, false, &layout);
  ptrdiff_t row = layout.extent;
  struct vbmpi_type *made = vbmpi_type_begin();
  bool ok = made != 0;
  for (MPI_Count at = part->first; at < part->size && ok && part->length > 0; at += part->step) {
    MPI_Count length = at + part->length <= part->size ? part->length : part->size - at;
    ok = vbmpi_type_append(made, *inner, (ptrdiff_t)at * row, (size_t)length);
    if (part->step == 0) break;
  }
  if (ok) {
    made->lb = 0;
    made->ub = (ptrdiff_t)part->size * row;
    made->bounds_fixed = true;
    if (made->true_lb > made->true_ub) made->true_lb = made->true_ub = 0;
  }
  MPI_Datatype outer = MPI_DATATYPE_NULL;
  int result = vbmpi_type_end(made, ok, recipe, &outer, function);
  if (*inner != old) vbmpi_type_release(*inner);
  *inner = outer;
  return result;
}

static int subarray(int dims, struct vbmpi_vector sizes, struct vbmpi_vector subsizes, struct vbmpi_vector starts, int order, MPI_Datatype old,
                    MPI_Datatype *type, bool large, const char *function) {
  int result = check_array(dims, order, old, function);
  if (result) return result;
  for (int d = 0; d < dims; d++) {
    long long size = vbmpi_element(&sizes, d), sub = vbmpi_element(&subsizes, d), start = vbmpi_element(&starts, d);
    if (sub < 1 || start < 0 || start + sub > size)
      return vbmpi_fail(0, MPI_ERR_ARG, function, "dimension %d: %lld elements from %lld do not lie in %lld", d, sub, start, size);
  }
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(MPI_COMBINER_SUBARRAY, large, 3 * (size_t)dims + 2, 0, 1);
  vbmpi_recipe_integer(recipe, dims);
  for (int d = 0; d < dims; d++) vbmpi_recipe_count(recipe, vbmpi_element(&sizes, d));
  for (int d = 0; d < dims; d++) vbmpi_recipe_count(recipe, vbmpi_element(&subsizes, d));
  for (int d = 0; d < dims; d++) vbmpi_recipe_count(recipe, vbmpi_element(&starts, d));
  vbmpi_recipe_integer(recipe, order);
  vbmpi_recipe_type(recipe, old);
  MPI_Datatype inner = old;
  for (int i = 0; i < dims && result == MPI_SUCCESS; i++) {
    int d = order == MPI_ORDER_C ? dims - 1 - i : i;
    struct part part = {vbmpi_element(&sizes, d), vbmpi_element(&starts, d), vbmpi_element(&subsizes, d), 0};
    result = add_dimension(&part, old, &inner, i == dims - 1 ? recipe : 0, function);
  }
  if (result == MPI_SUCCESS) *type = inner;
  return result;
}

int PMPI_Type_create_subarray(VB_ARGS_Type_create_subarray(int, int)) {
  return subarray(dims, VBMPI_VECTOR(sizes), VBMPI_VECTOR(subsizes), VBMPI_VECTOR(starts), order, old, type, false, "MPI_Type_create_subarray");
}
VBMPI_ALIAS(Type_create_subarray)
int PMPI_Type_create_subarray_c(VB_ARGS_Type_create_subarray(MPI_Count, MPI_Count)) {
  return subarray(dims, VBMPI_VECTOR(sizes), VBMPI_VECTOR(subsizes), VBMPI_VECTOR(starts), order, old, type, true, "MPI_Type_create_subarray_c");
}
VBMPI_ALIAS(Type_create_subarray_c)

/* What process `place` of `processes` owns of a dimension; false for arguments that do not fit together. */
static bool distribute(MPI_Count size, int distribution, int argument, int processes, int place, struct part *part) {
  *part = (struct part){.size = size, .length = size};
  if (distribution == MPI_DISTRIBUTE_NONE) return processes == 1;
  bool is_default = argument == MPI_DISTRIBUTE_DFLT_DARG;
  if (!is_default && argument < 1) return false;
  if (distribution == MPI_DISTRIBUTE_BLOCK) {
    MPI_Count block = is_default ? (size + processes - 1) / processes : argument;
    part->first = block * place;
    part->length = block;
    return block * processes >= size;
  }
  MPI_Count block = is_default ? 1 : argument;
  part->first = block * place;
  part->length = block;
  part->step = block * processes;
  return distribution == MPI_DISTRIBUTE_CYCLIC;
}

static int darray(int size, int rank, int dims, struct vbmpi_vector sizes, const int distributions[], const int arguments[], const int processes[],
                  int order, MPI_Datatype old, MPI_Datatype *type, bool large, const char *function) {
  int result = check_array(dims, order, old, function);
  if (result) return result;
  long long all = 1;
  for (int d = 0; d < dims; d++) {
    if (processes[d] < 1 || vbmpi_element(&sizes, d) < 1) return vbmpi_fail(0, MPI_ERR_ARG, function, "dimension %d has no elements or no processes", d);
    all *= processes[d];
  }
  if (all != size || rank < 0 || rank >= size)
    return vbmpi_fail(0, MPI_ERR_ARG, function, "rank %d of %d processes in a grid of %lld", rank, size, all);
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(MPI_COMBINER_DARRAY, large, 4 * (size_t)dims + 4, 0, 1);
  vbmpi_recipe_integer(recipe, size);
  vbmpi_recipe_integer(recipe, rank);
  vbmpi_recipe_integer(recipe, dims);
  for (int d = 0; d < dims; d++) vbmpi_recipe_count(recipe, vbmpi_element(&sizes, d));
  for (int d = 0; d < dims; d++) vbmpi_recipe_integer(recipe, distributions[d]);
  for (int d = 0; d < dims; d++) vbmpi_recipe_integer(recipe, arguments[d]);
  for (int d = 0; d < dims; d++) vbmpi_recipe_integer(recipe, processes[d]);
  vbmpi_recipe_integer(recipe, order);
  vbmpi_recipe_type(recipe, old);
  MPI_Datatype inner = old;
  for (int i = 0; i < dims && result == MPI_SUCCESS; i++) {
    int d = order == MPI_ORDER_C ? dims - 1 - i : i, place = rank;
    /* The grid of processes is in row-major order, whatever the order of the array. */
    for (int k = dims - 1; k > d; k--) place /= processes[k];
    struct part part;
    if (distribute(vbmpi_element(&sizes, d), distributions[d], arguments[d], processes[d], place % processes[d], &part)) {
      result = add_dimension(&part, old, &inner, i == dims - 1 ? recipe : 0, function);
      continue;
    }
    if (inner != old) vbmpi_type_release(inner);
    vbmpi_recipe_free(recipe);
    return vbmpi_fail(0, MPI_ERR_ARG, function, "dimension %d: this distribution does not fit its size and processes", d);
  }
  if (result == MPI_SUCCESS) *type = inner;
  return result;
}

int PMPI_Type_create_darray(VB_ARGS_Type_create_darray(int, int)) {
  return darray(size, rank, dims, VBMPI_VECTOR(sizes), distributions, arguments, processes, order, old, type, false, "MPI_Type_create_darray");
}
VBMPI_ALIAS(Type_create_darray)
int PMPI_Type_create_darray_c(VB_ARGS_Type_create_darray(MPI_Count, MPI_Count)) {
  return darray(size, rank, dims, VBMPI_VECTOR(sizes), distributions, arguments, processes, order, old, type, true, "MPI_Type_create_darray_c");
}
VBMPI_ALIAS(Type_create_darray_c)
