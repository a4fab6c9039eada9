/*
 * Datatypes as objects (MPI-3.1, chapter 4).
 *
 * A derived type is kept flat: a list of runs, each `count` blocks of `length` bytes, `stride` bytes apart, in the order of the type map.
 * Neighbouring blocks are merged, equally spaced ones share a run, so a vector or a 2-D subarray is one run whatever its size.
 * The type map's basic types are kept beside it, as a list of (size, count), for MPI_Get_elements.
 */
#ifndef VBMPI_DATATYPE_H
#define VBMPI_DATATYPE_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

#include "handle.h"

struct vbmpi_run {
  ptrdiff_t offset;
  size_t length;
  ptrdiff_t stride;
  size_t count;
};

struct vbmpi_basics {
  unsigned size;   /* bytes of a basic element */
  size_t count;
};

struct vbmpi_type {
  MPI_Datatype handle;
  int references;
  bool committed;
  bool contiguous;       /* one block of `size` bytes, and extent == size: n of them are one block too */
  size_t size;           /* bytes of data */
  ptrdiff_t lb, ub;
  ptrdiff_t true_lb, true_ub;
  bool bounds_fixed;     /* by MPI_Type_create_resized, anywhere inside: no padding for alignment */
  size_t alignment;
  MPI_Datatype basic;    /* the only predefined type in it, or MPI_DATATYPE_NULL when it mixes several */
  size_t runs_used, runs_capacity;
  struct vbmpi_run *runs;
  size_t basics_used, basics_capacity;
  struct vbmpi_basics *basics;
  int combiner;
  char name[MPI_MAX_OBJECT_NAME];
};

extern struct vbmpi_table vbmpi_types;

/* True for predefined types without padding, whose size is in the handle. */
static inline bool vbmpi_type_is_basic(MPI_Datatype type) { return VBMPI_KIND(type) == VBMPI_KIND_BASIC; }
#define VBMPI_BASIC_TYPES 57u
extern const MPI_Datatype vbmpi_basic_types[VBMPI_BASIC_TYPES];
/* True for the handle of an existing basic type, false for anything else of any kind. */
static inline bool vbmpi_basic_exists(MPI_Datatype type) {
  uint32_t index = (uint32_t)type & 0xffu;
  return index < VBMPI_BASIC_TYPES && vbmpi_basic_types[index] == type;
}
static inline size_t vbmpi_basic_size(MPI_Datatype type) { return ((uint32_t)type >> 8) & 0xffffu; }

extern const char *const vbmpi_basic_names[VBMPI_BASIC_TYPES];
bool vbmpi_basic_is_pair(MPI_Datatype type);
struct vbmpi_type *vbmpi_pair_of(MPI_Datatype type);

/* The object of a derived or pair type, or NULL. */
struct vbmpi_type *vbmpi_type_of(MPI_Datatype type);

/* What communication needs to know of a type. */
struct vbmpi_layout {
  size_t size;
  ptrdiff_t extent;
  ptrdiff_t true_lb;
  ptrdiff_t true_extent;
  bool contiguous;
  const struct vbmpi_type *object;   /* NULL for a basic type */
};

/* Fills `layout`; MPI_ERR_TYPE when there is no such type. `must_be_committed` for use in communication. */
int vbmpi_layout_of(MPI_Datatype type, bool must_be_committed, struct vbmpi_layout *layout);

/* Copies `count` elements at `source` to consecutive bytes; returns the bytes written. */
size_t vbmpi_pack(void *to, const void *source, size_t count, const struct vbmpi_layout *layout);
/* Copies at most `bytes` consecutive bytes into `count` elements at `target`; returns the bytes used. */
size_t vbmpi_unpack(void *target, const void *from, size_t bytes, size_t count, const struct vbmpi_layout *layout);
/* Copies between typed buffers of one process: at most what the target holds. */
void vbmpi_copy_typed(void *target, size_t target_count, const struct vbmpi_layout *target_layout, const void *source, size_t source_count,
                      const struct vbmpi_layout *source_layout);

/* Keep a type alive while a request uses it. No-ops for predefined types. */
void vbmpi_type_retain(MPI_Datatype type);
void vbmpi_type_release(MPI_Datatype type);

/* Building, used by the constructors. */
struct vbmpi_type *vbmpi_type_begin(int combiner);
/* Appends `count` elements of `old` at byte `displacement`. False without memory. */
bool vbmpi_type_append(struct vbmpi_type *type, MPI_Datatype old, ptrdiff_t displacement, size_t count);
/* Derives what follows from the runs and hands out the handle; frees and returns MPI_ERR_NO_MEM when `ok` is false. */
int vbmpi_type_end(struct vbmpi_type *type, bool ok, MPI_Datatype *handle, const char *function);

#endif
