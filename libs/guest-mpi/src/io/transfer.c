/* Reading and writing through a view (MPI-3.1, sections 13.3 and 13.4): typed memory on one side, pieces of the file on the other. */
#include <stdlib.h>
#include <string.h>

#include "io.h"
#include "pt2pt/request.h"

#define PIECES 256
#define MOST_BYTES (1u << 20)   /* of one question to the owner */

/* Walks the file's bytes that a view shows, from a position in its data on. */
struct walk {
  const struct vbmpi_layout *layout;
  int64_t tile;        /* byte in the file where this copy of the filetype begins */
  size_t run, block, used;
};

static int64_t tile_extent(const struct walk *walk) { return walk->layout->extent; }

static struct vbmpi_run run_of(const struct walk *walk) {
  if (walk->layout->object && !walk->layout->contiguous) return walk->layout->object->runs[walk->run];
  return (struct vbmpi_run){walk->layout->true_lb, walk->layout->size, 0, 1};
}

static size_t runs_of(const struct walk *walk) { return walk->layout->object && !walk->layout->contiguous ? walk->layout->object->runs_used : 1; }

static void begin(struct walk *walk, const struct vbmpi_layout *layout, int64_t disp, int64_t position) {
  *walk = (struct walk){.layout = layout, .tile = disp + position / (int64_t)layout->size * layout->extent};
  size_t rest = (size_t)(position % (int64_t)layout->size);
  for (struct vbmpi_run run = run_of(walk); rest >= run.length * run.count; run = run_of(walk)) {
    rest -= run.length * run.count;
    walk->run++;
  }
  struct vbmpi_run run = run_of(walk);
  walk->block = rest / run.length;
  walk->used = rest % run.length;
}

/* The next consecutive bytes, at most `most`. */
static struct vbmpi_io_piece next(struct walk *walk, size_t most) {
  struct vbmpi_run run = run_of(walk);
  size_t length = run.length - walk->used < most ? run.length - walk->used : most;
  struct vbmpi_io_piece piece = {walk->tile + run.offset + (int64_t)walk->block * run.stride + (int64_t)walk->used, (int64_t)length};
  walk->used += length;
  if (walk->used < run.length) return piece;
  walk->used = 0;
  if (++walk->block < run.count) return piece;
  walk->block = 0;
  if (++walk->run < runs_of(walk)) return piece;
  walk->run = 0;
  walk->tile += tile_extent(walk);
  return piece;
}

int64_t vbmpi_io_etypes(const struct vbmpi_file *file, MPI_Count count, MPI_Datatype type) {
  struct vbmpi_layout memory, etype;
  vbmpi_layout_of(type, false, &memory);
  vbmpi_layout_of(file->etype, false, &etype);
  return count * (int64_t)memory.size / (int64_t)etype.size;
}

/* Pieces for at most MOST_BYTES of what is left. */
static size_t gather_pieces(struct walk *walk, size_t left, struct vbmpi_io_piece pieces[], size_t *bytes) {
  size_t count = 0;
  *bytes = 0;
  while (left > 0 && count < PIECES && *bytes < MOST_BYTES) {
    struct vbmpi_io_piece piece = next(walk, left < MOST_BYTES - *bytes ? left : MOST_BYTES - *bytes);
    struct vbmpi_io_piece *last = count ? &pieces[count - 1] : 0;
    if (last && last->offset + last->length == piece.offset) {
      last->length += piece.length;
    } else {
      pieces[count++] = piece;
    }
    *bytes += (size_t)piece.length;
    left -= (size_t)piece.length;
  }
  return count;
}

int vbmpi_io_transfer(struct vbmpi_file *file, bool writes, int64_t offset, void *buf, MPI_Count count, MPI_Datatype type, MPI_Status *status,
                      const char *function) {
  struct vbmpi_layout memory, etype, filetype;
  vbmpi_layout_of(type, false, &memory);
  vbmpi_layout_of(file->etype, false, &etype);
  vbmpi_layout_of(file->filetype, false, &filetype);
  size_t total = (size_t)count * memory.size, done = 0;
  uint8_t *data = malloc(total ? total : 1);
  if (data == 0) return vbmpi_file_fail(file, MPI_ERR_NO_MEM, function, "no memory for %zu bytes", total);
  if (writes) vbmpi_pack(data, buf, (size_t)count, &memory);
  struct walk walk;
  if (total > 0) begin(&walk, &filetype, file->disp, offset * (int64_t)etype.size);
  int64_t value = 0;
  while (done < total) {
    struct vbmpi_io_piece pieces[PIECES];
    size_t bytes, n = gather_pieces(&walk, total - done, pieces, &bytes);
    value = vbmpi_io_ask(file, writes ? VBMPI_IO_WRITE : VBMPI_IO_READ, 0, pieces, n, data + done, bytes, function);
    if (value < 0) break;
    done += (size_t)value;
    if ((size_t)value < bytes) break;
  }
  if (!writes) vbmpi_unpack(buf, data, done, (size_t)count, &memory);
  free(data);
  if (status) {
    vbmpi_status_empty(status);
    status->vb_bytes = (long long)done;
  }
  if (value < 0) return vbmpi_file_fail(file, vbmpi_file_class((int)-value), function, "%s: %s", file->name, strerror((int)-value));
  return MPI_SUCCESS;
}
