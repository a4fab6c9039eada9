/* How much arrived, and addresses (MPI-3.1, sections 3.2.5, 4.1.5 and 4.1.11). */
#include <limits.h>

#include "datatype.h"
#include "env/error.h"

static int get_count(const MPI_Status *status, MPI_Datatype type, MPI_Count *count, const char *function) {
  struct vbmpi_layout layout;
  if (vbmpi_layout_of(type, false, &layout)) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");
  long long bytes = status->vb_bytes;
  if (layout.size == 0) {
    *count = bytes == 0 ? 0 : MPI_UNDEFINED;
  } else {
    *count = bytes % (long long)layout.size ? MPI_UNDEFINED : bytes / (long long)layout.size;
  }
  return MPI_SUCCESS;
}

int PMPI_Get_count(VB_ARGS_Get_count(int, int)) {
  MPI_Count wide = 0;
  int result = get_count(status, type, &wide, "MPI_Get_count");
  *count = wide > INT_MAX ? MPI_UNDEFINED : (int)wide;
  return result;
}
VBMPI_ALIAS(Get_count)
int PMPI_Get_count_c(VB_ARGS_Get_count(MPI_Count, MPI_Aint)) { return get_count(status, type, count, "MPI_Get_count_c"); }
VBMPI_ALIAS(Get_count_c)

/* Basic elements in the first `bytes` of repeated elements of an object; a basic element that is cut gives MPI_UNDEFINED. */
static long long elements_in(const struct vbmpi_type *object, long long bytes) {
  long long per_type = 0, elements;
  for (size_t b = 0; b < object->basics_used; b++) per_type += (long long)object->basics[b].count;
  if (object->size == 0) return bytes == 0 ? 0 : MPI_UNDEFINED;
  elements = bytes / (long long)object->size * per_type;
  long long rest = bytes % (long long)object->size;
  for (size_t b = 0; b < object->basics_used && rest > 0; b++) {
    long long size = object->basics[b].size, whole = rest / size;
    if (whole >= (long long)object->basics[b].count) {
      elements += (long long)object->basics[b].count;
      rest -= (long long)object->basics[b].count * size;
      continue;
    }
    return rest % size ? MPI_UNDEFINED : elements + whole;
  }
  return elements;
}

static long long bytes_of_elements(const struct vbmpi_type *object, long long count) {
  long long per_type = 0, bytes;
  for (size_t b = 0; b < object->basics_used; b++) per_type += (long long)object->basics[b].count;
  if (per_type == 0) return 0;
  bytes = count / per_type * (long long)object->size;
  long long rest = count % per_type;
  for (size_t b = 0; b < object->basics_used && rest > 0; b++) {
    long long here = rest < (long long)object->basics[b].count ? rest : (long long)object->basics[b].count;
    bytes += here * object->basics[b].size;
    rest -= here;
  }
  return bytes;
}

static size_t basic_size(MPI_Datatype type) { return vbmpi_basic_size(type) / (vbmpi_basic_is_pair(type) ? 2 : 1); }

int PMPI_Get_elements_x(const MPI_Status *status, MPI_Datatype type, MPI_Count *count) {
  struct vbmpi_type *object = vbmpi_type_of(type);
  if (object) {
    *count = elements_in(object, status->vb_bytes);
    return MPI_SUCCESS;
  }
  if (!vbmpi_basic_exists(type)) return vbmpi_fail(0, MPI_ERR_TYPE, "MPI_Get_elements", "invalid datatype");
  long long size = (long long)basic_size(type);
  *count = status->vb_bytes % size ? MPI_UNDEFINED : status->vb_bytes / size;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Get_elements_x)

int PMPI_Get_elements(const MPI_Status *status, MPI_Datatype type, int *count) {
  MPI_Count wide;
  int result = PMPI_Get_elements_x(status, type, &wide);
  *count = wide > INT_MAX ? MPI_UNDEFINED : (int)wide;
  return result;
}
VBMPI_ALIAS(Get_elements)
int PMPI_Get_elements_c(VB_ARGS_Get_elements(MPI_Count, MPI_Aint)) { return PMPI_Get_elements_x(status, type, count); }
VBMPI_ALIAS(Get_elements_c)

int PMPI_Status_set_elements(MPI_Status *status, MPI_Datatype type, int count) { return PMPI_Status_set_elements_x(status, type, count); }
VBMPI_ALIAS(Status_set_elements)

int PMPI_Status_set_elements_x(MPI_Status *status, MPI_Datatype type, MPI_Count count) {
  struct vbmpi_layout layout;
  if (vbmpi_layout_of(type, false, &layout)) return vbmpi_fail(0, MPI_ERR_TYPE, "MPI_Status_set_elements", "invalid datatype");
  /* `count` is of basic elements; a type that mixes some has as many bytes as that many of them from its beginning. */
  status->vb_bytes = layout.object ? bytes_of_elements(layout.object, count) : count * (long long)basic_size(type);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_set_elements_x)

int PMPI_Get_address(const void *location, MPI_Aint *address) {
  *address = (MPI_Aint)location;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Get_address)

int PMPI_Address(void *location, MPI_Aint *address) { return PMPI_Get_address(location, address); }
VBMPI_ALIAS(Address)

MPI_Aint PMPI_Aint_add(MPI_Aint base, MPI_Aint displacement) { return base + displacement; }
VBMPI_ALIAS(Aint_add)
MPI_Aint PMPI_Aint_diff(MPI_Aint a, MPI_Aint b) { return a - b; }
VBMPI_ALIAS(Aint_diff)
