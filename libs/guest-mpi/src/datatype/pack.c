/* Moving typed data to and from consecutive bytes (MPI-3.1, section 4.2). */
#include <limits.h>
#include <string.h>

#include "datatype.h"
#include "env/error.h"

/* Blocks of one or two words are so common that a call to memcpy for each would cost more than the copy. */
static inline void copy_block(uint8_t *to, const uint8_t *from, size_t length) {
  switch (length) {
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, length);
  }
}

size_t vbmpi_pack(void *to, const void *source, size_t count, const struct vbmpi_layout *layout) {
  size_t total = count * layout->size;
  if (total == 0) return 0;
  if (layout->contiguous) {
    memcpy(to, (const uint8_t *)source + layout->true_lb, total);
    return total;
  }
  const struct vbmpi_type *type = layout->object;
  uint8_t *out = to;
  const uint8_t *element = source;
  for (size_t i = 0; i < count; i++, element += layout->extent) {
    for (size_t r = 0; r < type->runs_used; r++) {
      const struct vbmpi_run *run = &type->runs[r];
      const uint8_t *block = element + run->offset;
      for (size_t n = 0; n < run->count; n++, block += run->stride, out += run->length) copy_block(out, block, run->length);
    }
  }
  return total;
}

size_t vbmpi_unpack(void *target, const void *from, size_t bytes, size_t count, const struct vbmpi_layout *layout) {
  size_t total = count * layout->size;
  if (bytes < total) total = bytes;
  if (total == 0) return 0;
  if (layout->contiguous) {
    memcpy((uint8_t *)target + layout->true_lb, from, total);
    return total;
  }
  const struct vbmpi_type *type = layout->object;
  const uint8_t *in = from;
  size_t left = total;
  uint8_t *element = target;
  for (size_t i = 0; i < count && left; i++, element += layout->extent) {
    for (size_t r = 0; r < type->runs_used && left; r++) {
      const struct vbmpi_run *run = &type->runs[r];
      uint8_t *block = element + run->offset;
      for (size_t n = 0; n < run->count && left; n++, block += run->stride) {
        size_t length = run->length < left ? run->length : left;
        copy_block(block, in, length);
        in += length;
        left -= length;
      }
    }
  }
  return total;
}

/* Walks a layout's bytes in order; used to copy between two layouts without a buffer between them. */
struct cursor {
  const struct vbmpi_layout *layout;
  uint8_t *element;
  size_t count, run, block, used;
};

/* The next consecutive piece; its length is in *length, 0 at the end. */
static uint8_t *piece(struct cursor *cursor, size_t *length) {
  *length = 0;
  if (cursor->count == 0 || cursor->layout->size == 0) return 0;
  if (cursor->layout->contiguous) {
    *length = cursor->count * cursor->layout->size - cursor->used;
    return cursor->element + cursor->layout->true_lb + cursor->used;
  }
  const struct vbmpi_run *run = &cursor->layout->object->runs[cursor->run];
  *length = run->length - cursor->used;
  return cursor->element + run->offset + (ptrdiff_t)cursor->block * run->stride + cursor->used;
}

static void advance(struct cursor *cursor, size_t bytes) {
  cursor->used += bytes;
  if (cursor->layout->contiguous) {
    if (cursor->used == cursor->count * cursor->layout->size) cursor->count = 0;
    return;
  }
  const struct vbmpi_type *type = cursor->layout->object;
  if (cursor->used < type->runs[cursor->run].length) return;
  cursor->used = 0;
  if (++cursor->block < type->runs[cursor->run].count) return;
  cursor->block = 0;
  if (++cursor->run < type->runs_used) return;
  cursor->run = 0;
  cursor->count--;
  cursor->element += cursor->layout->extent;
}

void vbmpi_copy_typed(void *target, size_t target_count, const struct vbmpi_layout *target_layout, const void *source, size_t source_count,
                      const struct vbmpi_layout *source_layout) {
  if (target_layout->contiguous) {
    size_t room = target_count * target_layout->size;
    if (source_count * source_layout->size <= room) {
      vbmpi_pack((uint8_t *)target + target_layout->true_lb, source, source_count, source_layout);
      return;
    }
  }
  struct cursor to = {.layout = target_layout, .element = target, .count = target_count};
  struct cursor from = {.layout = source_layout, .element = (uint8_t *)(uintptr_t)source, .count = source_count};
  for (;;) {
    size_t out, in;
    uint8_t *t = piece(&to, &out);
    uint8_t *f = piece(&from, &in);
    size_t bytes = out < in ? out : in;
    if (bytes == 0) return;
    memmove(t, f, bytes);
    advance(&to, bytes);
    advance(&from, bytes);
  }
}

static int prepare(int count, MPI_Datatype type, struct vbmpi_comm *c, const char *function, struct vbmpi_layout *layout) {
  if (count < 0) return vbmpi_fail(c, MPI_ERR_COUNT, function, "negative count %d", count);
  if (vbmpi_layout_of(type, true, layout)) return vbmpi_fail(c, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  return MPI_SUCCESS;
}

int PMPI_Pack(const void *in, int count, MPI_Datatype type, void *out, int size, int *position, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Pack")
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, "MPI_Pack", &layout);
  if (result) return result;
  size_t bytes = (size_t)count * layout.size;
  if (*position < 0 || size < *position || (size_t)(size - *position) < bytes)
    return vbmpi_fail(c, MPI_ERR_TRUNCATE, "MPI_Pack", "%zu bytes do not fit the buffer of %d at position %d", bytes, size, *position);
  *position += (int)vbmpi_pack((uint8_t *)out + *position, in, (size_t)count, &layout);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Pack)

int PMPI_Unpack(const void *in, int size, int *position, void *out, int count, MPI_Datatype type, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Unpack")
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, "MPI_Unpack", &layout);
  if (result) return result;
  size_t bytes = (size_t)count * layout.size;
  if (*position < 0 || size < *position || (size_t)(size - *position) < bytes)
    return vbmpi_fail(c, MPI_ERR_TRUNCATE, "MPI_Unpack", "%zu bytes are not in the buffer of %d at position %d", bytes, size, *position);
  *position += (int)vbmpi_unpack(out, (const uint8_t *)in + *position, bytes, (size_t)count, &layout);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Unpack)

int PMPI_Pack_size(int count, MPI_Datatype type, MPI_Comm comm, int *size) {
  VBMPI_COMM(c, comm, "MPI_Pack_size")
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, "MPI_Pack_size", &layout);
  if (result) return result;
  *size = (int)((size_t)count * layout.size);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Pack_size)
