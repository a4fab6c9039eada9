/* Moving typed data to and from consecutive bytes (MPI-3.1, section 4.2). */
#include <limits.h>
#include <string.h>

#include "datatype.h"
#include "env/error.h"

/* One run to or from consecutive bytes. Blocks of one or two words are so common that a call to memcpy for each would cost more than the
 * copy, so the loop over each such length is its own. */
#define GATHER(length) \
  for (size_t n = 0; n < run->count; n++, block += run->stride, out += length) memcpy(out, block, length)
#define SCATTER(length) \
  for (size_t n = 0; n < run->count; n++, block += run->stride, in += length) memcpy(block, in, length)

static inline uint8_t *gather_run(uint8_t *out, const uint8_t *block, const struct vbmpi_run *run) {
  switch (run->length) {
    case 1: GATHER(1); break;
    case 2: GATHER(2); break;
    case 4: GATHER(4); break;
    case 8: GATHER(8); break;
    case 16: GATHER(16); break;
    case 24: GATHER(24); break;
    case 32: GATHER(32); break;
    default: GATHER(run->length); break;
  }
  return out;
}

static inline const uint8_t *scatter_run(uint8_t *block, const uint8_t *in, const struct vbmpi_run *run) {
  switch (run->length) {
    case 1: SCATTER(1); break;
    case 2: SCATTER(2); break;
    case 4: SCATTER(4); break;
    case 8: SCATTER(8); break;
    case 16: SCATTER(16); break;
    case 24: SCATTER(24); break;
    case 32: SCATTER(32); break;
    default: SCATTER(run->length); break;
  }
  return in;
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
  for (size_t i = 0; i < count; i++, element += layout->extent)
    for (size_t r = 0; r < type->runs_used; r++) out = gather_run(out, element + type->runs[r].offset, &type->runs[r]);
  return total;
}

/* The elements that do not arrive whole: the last one of a message that is shorter than its buffer. */
static void unpack_part(uint8_t *element, const uint8_t *in, size_t left, const struct vbmpi_type *type) {
  for (size_t r = 0; r < type->runs_used && left; r++) {
    const struct vbmpi_run *run = &type->runs[r];
    uint8_t *block = element + run->offset;
    for (size_t n = 0; n < run->count && left; n++, block += run->stride) {
      size_t length = run->length < left ? run->length : left;
      memcpy(block, in, length);
      in += length;
      left -= length;
    }
  }
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
  uint8_t *element = target;
  size_t whole = total / layout->size;
  for (size_t i = 0; i < whole; i++, element += layout->extent)
    for (size_t r = 0; r < type->runs_used; r++) in = scatter_run(element + type->runs[r].offset, in, &type->runs[r]);
  unpack_part(element, in, total - whole * layout->size, type);
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
  if (source_layout->contiguous && !target_layout->contiguous) {
    vbmpi_unpack(target, (const uint8_t *)source + source_layout->true_lb, source_count * source_layout->size, target_count, target_layout);
    return;
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

static int prepare(MPI_Count count, MPI_Datatype type, struct vbmpi_comm *c, const char *function, struct vbmpi_layout *layout) {
  if (count < 0) return vbmpi_fail(c, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (vbmpi_layout_of(type, true, layout)) return vbmpi_fail(c, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  if (layout->size && count > (MPI_Count)(PTRDIFF_MAX / layout->size)) return vbmpi_fail(c, MPI_ERR_COUNT, function, "%lld elements exceed the memory of a guest", count);
  return MPI_SUCCESS;
}

/* Whether `bytes` more fit a buffer of `size` at `position`. */
static bool fits(size_t bytes, MPI_Count size, MPI_Count position) { return position >= 0 && size >= position && size - position >= (MPI_Count)bytes; }

static int pack(const void *in, MPI_Count count, MPI_Datatype type, void *out, MPI_Count size, MPI_Count *position, MPI_Comm comm, const char *function) {
  VBMPI_COMM(c, comm, function)
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, function, &layout);
  if (result) return result;
  size_t bytes = (size_t)count * layout.size;
  if (!fits(bytes, size, *position))
    return vbmpi_fail(c, MPI_ERR_TRUNCATE, function, "%zu bytes do not fit the buffer of %lld at position %lld", bytes, size, *position);
  *position += (MPI_Count)vbmpi_pack((uint8_t *)out + *position, in, (size_t)count, &layout);
  return MPI_SUCCESS;
}

static int unpack(const void *in, MPI_Count size, MPI_Count *position, void *out, MPI_Count count, MPI_Datatype type, MPI_Comm comm, const char *function) {
  VBMPI_COMM(c, comm, function)
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, function, &layout);
  if (result) return result;
  size_t bytes = (size_t)count * layout.size;
  if (!fits(bytes, size, *position))
    return vbmpi_fail(c, MPI_ERR_TRUNCATE, function, "%zu bytes are not in the buffer of %lld at position %lld", bytes, size, *position);
  *position += (MPI_Count)vbmpi_unpack(out, (const uint8_t *)in + *position, bytes, (size_t)count, &layout);
  return MPI_SUCCESS;
}

static int pack_size(MPI_Count count, MPI_Datatype type, MPI_Comm comm, MPI_Count *size, const char *function) {
  VBMPI_COMM(c, comm, function)
  struct vbmpi_layout layout;
  int result = prepare(count, type, c, function, &layout);
  if (result == MPI_SUCCESS) *size = count * (MPI_Count)layout.size;
  return result;
}

int PMPI_Pack(VB_ARGS_Pack(int, int)) {
  MPI_Count at = *position;
  int result = pack(in, count, type, out, size, &at, comm, "MPI_Pack");
  *position = (int)at;
  return result;
}
VBMPI_ALIAS(Pack)
int PMPI_Pack_c(VB_ARGS_Pack(MPI_Count, MPI_Aint)) { return pack(in, count, type, out, size, position, comm, "MPI_Pack_c"); }
VBMPI_ALIAS(Pack_c)

int PMPI_Unpack(VB_ARGS_Unpack(int, int)) {
  MPI_Count at = *position;
  int result = unpack(in, size, &at, out, count, type, comm, "MPI_Unpack");
  *position = (int)at;
  return result;
}
VBMPI_ALIAS(Unpack)
int PMPI_Unpack_c(VB_ARGS_Unpack(MPI_Count, MPI_Aint)) { return unpack(in, size, position, out, count, type, comm, "MPI_Unpack_c"); }
VBMPI_ALIAS(Unpack_c)

int PMPI_Pack_size(VB_ARGS_Pack_size(int, int)) {
  MPI_Count wide = 0;
  int result = pack_size(count, type, comm, &wide, "MPI_Pack_size");
  *size = wide > INT_MAX ? MPI_UNDEFINED : (int)wide;
  return result;
}
VBMPI_ALIAS(Pack_size)
int PMPI_Pack_size_c(VB_ARGS_Pack_size(MPI_Count, MPI_Aint)) { return pack_size(count, type, comm, size, "MPI_Pack_size_c"); }
VBMPI_ALIAS(Pack_size_c)
