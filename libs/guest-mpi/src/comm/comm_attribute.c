/* Attributes of communicators (MPI-3.1, section 6.7.2; the predefined ones: section 8.1.2). */
#include <limits.h>

#include "attribute.h"
#include "device/device.h"
#include "env/error.h"

int PMPI_Comm_create_keyval(MPI_Comm_copy_attr_function *copy, MPI_Comm_delete_attr_function *del, int *key, void *extra) {
  return vbmpi_keyval_create(VBMPI_KIND_COMM, copy, del, key, extra, "MPI_Comm_create_keyval");
}
VBMPI_ALIAS(Comm_create_keyval)

int PMPI_Comm_free_keyval(int *key) { return vbmpi_keyval_free(VBMPI_KIND_COMM, key, "MPI_Comm_free_keyval"); }
VBMPI_ALIAS(Comm_free_keyval)

int PMPI_Comm_set_attr(MPI_Comm comm, int key, void *value) {
  VBMPI_COMM(c, comm, "MPI_Comm_set_attr")
  return vbmpi_attribute_set(VBMPI_KIND_COMM, &c->attributes, comm, key, value, "MPI_Comm_set_attr");
}
VBMPI_ALIAS(Comm_set_attr)

/* The value of a predefined attribute is a pointer to an int. */
static int *predefined(int key) {
  static int tag_ub = INT_MAX, host = MPI_PROC_NULL, io = MPI_ANY_SOURCE, global = 0, universe, app = 0;
  switch (key) {
    case MPI_TAG_UB: return &tag_ub;
    case MPI_HOST: return &host;
    case MPI_IO: return &io;
    case MPI_WTIME_IS_GLOBAL: return &global;
    case MPI_UNIVERSE_SIZE: 
      universe = (int)vb_boot_info()->universe;
      if (universe < vbmpi_device.world_size) universe = vbmpi_device.world_size;
      return &universe;
    case MPI_APPNUM: app = (int)vb_boot_info()->app_number; return &app;
    case MPI_LASTUSEDCODE: return &vbmpi_last_code;
    default: return 0;
  }
}

int PMPI_Comm_get_attr(MPI_Comm comm, int key, void *value, int *flag) {
  VBMPI_COMM(c, comm, "MPI_Comm_get_attr")
  int *known = predefined(key);
  if (known == 0) return vbmpi_attribute_get(VBMPI_KIND_COMM, &c->attributes, key, value, flag, "MPI_Comm_get_attr");
  *(int **)value = known;
  *flag = 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_get_attr)

int PMPI_Comm_delete_attr(MPI_Comm comm, int key) {
  VBMPI_COMM(c, comm, "MPI_Comm_delete_attr")
  return vbmpi_attribute_delete(VBMPI_KIND_COMM, &c->attributes, comm, key, "MPI_Comm_delete_attr");
}
VBMPI_ALIAS(Comm_delete_attr)

int PMPI_Keyval_create(MPI_Copy_function *copy, MPI_Delete_function *del, int *key, void *extra) {
  return vbmpi_keyval_create(VBMPI_KIND_COMM, copy, del, key, extra, "MPI_Keyval_create");
}
VBMPI_ALIAS(Keyval_create)
int PMPI_Keyval_free(int *key) { return vbmpi_keyval_free(VBMPI_KIND_COMM, key, "MPI_Keyval_free"); }
VBMPI_ALIAS(Keyval_free)
int PMPI_Attr_put(MPI_Comm comm, int key, void *value) { return PMPI_Comm_set_attr(comm, key, value); }
VBMPI_ALIAS(Attr_put)
int PMPI_Attr_get(MPI_Comm comm, int key, void *value, int *flag) { return PMPI_Comm_get_attr(comm, key, value, flag); }
VBMPI_ALIAS(Attr_get)
int PMPI_Attr_delete(MPI_Comm comm, int key) { return PMPI_Comm_delete_attr(comm, key); }
VBMPI_ALIAS(Attr_delete)
