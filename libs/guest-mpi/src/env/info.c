/* Info objects (MPI-3.1, chapter 9): ordered lists of key and value. The library reads none of them. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

struct entry {
  struct entry *next;
  char *value;
  char key[];
};
struct info {
  struct entry *first;
};
static struct vbmpi_table infos = {.what = "info object"};

static struct info *info_of(MPI_Info handle) {
  static struct info environment;
  if (handle == MPI_INFO_ENV) return &environment;
  return VBMPI_KIND(handle) == VBMPI_KIND_INFO ? vbmpi_table_get(&infos, VBMPI_INDEX(handle)) : 0;
}

#define INFO(name, handle, function)       \
  struct info *name = info_of(handle);     \
  if (name == 0) return vbmpi_fail(0, MPI_ERR_INFO, function, "invalid info object");

static struct entry **find(struct info *info, const char *key) {
  struct entry **link = &info->first;
  while (*link && strcmp((*link)->key, key) != 0) link = &(*link)->next;
  return link;
}

int PMPI_Info_create(MPI_Info *handle) {
  struct info *info = calloc(1, sizeof *info);
  uint32_t index = info ? vbmpi_table_add(&infos, info, 2) : 0;
  if (index == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Info_create", "no memory");
  *handle = VBMPI_HANDLE(VBMPI_KIND_INFO, index);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_create)

int PMPI_Info_set(MPI_Info handle, const char *key, const char *value) {
  INFO(info, handle, "MPI_Info_set")
  if (strlen(key) > MPI_MAX_INFO_KEY) return vbmpi_fail(0, MPI_ERR_INFO_KEY, "MPI_Info_set", "the key is longer than %d", MPI_MAX_INFO_KEY);
  if (strlen(value) > MPI_MAX_INFO_VAL) return vbmpi_fail(0, MPI_ERR_INFO_VALUE, "MPI_Info_set", "the value is longer than %d", MPI_MAX_INFO_VAL);
  struct entry **link = find(info, key);
  char *copy = strdup(value);
  if (*link == 0 && copy) {
    struct entry *entry = calloc(1, sizeof *entry + strlen(key) + 1);
    if (entry) strcpy(entry->key, key);
    *link = entry;
  }
  if (*link == 0 || copy == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Info_set", "no memory");
  free((*link)->value);
  (*link)->value = copy;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_set)

int PMPI_Info_delete(MPI_Info handle, const char *key) {
  INFO(info, handle, "MPI_Info_delete")
  struct entry **link = find(info, key), *entry = *link;
  if (entry == 0) return vbmpi_fail(0, MPI_ERR_INFO_NOKEY, "MPI_Info_delete", "no key %s", key);
  *link = entry->next;
  free(entry->value);
  free(entry);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_delete)

int PMPI_Info_get(MPI_Info handle, const char *key, int length, char *value, int *flag) {
  INFO(info, handle, "MPI_Info_get")
  struct entry *entry = *find(info, key);
  *flag = entry != 0;
  if (entry) snprintf(value, (size_t)length + 1, "%s", entry->value);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_get)

int PMPI_Info_get_valuelen(MPI_Info handle, const char *key, int *length, int *flag) {
  INFO(info, handle, "MPI_Info_get_valuelen")
  struct entry *entry = *find(info, key);
  *flag = entry != 0;
  if (entry) *length = (int)strlen(entry->value);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_get_valuelen)

/* MPI-4's way: `length` is the room on the way in, the value's length with its end on the way out. */
int PMPI_Info_get_string(MPI_Info handle, const char *key, int *length, char *value, int *flag) {
  INFO(info, handle, "MPI_Info_get_string")
  struct entry *entry = *find(info, key);
  *flag = entry != 0;
  if (entry == 0) return MPI_SUCCESS;
  if (*length > 0) snprintf(value, (size_t)*length, "%s", entry->value);
  *length = (int)strlen(entry->value) + 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_get_string)

int PMPI_Info_get_nkeys(MPI_Info handle, int *count) {
  INFO(info, handle, "MPI_Info_get_nkeys")
  *count = 0;
  for (struct entry *entry = info->first; entry; entry = entry->next) ++*count;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_get_nkeys)

int PMPI_Info_get_nthkey(MPI_Info handle, int n, char *key) {
  INFO(info, handle, "MPI_Info_get_nthkey")
  struct entry *entry = info->first;
  for (int i = 0; i < n && entry; i++) entry = entry->next;
  if (entry == 0 || n < 0) return vbmpi_fail(0, MPI_ERR_INFO_KEY, "MPI_Info_get_nthkey", "there is no key %d", n);
  strcpy(key, entry->key);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_get_nthkey)

int PMPI_Info_dup(MPI_Info handle, MPI_Info *copy) {
  INFO(info, handle, "MPI_Info_dup")
  int result = PMPI_Info_create(copy);
  for (struct entry *entry = info->first; entry && result == MPI_SUCCESS; entry = entry->next)
    result = PMPI_Info_set(*copy, entry->key, entry->value);
  return result;
}
VBMPI_ALIAS(Info_dup)

int PMPI_Info_free(MPI_Info *handle) {
  if (*handle == MPI_INFO_ENV) return vbmpi_fail(0, MPI_ERR_INFO, "MPI_Info_free", "MPI_INFO_ENV cannot be freed");
  INFO(info, *handle, "MPI_Info_free")
  for (struct entry *entry = info->first, *next; entry; entry = next) {
    next = entry->next;
    free(entry->value);
    free(entry);
  }
  vbmpi_table_remove(&infos, VBMPI_INDEX(*handle));
  free(info);
  *handle = MPI_INFO_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Info_free)

/* What the library could know of the command line; the guest's loader has none of the reserved keys. */
int PMPI_Info_create_env(int argc, char **argv, MPI_Info *handle) {
  int result = PMPI_Info_create(handle);
  if (result == MPI_SUCCESS && argc > 0 && argv && argv[0]) result = PMPI_Info_set(*handle, "command", argv[0]);
  return result;
}
VBMPI_ALIAS(Info_create_env)
