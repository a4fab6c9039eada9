/* Views and pointers of files (MPI-3.1, sections 13.3 and 13.4.3). */
#include <stdio.h>
#include <string.h>

#include "coll/entry.h"
#include "io.h"

int PMPI_File_set_view(MPI_File handle, MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype, const char *representation, MPI_Info info) {
  const char *function = "MPI_File_set_view";
  VBMPI_FILE(file, handle, function)
  (void)info;
  struct vbmpi_layout element, tile;
  if (vbmpi_layout_of(etype, true, &element) || vbmpi_layout_of(filetype, true, &tile)) return vbmpi_file_fail(file, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  if (element.size == 0 || tile.size == 0 || tile.size % element.size) return vbmpi_file_fail(file, MPI_ERR_ARG, function, "the filetype is not made of etypes");
  if (strcmp(representation, "native") != 0 && strcmp(representation, "internal") != 0)
    return vbmpi_file_fail(file, MPI_ERR_UNSUPPORTED_DATAREP, function, "data representation \"%s\" (there are native and internal)", representation);
  if (disp == MPI_DISPLACEMENT_CURRENT) disp = 0;
  if (disp < 0) return vbmpi_file_fail(file, MPI_ERR_DISP, function, "negative displacement %lld", disp);
  vbmpi_type_retain(etype);
  vbmpi_type_retain(filetype);
  vbmpi_type_release(file->etype);
  vbmpi_type_release(file->filetype);
  file->disp = disp;
  file->etype = etype;
  file->filetype = filetype;
  file->position = 0;
  VBMPI_COLLECTIVE(function, file->comm)
  vbmpi_barrier(file->comm);
  int result = vbmpi_coll_leave();
  if (file->comm->rank == 0) file->shared = 0;
  VBMPI_COLLECTIVE(function, file->comm)
  vbmpi_barrier(file->comm);
  int met = vbmpi_coll_leave();
  return result ? result : met;
}
VBMPI_ALIAS(File_set_view)

int PMPI_File_get_view(MPI_File handle, MPI_Offset *disp, MPI_Datatype *etype, MPI_Datatype *filetype, char *representation) {
  VBMPI_FILE(file, handle, "MPI_File_get_view")
  *disp = file->disp;
  *etype = file->etype;
  *filetype = file->filetype;
  vbmpi_type_retain(*etype);
  vbmpi_type_retain(*filetype);
  snprintf(representation, MPI_MAX_DATAREP_STRING, "native");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_view)

/* The end of the file in etypes of the view: the first that lies wholly behind the last byte. */
static int64_t end_of(struct vbmpi_file *file, const char *function) {
  struct vbmpi_layout element, tile;
  vbmpi_layout_of(file->etype, false, &element);
  vbmpi_layout_of(file->filetype, false, &tile);
  int64_t bytes = vbmpi_io_ask(file, VBMPI_IO_SIZE, 0, 0, 0, 0, 0, function) - file->disp;
  if (bytes <= 0 || tile.extent <= 0) return 0;
  int64_t tiles = bytes / tile.extent, rest = bytes % tile.extent, in_rest = 0;
  if (tile.contiguous) {
    in_rest = rest;
  } else {
    for (size_t r = 0; r < tile.object->runs_used; r++) {
      const struct vbmpi_run *run = &tile.object->runs[r];
      for (size_t n = 0; n < run->count; n++) {
        int64_t room = rest - (run->offset + (int64_t)n * run->stride);
        if (room > 0) in_rest += room < (int64_t)run->length ? room : (int64_t)run->length;
      }
    }
  }
  return (tiles * (int64_t)tile.size + in_rest + (int64_t)element.size - 1) / (int64_t)element.size;
}

static int target_of(struct vbmpi_file *file, MPI_Offset offset, int whence, int64_t current, int64_t *target, const char *function) {
  if (whence != MPI_SEEK_SET && whence != MPI_SEEK_CUR && whence != MPI_SEEK_END) return vbmpi_file_fail(file, MPI_ERR_ARG, function, "unknown origin %d", whence);
  *target = offset + (whence == MPI_SEEK_CUR ? current : whence == MPI_SEEK_END ? end_of(file, function) : 0);
  return *target < 0 ? vbmpi_file_fail(file, MPI_ERR_ARG, function, "position %lld lies before the file", (long long)*target) : MPI_SUCCESS;
}

int PMPI_File_seek(MPI_File handle, MPI_Offset offset, int whence) {
  VBMPI_FILE(file, handle, "MPI_File_seek")
  return target_of(file, offset, whence, file->position, &file->position, "MPI_File_seek");
}
VBMPI_ALIAS(File_seek)

int PMPI_File_get_position(MPI_File handle, MPI_Offset *offset) {
  VBMPI_FILE(file, handle, "MPI_File_get_position")
  *offset = file->position;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_position)

int PMPI_File_get_byte_offset(MPI_File handle, MPI_Offset offset, MPI_Offset *disp) {
  VBMPI_FILE(file, handle, "MPI_File_get_byte_offset")
  struct vbmpi_layout element, tile;
  vbmpi_layout_of(file->etype, false, &element);
  vbmpi_layout_of(file->filetype, false, &tile);
  int64_t position = offset * (int64_t)element.size, rest = position % (int64_t)tile.size, at = tile.true_lb + rest;
  if (!tile.contiguous) {
    size_t r = 0;
    const struct vbmpi_run *run = tile.object->runs;
    for (; rest >= (int64_t)(run->length * run->count); run = &tile.object->runs[++r]) rest -= (int64_t)(run->length * run->count);
    at = run->offset + rest / (int64_t)run->length * run->stride + rest % (int64_t)run->length;
  }
  *disp = file->disp + position / (int64_t)tile.size * tile.extent + at;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_byte_offset)

int PMPI_File_seek_shared(MPI_File handle, MPI_Offset offset, int whence) {
  VBMPI_FILE(file, handle, "MPI_File_seek_shared")
  int64_t target = 0;
  int result = MPI_SUCCESS;
  VBMPI_COLLECTIVE("MPI_File_seek_shared", file->comm)
  vbmpi_barrier(file->comm);
  vbmpi_coll_leave();
  if (file->comm->rank == 0) {
    result = target_of(file, offset, whence, file->shared, &target, "MPI_File_seek_shared");
    if (result == MPI_SUCCESS) file->shared = target;
  }
  VBMPI_COLLECTIVE("MPI_File_seek_shared", file->comm)
  vbmpi_barrier(file->comm);
  int met = vbmpi_coll_leave();
  return result ? result : met;
}
VBMPI_ALIAS(File_seek_shared)

int PMPI_File_get_position_shared(MPI_File handle, MPI_Offset *offset) {
  VBMPI_FILE(file, handle, "MPI_File_get_position_shared")
  *offset = vbmpi_io_ask(file, VBMPI_IO_SHARED_ADD, 0, 0, 0, 0, 0, "MPI_File_get_position_shared");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_position_shared)

int PMPI_File_get_type_extent(MPI_File handle, MPI_Datatype type, MPI_Aint *extent) {
  VBMPI_FILE(file, handle, "MPI_File_get_type_extent")
  (void)file;
  MPI_Aint lb;
  return PMPI_Type_get_extent(type, &lb, extent);
}
VBMPI_ALIAS(File_get_type_extent)

int PMPI_File_get_type_extent_c(MPI_File handle, MPI_Datatype type, MPI_Count *extent) {
  VBMPI_FILE(file, handle, "MPI_File_get_type_extent_c")
  (void)file;
  MPI_Count lb;
  return PMPI_Type_get_extent_c(type, &lb, extent);
}
VBMPI_ALIAS(File_get_type_extent_c)

int PMPI_Register_datarep(const char *name, MPI_Datarep_conversion_function *read, MPI_Datarep_conversion_function *write,
                          MPI_Datarep_extent_function *extent, void *extra) {
  (void)name, (void)read, (void)write, (void)extent, (void)extra;
  return vbmpi_unsupported("MPI_Register_datarep");
}
VBMPI_ALIAS(Register_datarep)
int PMPI_Register_datarep_c(const char *name, MPI_Datarep_conversion_function_c *read, MPI_Datarep_conversion_function_c *write,
                            MPI_Datarep_extent_function *extent, void *extra) {
  (void)name, (void)read, (void)write, (void)extent, (void)extra;
  return vbmpi_unsupported("MPI_Register_datarep_c");
}
VBMPI_ALIAS(Register_datarep_c)
