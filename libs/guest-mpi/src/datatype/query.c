/* Committing, freeing and asking (MPI-3.1, sections 4.1.5 to 4.1.9). */
#include <limits.h>
#include <stdio.h>

#include "datatype.h"
#include "env/error.h"

static int bad_type(const char *function) { return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype"); }

int PMPI_Type_commit(MPI_Datatype *type) {
  VBMPI_MAIN_CHECK("MPI_Type_commit")
  if (vbmpi_basic_exists(*type)) return MPI_SUCCESS;
  struct vbmpi_type *object = vbmpi_type_of(*type);
  if (object == 0) return bad_type("MPI_Type_commit");
  object->committed = true;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_commit)

int PMPI_Type_free(MPI_Datatype *type) {
  VBMPI_MAIN_CHECK("MPI_Type_free")
  struct vbmpi_type *object = VBMPI_KIND(*type) == VBMPI_KIND_DERIVED ? vbmpi_type_of(*type) : 0;
  if (object == 0 || object->predefined) return vbmpi_fail(0, MPI_ERR_TYPE, "MPI_Type_free", "invalid datatype, or a predefined one");
  int result = vbmpi_attributes_delete(&object->attributes, *type);
  if (result) return result;
  vbmpi_type_release(*type);
  *type = MPI_DATATYPE_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_free)

static int size_of(MPI_Datatype type, MPI_Count *size, const char *function) {
  struct vbmpi_layout layout;
  if (vbmpi_layout_of(type, false, &layout)) return bad_type(function);
  *size = (MPI_Count)layout.size;
  return MPI_SUCCESS;
}

int PMPI_Type_size(MPI_Datatype type, int *size) {
  MPI_Count wide = 0;
  int result = size_of(type, &wide, "MPI_Type_size");
  if (result == MPI_SUCCESS) *size = wide > INT_MAX ? MPI_UNDEFINED : (int)wide;
  return result;
}
VBMPI_ALIAS(Type_size)
int PMPI_Type_size_x(MPI_Datatype type, MPI_Count *size) { return size_of(type, size, "MPI_Type_size_x"); }
VBMPI_ALIAS(Type_size_x)
int PMPI_Type_size_c(MPI_Datatype type, MPI_Count *size) { return size_of(type, size, "MPI_Type_size_c"); }
VBMPI_ALIAS(Type_size_c)

static int extent_of(MPI_Datatype type, bool is_true, MPI_Count *lb, MPI_Count *extent, const char *function) {
  struct vbmpi_layout layout;
  if (vbmpi_layout_of(type, false, &layout)) return bad_type(function);
  *lb = is_true ? layout.true_lb : layout.object ? layout.object->lb : 0;
  *extent = is_true ? layout.true_extent : layout.extent;
  return MPI_SUCCESS;
}

static int narrow_extent_of(MPI_Datatype type, bool is_true, MPI_Aint *lb, MPI_Aint *extent, const char *function) {
  MPI_Count wide_lb, wide_extent;
  int result = extent_of(type, is_true, &wide_lb, &wide_extent, function);
  if (result) return result;
  *lb = (MPI_Aint)wide_lb;
  *extent = (MPI_Aint)wide_extent;
  return MPI_SUCCESS;
}

#define EXTENT(name, is_true)                                                                              \
  int PMPI_##name(MPI_Datatype type, MPI_Aint *lb, MPI_Aint *extent) {                                     \
    return narrow_extent_of(type, is_true, lb, extent, "MPI_" #name);                                      \
  }                                                                                                        \
  VBMPI_ALIAS(name)                                                                                        \
  int PMPI_##name##_x(MPI_Datatype type, MPI_Count *lb, MPI_Count *extent) { return extent_of(type, is_true, lb, extent, "MPI_" #name "_x"); } \
  VBMPI_ALIAS(name##_x)                                                                                    \
  int PMPI_##name##_c(MPI_Datatype type, MPI_Count *lb, MPI_Count *extent) { return extent_of(type, is_true, lb, extent, "MPI_" #name "_c"); } \
  VBMPI_ALIAS(name##_c)
EXTENT(Type_get_extent, false)
EXTENT(Type_get_true_extent, true)

int PMPI_Type_extent(MPI_Datatype type, MPI_Aint *extent) {
  MPI_Aint lb;
  return PMPI_Type_get_extent(type, &lb, extent);
}
VBMPI_ALIAS(Type_extent)

int PMPI_Type_lb(MPI_Datatype type, MPI_Aint *lb) {
  MPI_Aint extent;
  return PMPI_Type_get_extent(type, lb, &extent);
}
VBMPI_ALIAS(Type_lb)

int PMPI_Type_ub(MPI_Datatype type, MPI_Aint *ub) {
  MPI_Aint lb = 0, extent = 0;
  int result = PMPI_Type_get_extent(type, &lb, &extent);
  *ub = lb + extent;
  return result;
}
VBMPI_ALIAS(Type_ub)

static char basic_names[VBMPI_BASIC_TYPES][MPI_MAX_OBJECT_NAME];

int PMPI_Type_set_name(MPI_Datatype type, const char *name) {
  struct vbmpi_type *object = vbmpi_type_of(type);
  if (object == 0 && !vbmpi_basic_exists(type)) return bad_type("MPI_Type_set_name");
  snprintf(object ? object->name : basic_names[(uint32_t)type & 0xffu], MPI_MAX_OBJECT_NAME, "%s", name);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_set_name)

int PMPI_Type_get_name(MPI_Datatype type, char *name, int *length) {
  struct vbmpi_type *object = vbmpi_type_of(type);
  if (object == 0 && !vbmpi_basic_exists(type)) return bad_type("MPI_Type_get_name");
  uint32_t index = (uint32_t)type & 0xffu;
  *length = snprintf(name, MPI_MAX_OBJECT_NAME, "%s", object ? object->name : basic_names[index][0] ? basic_names[index] : vbmpi_basic_names[index]);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_get_name)
