/* The portable representation "external32" (MPI-3.1, section 13.5.2): big-endian, with sizes of its own for some types. */
#include <stdlib.h>
#include <string.h>

#include "datatype.h"
#include "env/error.h"
#include "op/op.h"

/* Bytes of an element in the file; 0 keeps the guest's. */
static size_t external_size(const struct vbmpi_basics *basic) {
  if (basic->type == MPI_WCHAR) return 2;
  if (basic->type == MPI_AINT) return 8;
  return basic->size;
}

/* Bytes that are swapped as one: the parts of a complex number one by one. */
static size_t unit_of(const struct vbmpi_basics *basic) {
  if (basic->type == MPI_PACKED || basic->type == MPI_BYTE) return 1;
  enum vbmpi_value value = vbmpi_value_of(basic->type);
  return value == VBMPI_C32 || value == VBMPI_C64 || value == VBMPI_C128 ? basic->size / 2 : basic->size;
}

/* The type map of one element; `one` is room for that of a basic type. */
static const struct vbmpi_basics *basics_of(MPI_Datatype type, struct vbmpi_basics *one, size_t *count) {
  const struct vbmpi_type *object = vbmpi_type_of(type);
  if (object) {
    *count = object->basics_used;
    return object->basics;
  }
  size_t halves = vbmpi_basic_is_pair(type) ? 2 : 1;
  *one = (struct vbmpi_basics){(unsigned)(vbmpi_basic_size(type) / halves), type, halves};
  *count = 1;
  return one;
}

static void swap(uint8_t *to, const uint8_t *from, size_t bytes, size_t unit) {
  for (size_t at = 0; at < bytes; at += unit)
    for (size_t i = 0; i < unit; i++) to[at + i] = from[at + unit - 1 - i];
}

/* One element between the guest's form (little-endian) and the file's, which may be wider or narrower: integers then. */
static void to_external(uint8_t *file, const uint8_t *guest, const struct vbmpi_basics *basic, size_t bytes) {
  if (bytes == basic->size) {
    swap(file, guest, bytes, unit_of(basic));
    return;
  }
  uint8_t fill = (guest[basic->size - 1] & 0x80) ? 0xff : 0;
  for (size_t i = 0; i < bytes; i++) file[bytes - 1 - i] = i < basic->size ? guest[i] : fill;
}

static void from_external(uint8_t *guest, const uint8_t *file, const struct vbmpi_basics *basic, size_t bytes) {
  if (bytes == basic->size) {
    swap(guest, file, bytes, unit_of(basic));
    return;
  }
  uint8_t fill = (file[0] & 0x80) && basic->type == MPI_AINT ? 0xff : 0;
  for (size_t i = 0; i < basic->size; i++) guest[i] = i < bytes ? file[bytes - 1 - i] : fill;
}

static size_t external_bytes(MPI_Datatype type) {
  struct vbmpi_basics one;
  size_t count, bytes = 0;
  const struct vbmpi_basics *basics = basics_of(type, &one, &count);
  for (size_t b = 0; b < count; b++) bytes += basics[b].count * external_size(&basics[b]);
  return bytes;
}

static void convert(uint8_t *file, uint8_t *guest, size_t elements, MPI_Datatype type, bool outwards) {
  struct vbmpi_basics one;
  size_t count;
  const struct vbmpi_basics *basics = basics_of(type, &one, &count);
  for (size_t e = 0; e < elements; e++) {
    for (size_t b = 0; b < count; b++) {
      size_t bytes = external_size(&basics[b]);
      for (size_t n = 0; n < basics[b].count; n++, file += bytes, guest += basics[b].size) {
        if (outwards) {
          to_external(file, guest, &basics[b], bytes);
        } else {
          from_external(guest, file, &basics[b], bytes);
        }
      }
    }
  }
}

