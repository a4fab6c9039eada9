/* Making datatypes (MPI-3.1, section 4.1.2 and following). */
#include <stdlib.h>
#include <string.h>

#include "datatype.h"
#include "env/error.h"

static int check(MPI_Datatype old, int count, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, function, "negative count %d", count);
  if (!vbmpi_basic_exists(old) && vbmpi_type_of(old) == 0) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");
  return MPI_SUCCESS;
}

static ptrdiff_t extent_of(MPI_Datatype type) {
  struct vbmpi_layout layout;
  return vbmpi_layout_of(type, false, &layout) ? 0 : layout.extent;
}

int PMPI_Type_contiguous(int count, MPI_Datatype old, MPI_Datatype *type) {
  int result = check(old, count, "MPI_Type_contiguous");
  if (result) return result;
  struct vbmpi_type *made = vbmpi_type_begin(MPI_COMBINER_CONTIGUOUS);
  return vbmpi_type_end(made, made && vbmpi_type_append(made, old, 0, (size_t)count), type, "MPI_Type_contiguous");
}
VBMPI_ALIAS(Type_contiguous)

static int vector(int count, int length, ptrdiff_t stride, MPI_Datatype old, int combiner, const char *function, MPI_Datatype *type) {
  if (length < 0) return vbmpi_fail(0, MPI_ERR_ARG, function, "negative block length %d", length);
  struct vbmpi_type *made = vbmpi_type_begin(combiner);
  bool ok = made != 0;
  for (int i = 0; i < count && ok; i++) ok = vbmpi_type_append(made, old, (ptrdiff_t)i * stride, (size_t)length);
  return vbmpi_type_end(made, ok, type, function);
}

int PMPI_Type_vector(int count, int length, int stride, MPI_Datatype old, MPI_Datatype *type) {
  int result = check(old, count, "MPI_Type_vector");
  if (result) return result;
  return vector(count, length, (ptrdiff_t)stride * extent_of(old), old, MPI_COMBINER_VECTOR, "MPI_Type_vector", type);
}
VBMPI_ALIAS(Type_vector)

int PMPI_Type_create_hvector(int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type) {
  int result = check(old, count, "MPI_Type_create_hvector");
  if (result) return result;
  return vector(count, length, stride, old, MPI_COMBINER_HVECTOR, "MPI_Type_create_hvector", type);
}
VBMPI_ALIAS(Type_create_hvector)

int PMPI_Type_hvector(int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type) {
  return PMPI_Type_create_hvector(count, length, stride, old, type);
}
VBMPI_ALIAS(Type_hvector)

/* Blocks whose lengths (or their one length) and displacements (in units, or bytes) are arrays. */
struct blocks {
  int count;
  const int *lengths;
  int length;
  const int *units;
  const MPI_Aint *bytes;
};

static int indexed(const struct blocks *blocks, MPI_Datatype old, int combiner, const char *function, MPI_Datatype *type) {
  int result = check(old, blocks->count, function);
  if (result) return result;
  ptrdiff_t extent = extent_of(old);
  struct vbmpi_type *made = vbmpi_type_begin(combiner);
  bool ok = made != 0;
  for (int i = 0; i < blocks->count && ok; i++) {
    int length = blocks->lengths ? blocks->lengths[i] : blocks->length;
    if (length < 0) {
      vbmpi_type_end(made, false, type, function);
      return vbmpi_fail(0, MPI_ERR_ARG, function, "negative block length %d at index %d", length, i);
    }
    ptrdiff_t displacement = blocks->units ? blocks->units[i] * extent : blocks->bytes[i];
    ok = vbmpi_type_append(made, old, displacement, (size_t)length);
  }
  return vbmpi_type_end(made, ok, type, function);
}

int PMPI_Type_indexed(int count, const int lengths[], const int displacements[], MPI_Datatype old, MPI_Datatype *type) {
  struct blocks blocks = {.count = count, .lengths = lengths, .units = displacements};
  return indexed(&blocks, old, MPI_COMBINER_INDEXED, "MPI_Type_indexed", type);
}
VBMPI_ALIAS(Type_indexed)

int PMPI_Type_create_hindexed(int count, const int lengths[], const MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type) {
  struct blocks blocks = {.count = count, .lengths = lengths, .bytes = displacements};
  return indexed(&blocks, old, MPI_COMBINER_HINDEXED, "MPI_Type_create_hindexed", type);
}
VBMPI_ALIAS(Type_create_hindexed)

int PMPI_Type_hindexed(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type) {
  return PMPI_Type_create_hindexed(count, lengths, displacements, old, type);
}
VBMPI_ALIAS(Type_hindexed)

int PMPI_Type_create_indexed_block(int count, int length, const int displacements[], MPI_Datatype old, MPI_Datatype *type) {
  struct blocks blocks = {.count = count, .length = length, .units = displacements};
  return indexed(&blocks, old, MPI_COMBINER_INDEXED_BLOCK, "MPI_Type_create_indexed_block", type);
}
VBMPI_ALIAS(Type_create_indexed_block)

