/* Attributes of communicators (MPI-3.1, section 6.7; the predefined ones: section 8.1.2). */
#include <limits.h>
#include <stdlib.h>

#include "comm.h"
#include "device/device.h"
#include "env/error.h"

struct keyval {
  MPI_Comm_copy_attr_function *copy;
  MPI_Comm_delete_attr_function *del;
  void *extra;
  int references;
  bool freed;
};
static struct vbmpi_table keyvals;
#define FIRST_USER_KEY 16

int vbmpi_dup_fn(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag) {
  (void)comm;
  (void)keyval;
  (void)extra;
  *(void **)out = in;
  *flag = 1;
  return MPI_SUCCESS;
}

static struct keyval *keyval_of(int key) { return key < FIRST_USER_KEY ? 0 : vbmpi_table_get(&keyvals, (uint32_t)key); }

static void release(int key) {
  struct keyval *keyval = keyval_of(key);
  if (keyval == 0 || --keyval->references > 0) return;
  vbmpi_table_remove(&keyvals, (uint32_t)key);
  free(keyval);
}

int PMPI_Comm_create_keyval(MPI_Comm_copy_attr_function *copy, MPI_Comm_delete_attr_function *del, int *key, void *extra) {
  VBMPI_MAIN_CHECK("MPI_Comm_create_keyval")
  struct keyval *keyval = malloc(sizeof *keyval);
  uint32_t index = keyval ? vbmpi_table_add(&keyvals, keyval, FIRST_USER_KEY) : 0;
  if (index == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Comm_create_keyval", "no memory");
  *keyval = (struct keyval){.copy = copy, .del = del, .extra = extra, .references = 1};
  *key = (int)index;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_create_keyval)

int PMPI_Comm_free_keyval(int *key) {
  VBMPI_MAIN_CHECK("MPI_Comm_free_keyval")
  struct keyval *keyval = keyval_of(*key);
  if (keyval == 0 || keyval->freed) return vbmpi_fail(0, MPI_ERR_KEYVAL, "MPI_Comm_free_keyval", "invalid key %d", *key);
  keyval->freed = true;
  release(*key);
  *key = MPI_KEYVAL_INVALID;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_free_keyval)

static struct vbmpi_attribute **find(struct vbmpi_comm *comm, int key) {
  struct vbmpi_attribute **link = &comm->attributes;
  while (*link && (*link)->keyval != key) link = &(*link)->next;
  return link;
}

static int remove_one(struct vbmpi_comm *comm, struct vbmpi_attribute **link) {
  struct vbmpi_attribute *attribute = *link;
  struct keyval *keyval = keyval_of(attribute->keyval);
  if (keyval && keyval->del) {
    int result = keyval->del(comm->handle, attribute->keyval, attribute->value, keyval->extra);
    if (result) return result;
  }
  *link = attribute->next;
  release(attribute->keyval);
  free(attribute);
  return MPI_SUCCESS;
}

int PMPI_Comm_set_attr(MPI_Comm comm, int key, void *value) {
  VBMPI_COMM(c, comm, "MPI_Comm_set_attr")
  struct keyval *keyval = keyval_of(key);
  if (keyval == 0) return vbmpi_fail(c, MPI_ERR_KEYVAL, "MPI_Comm_set_attr", "invalid key %d", key);
  struct vbmpi_attribute **link = find(c, key);
  if (*link) {
    if (keyval->del) {
      int result = keyval->del(comm, key, (*link)->value, keyval->extra);
      if (result) return result;
    }
    (*link)->value = value;
    return MPI_SUCCESS;
  }
  struct vbmpi_attribute *attribute = malloc(sizeof *attribute);
  if (attribute == 0) return vbmpi_fail(c, MPI_ERR_NO_MEM, "MPI_Comm_set_attr", "no memory");
  *attribute = (struct vbmpi_attribute){.keyval = key, .value = value};
  keyval->references++;
  *link = attribute;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_set_attr)

/* The value of a predefined attribute is a pointer to an int. */
static int *predefined(int key) {
  static int tag_ub = INT_MAX, host = MPI_PROC_NULL, io = MPI_ANY_SOURCE, global = 0, universe, app = 0, last = MPI_ERR_LASTCODE;
  switch (key) {
    case MPI_TAG_UB: return &tag_ub;
    case MPI_HOST: return &host;
    case MPI_IO: return &io;
    case MPI_WTIME_IS_GLOBAL: return &global;
    case MPI_UNIVERSE_SIZE: universe = vbmpi_device.size; return &universe;
    case MPI_APPNUM: return &app;
    case MPI_LASTUSEDCODE: return &last;
    default: return 0;
  }
}

int PMPI_Comm_get_attr(MPI_Comm comm, int key, void *value, int *flag) {
  VBMPI_COMM(c, comm, "MPI_Comm_get_attr")
  int *known = predefined(key);
  if (known) {
    *(int **)value = known;
    *flag = 1;
    return MPI_SUCCESS;
  }
  if (keyval_of(key) == 0) return vbmpi_fail(c, MPI_ERR_KEYVAL, "MPI_Comm_get_attr", "invalid key %d", key);
  struct vbmpi_attribute *attribute = *find(c, key);
  *flag = attribute != 0;
  if (attribute) *(void **)value = attribute->value;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_get_attr)

int PMPI_Comm_delete_attr(MPI_Comm comm, int key) {
  VBMPI_COMM(c, comm, "MPI_Comm_delete_attr")
  struct vbmpi_attribute **link = find(c, key);
  if (*link == 0) return vbmpi_fail(c, MPI_ERR_KEYVAL, "MPI_Comm_delete_attr", "no attribute with key %d", key);
  return remove_one(c, link);
}
VBMPI_ALIAS(Comm_delete_attr)

int vbmpi_attributes_copy(struct vbmpi_comm *from, struct vbmpi_comm *to) {
  for (struct vbmpi_attribute *attribute = from->attributes; attribute; attribute = attribute->next) {
    struct keyval *keyval = keyval_of(attribute->keyval);
    if (keyval == 0 || keyval->copy == 0) continue;
    void *value = 0;
    int flag = 0;
    int result = keyval->copy(from->handle, attribute->keyval, keyval->extra, attribute->value, &value, &flag);
    if (result == MPI_SUCCESS && flag) result = PMPI_Comm_set_attr(to->handle, attribute->keyval, value);
    if (result) return result;
  }
  return MPI_SUCCESS;
}

int vbmpi_attributes_delete(struct vbmpi_comm *comm) {
  while (comm->attributes) {
    int result = remove_one(comm, &comm->attributes);
    if (result) return result;
  }
  return MPI_SUCCESS;
}

int PMPI_Keyval_create(MPI_Copy_function *copy, MPI_Delete_function *del, int *key, void *extra) {
  return PMPI_Comm_create_keyval(copy, del, key, extra);
}
VBMPI_ALIAS(Keyval_create)
int PMPI_Keyval_free(int *key) { return PMPI_Comm_free_keyval(key); }
VBMPI_ALIAS(Keyval_free)
int PMPI_Attr_put(MPI_Comm comm, int key, void *value) { return PMPI_Comm_set_attr(comm, key, value); }
VBMPI_ALIAS(Attr_put)
int PMPI_Attr_get(MPI_Comm comm, int key, void *value, int *flag) { return PMPI_Comm_get_attr(comm, key, value, flag); }
VBMPI_ALIAS(Attr_get)
int PMPI_Attr_delete(MPI_Comm comm, int key) { return PMPI_Comm_delete_attr(comm, key); }
VBMPI_ALIAS(Attr_delete)
