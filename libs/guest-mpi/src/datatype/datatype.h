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
  unsigned size;      /* bytes of a basic element */
  MPI_Datatype type;  /* which it is; of a pair, either half's */
  size_t count;
};

/* How a derived type was made, for MPI_Type_get_envelope and MPI_Type_get_contents (recipe.c). */
struct vbmpi_recipe {
  int combiner;
  bool large;         /* by a function with large counts, whose counts and displacements all count as `counts` */
  size_t integers, addresses, counts, types;
  int *integer;
  MPI_Aint *address;
  MPI_Count *count;
  MPI_Datatype *type;
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
  bool predefined;       /* made by the library, such as those of MPI_Type_create_f90_real: not to be freed */
  struct vbmpi_recipe *recipe;
  struct vbmpi_attribute *attributes;
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
struct vbmpi_type *vbmpi_type_begin(void);
/* Appends `count` elements of `old` at byte `displacement`. False without memory. */
bool vbmpi_type_append(struct vbmpi_type *type, MPI_Datatype old, ptrdiff_t displacement, size_t count);
/* Derives what follows from the runs and hands out the handle; frees both and returns MPI_ERR_NO_MEM when `ok` is false. The recipe may
 * be NULL for types that the user never sees. */
int vbmpi_type_end(struct vbmpi_type *type, bool ok, struct vbmpi_recipe *recipe, MPI_Datatype *handle, const char *function);

/* A recipe with room for so many counts, displacements and types. NULL without memory, which the functions below take, too. */
struct vbmpi_recipe *vbmpi_recipe_new(int combiner, bool large, size_t counts, size_t displacements, size_t types);
void vbmpi_recipe_integer(struct vbmpi_recipe *recipe, int value);
void vbmpi_recipe_count(struct vbmpi_recipe *recipe, MPI_Count value);
void vbmpi_recipe_displacement(struct vbmpi_recipe *recipe, MPI_Count value);
void vbmpi_recipe_type(struct vbmpi_recipe *recipe, MPI_Datatype type);
void vbmpi_recipe_free(struct vbmpi_recipe *recipe);

/* Counts or displacements: an array of int, MPI_Aint or MPI_Count as the user has it, or a regular sequence. */
struct vbmpi_vector {
  const void *values;
  unsigned width;          /* bytes of a value; 0: value i is first + i * step */
  ptrdiff_t first, step;
};
#define VBMPI_VECTOR(array) ((struct vbmpi_vector){.values = (array), .width = sizeof *(array)})
#define VBMPI_REGULAR(start, by) ((struct vbmpi_vector){.first = (ptrdiff_t)(start), .step = (ptrdiff_t)(by)})
static inline long long vbmpi_element(const struct vbmpi_vector *vector, int i) {
  if (vector->width == 0) return vector->first + i * vector->step;
  return vector->width == 8 ? ((const long long *)vector->values)[i] : ((const int *)vector->values)[i];
}


#endif
