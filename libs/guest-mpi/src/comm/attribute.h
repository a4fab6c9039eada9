/* Attributes of any kind of object: communicators, datatypes, windows (MPI-3.1, section 6.7). Objects hold a list; keys know their kind. */
#ifndef VBMPI_ATTRIBUTE_H
#define VBMPI_ATTRIBUTE_H

#include "comm.h"

typedef int vbmpi_copy_attr(int object, int keyval, void *extra, void *in, void *out, int *flag);
typedef int vbmpi_delete_attr(int object, int keyval, void *value, void *extra);

/* `kind` is the VBMPI_KIND_* of the objects. Errors are raised on MPI_COMM_WORLD, with `function` as the user's call. */
int vbmpi_keyval_create(unsigned kind, vbmpi_copy_attr *copy, vbmpi_delete_attr *del, int *key, void *extra, const char *function);
int vbmpi_keyval_free(unsigned kind, int *key, const char *function);
int vbmpi_attribute_set(unsigned kind, struct vbmpi_attribute **list, int handle, int key, void *value, const char *function);
int vbmpi_attribute_get(unsigned kind, struct vbmpi_attribute *const *list, int key, void *value, int *flag, const char *function);
int vbmpi_attribute_delete(unsigned kind, struct vbmpi_attribute **list, int handle, int key, const char *function);

#endif
