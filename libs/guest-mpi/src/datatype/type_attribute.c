/* Attributes of datatypes (MPI-3.1, section 6.7.4). Predefined ones can have some, too. */
#include "comm/attribute.h"
#include "datatype.h"
#include "env/error.h"

static struct vbmpi_attribute *of_basic[VBMPI_BASIC_TYPES];

static struct vbmpi_attribute **list_of(MPI_Datatype type) {
  if (vbmpi_basic_exists(type)) return &of_basic[(uint32_t)type & 0xffu];
  struct vbmpi_type *object = vbmpi_type_of(type);
  return object ? &object->attributes : 0;
}

#define LIST(name, type, function)                     \
  VBMPI_MAIN_CHECK(function)                           \
  struct vbmpi_attribute **name = list_of(type);       \
  if (name == 0) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");

int PMPI_Type_create_keyval(MPI_Type_copy_attr_function *copy, MPI_Type_delete_attr_function *del, int *key, void *extra) {
  return vbmpi_keyval_create(VBMPI_KIND_DERIVED, copy, del, key, extra, "MPI_Type_create_keyval");
}
VBMPI_ALIAS(Type_create_keyval)

int PMPI_Type_free_keyval(int *key) { return vbmpi_keyval_free(VBMPI_KIND_DERIVED, key, "MPI_Type_free_keyval"); }
VBMPI_ALIAS(Type_free_keyval)

int PMPI_Type_set_attr(MPI_Datatype type, int key, void *value) {
  LIST(list, type, "MPI_Type_set_attr")
  return vbmpi_attribute_set(VBMPI_KIND_DERIVED, list, type, key, value, "MPI_Type_set_attr");
}
VBMPI_ALIAS(Type_set_attr)

int PMPI_Type_get_attr(MPI_Datatype type, int key, void *value, int *flag) {
  LIST(list, type, "MPI_Type_get_attr")
  return vbmpi_attribute_get(VBMPI_KIND_DERIVED, list, key, value, flag, "MPI_Type_get_attr");
}
VBMPI_ALIAS(Type_get_attr)

int PMPI_Type_delete_attr(MPI_Datatype type, int key) {
  LIST(list, type, "MPI_Type_delete_attr")
  return vbmpi_attribute_delete(VBMPI_KIND_DERIVED, list, type, key, "MPI_Type_delete_attr");
}
VBMPI_ALIAS(Type_delete_attr)
