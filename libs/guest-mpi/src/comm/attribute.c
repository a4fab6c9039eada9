#include "attribute.h"

#include <stdlib.h>

#include "env/error.h"

struct keyval {
  unsigned kind;
  vbmpi_copy_attr *copy;
  vbmpi_delete_attr *del;
  void *extra;
  int references;
  bool freed;
};
static struct vbmpi_table keyvals;
#define FIRST_USER_KEY 16

int vbmpi_dup_fn(int object, int keyval, void *extra, void *in, void *out, int *flag) {
  (void)object;
  (void)keyval;
  (void)extra;
  *(void **)out = in;
  *flag = 1;
  return MPI_SUCCESS;
}

static struct keyval *keyval_of(int key) { return key < FIRST_USER_KEY ? 0 : vbmpi_table_get(&keyvals, (uint32_t)key); }

/* A key that the user may name: freed ones live on only as long as attributes use them. */
static struct keyval *valid(unsigned kind, int key) {
  struct keyval *keyval = keyval_of(key);
  return keyval && !keyval->freed && keyval->kind == kind ? keyval : 0;
}

static void release(int key) {
  struct keyval *keyval = keyval_of(key);
  if (keyval == 0 || --keyval->references > 0) return;
  vbmpi_table_remove(&keyvals, (uint32_t)key);
  free(keyval);
}

static int invalid(int key, const char *function) { return vbmpi_fail(0, MPI_ERR_KEYVAL, function, "invalid key %d", key); }

int vbmpi_keyval_create(unsigned kind, vbmpi_copy_attr *copy, vbmpi_delete_attr *del, int *key, void *extra, const char *function) {
  VBMPI_MAIN_CHECK(function)
  struct keyval *keyval = malloc(sizeof *keyval);
  uint32_t index = keyval ? vbmpi_table_add(&keyvals, keyval, FIRST_USER_KEY) : 0;
  if (index == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory");
  *keyval = (struct keyval){.kind = kind, .copy = copy, .del = del, .extra = extra, .references = 1};
  *key = (int)index;
  return MPI_SUCCESS;
}

int vbmpi_keyval_free(unsigned kind, int *key, const char *function) {
  VBMPI_MAIN_CHECK(function)
  struct keyval *keyval = valid(kind, *key);
  if (keyval == 0) return invalid(*key, function);
  keyval->freed = true;
  release(*key);
  *key = MPI_KEYVAL_INVALID;
  return MPI_SUCCESS;
}

static struct vbmpi_attribute **find(struct vbmpi_attribute **list, int key) {
  while (*list && (*list)->keyval != key) list = &(*list)->next;
  return list;
}

static int remove_one(struct vbmpi_attribute **link, int handle) {
  struct vbmpi_attribute *attribute = *link;
  struct keyval *keyval = keyval_of(attribute->keyval);
  if (keyval && keyval->del) {
    int result = keyval->del(handle, attribute->keyval, attribute->value, keyval->extra);
    if (result) return result;
  }
  *link = attribute->next;
  release(attribute->keyval);
  free(attribute);
  return MPI_SUCCESS;
}

int vbmpi_attribute_set(unsigned kind, struct vbmpi_attribute **list, int handle, int key, void *value, const char *function) {
  struct keyval *keyval = valid(kind, key);
  if (keyval == 0) return invalid(key, function);
  struct vbmpi_attribute *attribute = *find(list, key);
  if (attribute) {
    int result = keyval->del ? keyval->del(handle, key, attribute->value, keyval->extra) : MPI_SUCCESS;
    if (result == MPI_SUCCESS) attribute->value = value;
    return result;
  }
  attribute = malloc(sizeof *attribute);
  if (attribute == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory");
  /* In front, so that they are deleted in the reverse order, as section 8.7.1 has it for MPI_COMM_SELF. */
  *attribute = (struct vbmpi_attribute){.next = *list, .keyval = key, .value = value};
  *list = attribute;
  keyval->references++;
  return MPI_SUCCESS;
}

int vbmpi_attribute_get(unsigned kind, struct vbmpi_attribute *const *list, int key, void *value, int *flag, const char *function) {
  if (valid(kind, key) == 0) return invalid(key, function);
  struct vbmpi_attribute *attribute = *find((struct vbmpi_attribute **)(uintptr_t)list, key);
  *flag = attribute != 0;
  if (attribute) *(void **)value = attribute->value;
  return MPI_SUCCESS;
}

int vbmpi_attribute_delete(unsigned kind, struct vbmpi_attribute **list, int handle, int key, const char *function) {
  if (valid(kind, key) == 0) return invalid(key, function);
  struct vbmpi_attribute **link = find(list, key);
  if (*link == 0) return vbmpi_fail(0, MPI_ERR_KEYVAL, function, "no attribute with key %d", key);
  return remove_one(link, handle);
}

int vbmpi_attributes_copy(const struct vbmpi_attribute *from, int from_handle, struct vbmpi_attribute **to) {
  for (const struct vbmpi_attribute *each = from; each; each = each->next) {
    struct keyval *keyval = keyval_of(each->keyval);
    if (keyval == 0 || keyval->copy == 0) continue;
    void *value = 0;
    int flag = 0;
    int result = keyval->copy(from_handle, each->keyval, keyval->extra, each->value, &value, &flag);
    if (result) return result;
    if (!flag) continue;
    struct vbmpi_attribute *attribute = malloc(sizeof *attribute);
    if (attribute == 0) return MPI_ERR_NO_MEM;
    *attribute = (struct vbmpi_attribute){.next = *to, .keyval = each->keyval, .value = value};
    *to = attribute;
    keyval->references++;
  }
  return MPI_SUCCESS;
}

int vbmpi_attributes_delete(struct vbmpi_attribute **list, int handle) {
  while (*list) {
    int result = remove_one(list, handle);
    if (result) return result;
  }
  return MPI_SUCCESS;
}