int PMPI_Type_create_hindexed_block(int count, int length, const MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type) {
  struct blocks blocks = {.count = count, .length = length, .bytes = displacements};
  return indexed(&blocks, old, MPI_COMBINER_HINDEXED_BLOCK, "MPI_Type_create_hindexed_block", type);
}
VBMPI_ALIAS(Type_create_hindexed_block)

/* The extent of a struct is rounded up to the strictest alignment in it, as the compiler does, unless a bound was set by hand. */
int PMPI_Type_create_struct(int count, const int lengths[], const MPI_Aint displacements[], const MPI_Datatype types[], MPI_Datatype *type) {
  VBMPI_MAIN_CHECK("MPI_Type_create_struct")
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, "MPI_Type_create_struct", "negative count %d", count);
  for (int i = 0; i < count; i++) {
    int result = check(types[i], 0, "MPI_Type_create_struct");
    if (result) return result;
    if (lengths[i] < 0) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Type_create_struct", "negative block length %d at index %d", lengths[i], i);
  }
  struct vbmpi_type *made = vbmpi_type_begin(MPI_COMBINER_STRUCT);
  bool ok = made != 0;
  for (int i = 0; i < count && ok; i++) ok = vbmpi_type_append(made, types[i], displacements[i], (size_t)lengths[i]);
  if (ok && made->ub > made->lb && !made->bounds_fixed) {
    ptrdiff_t alignment = (ptrdiff_t)made->alignment, rest = (made->ub - made->lb) % alignment;
    if (rest) made->ub += alignment - rest;
  }
  return vbmpi_type_end(made, ok, type, "MPI_Type_create_struct");
}
VBMPI_ALIAS(Type_create_struct)

int PMPI_Type_struct(int count, int lengths[], MPI_Aint displacements[], MPI_Datatype types[], MPI_Datatype *type) {
  return PMPI_Type_create_struct(count, lengths, displacements, types, type);
}
VBMPI_ALIAS(Type_struct)

/* From the fastest-running dimension outwards: a block of the dimension, then that block repeated. */
int PMPI_Type_create_subarray(int dims, const int sizes[], const int subsizes[], const int starts[], int order, MPI_Datatype old,
                              MPI_Datatype *type) {
  const char *function = "MPI_Type_create_subarray";
  int result = check(old, dims, function);
  if (result) return result;
  if (dims < 1) return vbmpi_fail(0, MPI_ERR_ARG, function, "%d dimensions", dims);
  if (order != MPI_ORDER_C && order != MPI_ORDER_FORTRAN) return vbmpi_fail(0, MPI_ERR_ARG, function, "the order is neither MPI_ORDER_C nor MPI_ORDER_FORTRAN");
  for (int d = 0; d < dims; d++)
    if (subsizes[d] < 1 || starts[d] < 0 || starts[d] + subsizes[d] > sizes[d])
      return vbmpi_fail(0, MPI_ERR_ARG, function, "dimension %d: %d elements from %d do not lie in %d", d, subsizes[d], starts[d], sizes[d]);
  ptrdiff_t extent = extent_of(old), row = extent, offset = 0;
  MPI_Datatype inner = old;
  for (int i = 0; i < dims; i++) {
    int d = order == MPI_ORDER_C ? dims - 1 - i : i;
    MPI_Datatype outer;
    result = vector(subsizes[d], 1, row, inner, MPI_COMBINER_SUBARRAY, function, &outer);
    if (inner != old) vbmpi_type_release(inner);
    if (result) return result;
    inner = outer;
    offset += starts[d] * row;
    row *= sizes[d];
  }
  struct vbmpi_type *made = vbmpi_type_begin(MPI_COMBINER_SUBARRAY);
  bool ok = made && vbmpi_type_append(made, inner, offset, 1);
  vbmpi_type_release(inner);
  if (ok) {
    made->lb = 0;
    made->ub = row;
    made->bounds_fixed = true;
  }
  return vbmpi_type_end(made, ok, type, function);
}
VBMPI_ALIAS(Type_create_subarray)

int PMPI_Type_create_resized(MPI_Datatype old, MPI_Aint lb, MPI_Aint extent, MPI_Datatype *type) {
  int result = check(old, 0, "MPI_Type_create_resized");
  if (result) return result;
  struct vbmpi_type *made = vbmpi_type_begin(MPI_COMBINER_RESIZED);
  bool ok = made && vbmpi_type_append(made, old, 0, 1);
  if (ok) {
    made->lb = lb;
    made->ub = lb + extent;
    made->bounds_fixed = true;
  }
  return vbmpi_type_end(made, ok, type, "MPI_Type_create_resized");
}
VBMPI_ALIAS(Type_create_resized)

int PMPI_Type_dup(MPI_Datatype old, MPI_Datatype *type) {
  int result = check(old, 0, "MPI_Type_dup");
  if (result) return result;
  struct vbmpi_type *original = vbmpi_type_of(old), *made = vbmpi_type_begin(MPI_COMBINER_DUP);
  bool ok = made && vbmpi_type_append(made, old, 0, 1);
  if (ok) {
    made->committed = original == 0 || original->committed;
    if (original) {
      made->lb = original->lb;
      made->ub = original->ub;
    }
  }
  return vbmpi_type_end(made, ok, type, "MPI_Type_dup");
}
VBMPI_ALIAS(Type_dup)
