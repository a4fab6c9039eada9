/* The calls that read and write (MPI-3.1, section 13.4). Those that do not block have done their work when they return. */
#include <stdlib.h>

#include "coll/entry.h"
#include "io.h"
#include "pt2pt/check.h"

enum place { AT, POINTER, SHARED, ORDERED };

static int check(struct vbmpi_file *file, bool writes, const void *buf, MPI_Count count, MPI_Datatype type, const char *function) {
  struct vbmpi_layout layout;
  if (count < 0) return vbmpi_file_fail(file, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (vbmpi_layout_of(type, true, &layout)) return vbmpi_file_fail(file, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  if (layout.size && count > (MPI_Count)(PTRDIFF_MAX / layout.size)) return vbmpi_file_fail(file, MPI_ERR_COUNT, function, "%lld elements exceed the memory of a guest", count);
  if (buf == 0 && count > 0 && layout.size && layout.object == 0) return vbmpi_file_fail(file, MPI_ERR_BUFFER, function, "the buffer is NULL");
  if (writes && (file->amode & MPI_MODE_RDONLY)) return vbmpi_file_fail(file, MPI_ERR_READ_ONLY, function, "%s is open for reading only", file->name);
  if (!writes && (file->amode & MPI_MODE_WRONLY)) return vbmpi_file_fail(file, MPI_ERR_ACCESS, function, "%s is open for writing only", file->name);
  struct vbmpi_layout etype;
  vbmpi_layout_of(file->etype, false, &etype);
  if ((size_t)count * layout.size % etype.size) return vbmpi_file_fail(file, MPI_ERR_IO, function, "the data is not a whole number of etypes");
  return MPI_SUCCESS;
}

/* Where ranks write in their order: what all before them move, behind the shared pointer, which then moves past all of them. */
static int64_t in_order(struct vbmpi_file *file, int64_t mine, const char *function) {
  int64_t before = 0, all = 0, base = 0;
  VBMPI_COLLECTIVE(function, file->comm)
  vbmpi_allreduce(&mine, &all, 1, MPI_INT64_T, MPI_SUM, file->comm);
  int64_t *each = vbmpi_scratch((size_t)file->comm->size * sizeof *each);
  vbmpi_allgather(&mine, 1, MPI_INT64_T, each, 1, MPI_INT64_T, file->comm);
  for (int i = 0; i < file->comm->rank; i++) before += each[i];
  free(each);
  if (file->comm->rank == 0) base = vbmpi_io_ask(file, VBMPI_IO_SHARED_ADD, all, 0, 0, 0, 0, function);
  vbmpi_bcast(&base, 1, MPI_INT64_T, 0, file->comm);
  vbmpi_coll_leave();
  return base + before;
}

static int run(MPI_File handle, enum place place, bool writes, MPI_Offset offset, const void *buf, MPI_Count count, MPI_Datatype type, MPI_Status *status,
               const char *function) {
  VBMPI_FILE(file, handle, function)
  int result = check(file, writes, buf, count, type, function);
  if (result) return result;
  if (place == AT && offset < 0) return vbmpi_file_fail(file, MPI_ERR_ARG, function, "negative offset %lld", offset);
  int64_t etypes = vbmpi_io_etypes(file, count, type), at = offset;
  if (place == POINTER) at = file->position;
  if (place == SHARED) at = vbmpi_io_ask(file, VBMPI_IO_SHARED_ADD, etypes, 0, 0, 0, 0, function);
  if (place == ORDERED) at = in_order(file, etypes, function);
  MPI_Status own;
  result = vbmpi_io_transfer(file, writes, at, (void *)(uintptr_t)buf, count, type, &own, function);
  if (place == POINTER) file->position += vbmpi_io_etypes(file, own.vb_bytes, MPI_BYTE);
  if (status) *status = own;
  return result;
}

static int begin_request(MPI_File handle, enum place place, bool writes, MPI_Offset offset, const void *buf, MPI_Count count, MPI_Datatype type,
                   MPI_Request *out, const char *function) {
  MPI_Status status;
  int result = run(handle, place, writes, offset, buf, count, type, &status, function);
  if (result) return result;
  struct vbmpi_request *request = vbmpi_request_new(VBMPI_REQUEST_RECV);
  request->comm = vbmpi_comm_of(MPI_COMM_WORLD);
  request->name = function;
  request->on_user_list = request->complete = true;
  request->status_bytes = (size_t)status.vb_bytes;
  *out = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}

static int split_begin(MPI_File handle, enum place place, bool writes, MPI_Offset offset, const void *buf, MPI_Count count, MPI_Datatype type,
                       const char *function) {
  VBMPI_FILE(file, handle, function)
  if (file->split) return vbmpi_file_fail(file, MPI_ERR_OTHER, function, "another split collective is under way");
  int result = run(handle, place, writes, offset, buf, count, type, &file->split_status, function);
  file->split = result == MPI_SUCCESS;
  return result;
}

static int split_end(MPI_File handle, MPI_Status *status, const char *function) {
  VBMPI_FILE(file, handle, function)
  if (!file->split) return vbmpi_file_fail(file, MPI_ERR_OTHER, function, "no split collective is under way");
  file->split = false;
  if (status) *status = file->split_status;
  return MPI_SUCCESS;
}

#define BLOCKING(name, suffix, C, place, writes, at) \
  int PMPI_File_##name##suffix(VB_ARGS_File_##name(C, C)) { return run(file, place, writes, at, buf, count, type, status, "MPI_File_" #name #suffix); } \
  VBMPI_ALIAS(File_##name##suffix)
#define REQUEST(name, suffix, C, place, writes, at) \
  int PMPI_File_i##name##suffix(VB_ARGS_File_i##name(C, C)) { \
    return begin_request(file, place, writes, at, buf, count, type, request, "MPI_File_i" #name #suffix); \
  } \
  VBMPI_ALIAS(File_i##name##suffix)
#define BEGIN(name, suffix, C, place, writes, at) \
  int PMPI_File_##name##_begin##suffix(VB_ARGS_File_##name##_begin(C, C)) { \
    return split_begin(file, place, writes, at, buf, count, type, "MPI_File_" #name "_begin" #suffix); \
  } \
  VBMPI_ALIAS(File_##name##_begin##suffix)
#define END(name, K) \
  int PMPI_File_##name##_end(MPI_File file, K void *buf, MPI_Status *status) { \
    (void)buf; \
    return split_end(file, status, "MPI_File_" #name "_end"); \
  } \
  VBMPI_ALIAS(File_##name##_end)
#define BOTH(kind, name, place, writes, at) kind(name, , int, place, writes, at) kind(name, _c, MPI_Count, place, writes, at)
#define DIRECTION(d, K, writes)                                                                               \
  BOTH(BLOCKING, d, POINTER, writes, 0) BOTH(BLOCKING, d##_all, POINTER, writes, 0)                           \
  BOTH(BLOCKING, d##_at, AT, writes, offset) BOTH(BLOCKING, d##_at_all, AT, writes, offset)                   \
  BOTH(REQUEST, d, POINTER, writes, 0) BOTH(REQUEST, d##_all, POINTER, writes, 0)                             \
  BOTH(REQUEST, d##_at, AT, writes, offset) BOTH(REQUEST, d##_at_all, AT, writes, offset)                     \
  BOTH(REQUEST, d##_shared, SHARED, writes, 0)                                                                \
  BOTH(BLOCKING, d##_shared, SHARED, writes, 0) BOTH(BLOCKING, d##_ordered, ORDERED, writes, 0)               \
  BOTH(BEGIN, d##_all, POINTER, writes, 0) BOTH(BEGIN, d##_at_all, AT, writes, offset)                        \
  BOTH(BEGIN, d##_ordered, ORDERED, writes, 0) END(d##_all, K) END(d##_at_all, K) END(d##_ordered, K)
DIRECTION(read, , false)
DIRECTION(write, const, true)