static int prepare(const char *representation, MPI_Count count, MPI_Datatype type, const char *function, struct vbmpi_layout *layout) {
  VBMPI_MAIN_CHECK(function)
  if (strcmp(representation, "external32") != 0)
    return vbmpi_fail(0, MPI_ERR_ARG, function, "unknown representation \"%s\" (there is external32)", representation);
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (vbmpi_layout_of(type, true, layout)) return vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  if (layout->size && count > (MPI_Count)(PTRDIFF_MAX / 4 / layout->size)) return vbmpi_fail(0, MPI_ERR_COUNT, function, "%lld elements exceed the memory of a guest", count);
  return MPI_SUCCESS;
}

/* Either way; `buffer` is the user's typed one, `bytes` the one in the external form. */
static int run(const char *representation, void *buffer, MPI_Count count, MPI_Datatype type, void *bytes, MPI_Count size, MPI_Count *position,
               bool outwards, const char *function) {
  struct vbmpi_layout layout;
  int result = prepare(representation, count, type, function, &layout);
  if (result) return result;
  MPI_Count needed = count * (MPI_Count)external_bytes(type);
  if (*position < 0 || size - *position < needed)
    return vbmpi_fail(0, MPI_ERR_TRUNCATE, function, "%lld bytes do not fit the buffer of %lld at position %lld", needed, size, *position);
  size_t packed_bytes = (size_t)count * layout.size;
  uint8_t *packed = malloc(packed_bytes ? packed_bytes : 1), *file = (uint8_t *)bytes + *position;
  if (packed == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, function, "no memory for %zu bytes", packed_bytes);
  if (outwards) vbmpi_pack(packed, buffer, (size_t)count, &layout);
  convert(file, packed, (size_t)count, type, outwards);
  if (!outwards) vbmpi_unpack(buffer, packed, packed_bytes, (size_t)count, &layout);
  free(packed);
  *position += needed;
  return MPI_SUCCESS;
}

int PMPI_Pack_external(VB_ARGS_Pack_external(int, MPI_Aint)) {
  MPI_Count at = *position;
  int result = run(representation, (void *)(uintptr_t)in, count, type, out, size, &at, true, "MPI_Pack_external");
  *position = (MPI_Aint)at;
  return result;
}
VBMPI_ALIAS(Pack_external)
int PMPI_Pack_external_c(VB_ARGS_Pack_external(MPI_Count, MPI_Count)) {
  return run(representation, (void *)(uintptr_t)in, count, type, out, size, position, true, "MPI_Pack_external_c");
}
VBMPI_ALIAS(Pack_external_c)

int PMPI_Unpack_external(VB_ARGS_Unpack_external(int, MPI_Aint)) {
  MPI_Count at = *position;
  int result = run(representation, out, count, type, (void *)(uintptr_t)in, size, &at, false, "MPI_Unpack_external");
  *position = (MPI_Aint)at;
  return result;
}
VBMPI_ALIAS(Unpack_external)
int PMPI_Unpack_external_c(VB_ARGS_Unpack_external(MPI_Count, MPI_Count)) {
  return run(representation, out, count, type, (void *)(uintptr_t)in, size, position, false, "MPI_Unpack_external_c");
}
VBMPI_ALIAS(Unpack_external_c)

static int external_needed(const char *representation, MPI_Count count, MPI_Datatype type, MPI_Count *size, const char *function) {
  struct vbmpi_layout layout;
  int result = prepare(representation, count, type, function, &layout);
  if (result == MPI_SUCCESS) *size = count * (MPI_Count)external_bytes(type);
  return result;
}

int PMPI_Pack_external_size(VB_ARGS_Pack_external_size(int, MPI_Aint)) {
  MPI_Count wide = 0;
  int result = external_needed(representation, count, type, &wide, "MPI_Pack_external_size");
  *size = (MPI_Aint)wide;
  return result;
}
VBMPI_ALIAS(Pack_external_size)
int PMPI_Pack_external_size_c(VB_ARGS_Pack_external_size(MPI_Count, MPI_Count)) {
  return external_needed(representation, count, type, size, "MPI_Pack_external_size_c");
}
VBMPI_ALIAS(Pack_external_size_c)
