/* Opening, closing and asking files (MPI-3.1, sections 13.2, 13.3 and 13.4.4). */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coll/entry.h"
#include "io.h"

static struct vbmpi_table files = {.what = "file"};
/* Of files that are opened from now on, and of errors without a file (section 13.7). */
static MPI_Errhandler default_handler = MPI_ERRORS_RETURN;

struct vbmpi_file *vbmpi_file_of(MPI_File handle) {
  return VBMPI_KIND(handle) == VBMPI_KIND_FILE ? vbmpi_table_get(&files, VBMPI_INDEX(handle)) : 0;
}

int vbmpi_file_fail(struct vbmpi_file *file, int error_class, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int result = vbmpi_raise(file ? file->errhandler : default_handler, file ? file->handle : MPI_FILE_NULL, error_class, function, format, arguments);
  va_end(arguments);
  return result;
}

int vbmpi_file_class(int error) {
  switch (error) {
    case ENOENT: return MPI_ERR_NO_SUCH_FILE;
    case EEXIST: return MPI_ERR_FILE_EXISTS;
    case EACCES:
    case EPERM: return MPI_ERR_ACCESS;
    case ENOSPC: return MPI_ERR_NO_SPACE;
    case EDQUOT: return MPI_ERR_QUOTA;
    case EROFS: return MPI_ERR_READ_ONLY;
    case EISDIR:
    case ENAMETOOLONG:
    case ENOTDIR: return MPI_ERR_BAD_FILE;
    default: return MPI_ERR_IO;
  }
}

/* The owner opens; everybody learns how it went. */
static int open_at_owner(const char *name, int amode) {
  int flags = amode & MPI_MODE_RDWR ? O_RDWR : amode & MPI_MODE_WRONLY ? O_WRONLY : O_RDONLY;
  if (amode & MPI_MODE_CREATE) flags |= O_CREAT;
  if (amode & MPI_MODE_EXCL) flags |= O_EXCL;
  int descriptor = open(name, flags, 0666);
  return descriptor < 0 ? -errno : descriptor;
}

static int check_amode(int amode) {
  int access = amode & (MPI_MODE_RDONLY | MPI_MODE_WRONLY | MPI_MODE_RDWR);
  if (access != MPI_MODE_RDONLY && access != MPI_MODE_WRONLY && access != MPI_MODE_RDWR) return MPI_ERR_AMODE;
  if (access == MPI_MODE_RDONLY && (amode & (MPI_MODE_CREATE | MPI_MODE_EXCL))) return MPI_ERR_AMODE;
  return access == MPI_MODE_RDWR && (amode & MPI_MODE_SEQUENTIAL) ? MPI_ERR_AMODE : MPI_SUCCESS;
}

int PMPI_File_open(MPI_Comm comm, const char *name, int amode, MPI_Info info, MPI_File *handle) {
  const char *function = "MPI_File_open";
  VBMPI_COMM(c, comm, function)
  (void)info;
  if (c->local) return vbmpi_file_fail(0, MPI_ERR_COMM, function, "a file needs an intra-communicator");
  if (check_amode(amode)) return vbmpi_file_fail(0, MPI_ERR_AMODE, function, "access mode 0x%x: one of read-only, write-only, read and write", amode);
  int opened = c->rank == 0 ? open_at_owner(name, amode) : 0;
  VBMPI_COLLECTIVE(function, c)
  int told = opened;
  vbmpi_bcast(&told, 1, MPI_INT, 0, c);
  int result = vbmpi_coll_leave();
  if (result) return result;
  if (told < 0) return vbmpi_file_fail(0, vbmpi_file_class(-told), function, "%s: %s", name, strerror(-told));
  struct vbmpi_file *file = calloc(1, sizeof *file);
  uint32_t index = file ? vbmpi_table_add(&files, file, 1) : 0;
  if (index == 0 || (file->name = strdup(name)) == 0) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for a file");
  file->handle = VBMPI_HANDLE(VBMPI_KIND_FILE, index);
  file->errhandler = default_handler;
  vbmpi_errhandler_retain(default_handler);
  file->amode = amode;
  file->descriptor = opened;
  file->etype = file->filetype = MPI_BYTE;
  result = PMPI_Win_create_dynamic(MPI_INFO_NULL, comm, &file->channel_handle);
  if (result) return result;
  file->channel = vbmpi_win_of(file->channel_handle);
  file->comm = file->channel->comm;
  file->channel->file = file;
  file->channel->serve = vbmpi_io_serve;
  /* Nobody asks before the owner knows how to answer. */
  VBMPI_COLLECTIVE(function, file->comm)
  vbmpi_barrier(file->comm);
  result = vbmpi_coll_leave();
  *handle = file->handle;
  if (amode & MPI_MODE_APPEND) {
    file->position = vbmpi_io_ask(file, VBMPI_IO_SIZE, 0, 0, 0, 0, 0, function);
    if (c->rank == 0) file->shared = file->position;
  }
  return result;
}
VBMPI_ALIAS(File_open)

int PMPI_File_close(MPI_File *handle) {
  VBMPI_FILE(file, *handle, "MPI_File_close")
  if (file->split) return vbmpi_file_fail(file, MPI_ERR_OTHER, "MPI_File_close", "a split collective is under way");
  bool owner = file->comm->rank == 0;
  int result = PMPI_Win_free(&file->channel_handle);
  if (owner) close(file->descriptor);
  if (owner && (file->amode & MPI_MODE_DELETE_ON_CLOSE)) unlink(file->name);
  vbmpi_type_release(file->etype);
  vbmpi_type_release(file->filetype);
  vbmpi_errhandler_release(file->errhandler);
  vbmpi_table_remove(&files, VBMPI_INDEX(*handle));
  free(file->name);
  free(file);
  *handle = MPI_FILE_NULL;
  return result;
}
VBMPI_ALIAS(File_close)

int PMPI_File_delete(const char *name, MPI_Info info) {
  VBMPI_MAIN_CHECK("MPI_File_delete")
  (void)info;
  return unlink(name) == 0 ? MPI_SUCCESS : vbmpi_file_fail(0, vbmpi_file_class(errno), "MPI_File_delete", "%s: %s", name, strerror(errno));
}
VBMPI_ALIAS(File_delete)

/* A question whose answer is a number; collective ones are asked by everybody, which changes nothing. */
static int ask(struct vbmpi_file *file, enum vbmpi_io_request what, int64_t argument, MPI_Offset *value, const char *function) {
  int64_t answer = vbmpi_io_ask(file, what, argument, 0, 0, 0, 0, function);
  if (answer < 0) return vbmpi_file_fail(file, vbmpi_file_class((int)-answer), function, "%s: %s", file->name, strerror((int)-answer));
  if (value) *value = answer;
  return MPI_SUCCESS;
}

static int meet(struct vbmpi_file *file, const char *function) {
  VBMPI_COLLECTIVE(function, file->comm)
  vbmpi_barrier(file->comm);
  return vbmpi_coll_leave();
}

static int resize(MPI_File handle, MPI_Offset size, bool only_grow, const char *function) {
  VBMPI_FILE(file, handle, function)
  if (size < 0) return vbmpi_file_fail(file, MPI_ERR_ARG, function, "negative size %lld", size);
  MPI_Offset now = 0;
  int result = meet(file, function);
  if (result == MPI_SUCCESS && file->comm->rank == 0) result = ask(file, VBMPI_IO_SIZE, 0, &now, function);
  if (result == MPI_SUCCESS && file->comm->rank == 0 && !(only_grow && now >= size)) result = ask(file, VBMPI_IO_RESIZE, size, 0, function);
  int met = meet(file, function);
  return result ? result : met;
}

int PMPI_File_set_size(MPI_File file, MPI_Offset size) { return resize(file, size, false, "MPI_File_set_size"); }
VBMPI_ALIAS(File_set_size)
int PMPI_File_preallocate(MPI_File file, MPI_Offset size) { return resize(file, size, true, "MPI_File_preallocate"); }
VBMPI_ALIAS(File_preallocate)

int PMPI_File_get_size(MPI_File handle, MPI_Offset *size) {
  VBMPI_FILE(file, handle, "MPI_File_get_size")
  return ask(file, VBMPI_IO_SIZE, 0, size, "MPI_File_get_size");
}
VBMPI_ALIAS(File_get_size)

int PMPI_File_sync(MPI_File handle) {
  VBMPI_FILE(file, handle, "MPI_File_sync")
  int result = ask(file, VBMPI_IO_SYNC, 0, 0, "MPI_File_sync"), met = meet(file, "MPI_File_sync");
  return result ? result : met;
}
VBMPI_ALIAS(File_sync)

int PMPI_File_get_group(MPI_File handle, MPI_Group *group) {
  VBMPI_FILE(file, handle, "MPI_File_get_group")
  return PMPI_Win_get_group(file->channel_handle, group);
}
VBMPI_ALIAS(File_get_group)

int PMPI_File_get_amode(MPI_File handle, int *amode) {
  VBMPI_FILE(file, handle, "MPI_File_get_amode")
  *amode = file->amode;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_amode)

int PMPI_File_set_info(MPI_File handle, MPI_Info info) {
  VBMPI_FILE(file, handle, "MPI_File_set_info")
  (void)file;
  (void)info;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_set_info)

int PMPI_File_get_info(MPI_File handle, MPI_Info *info) {
  VBMPI_FILE(file, handle, "MPI_File_get_info")
  (void)file;
  return PMPI_Info_create(info);
}
VBMPI_ALIAS(File_get_info)

/* The owner carries out one operation after the other, so every access is atomic. */
int PMPI_File_set_atomicity(MPI_File handle, int flag) {
  VBMPI_FILE(file, handle, "MPI_File_set_atomicity")
  file->atomic = flag != 0;
  return meet(file, "MPI_File_set_atomicity");
}
VBMPI_ALIAS(File_set_atomicity)

int PMPI_File_get_atomicity(MPI_File handle, int *flag) {
  VBMPI_FILE(file, handle, "MPI_File_get_atomicity")
  *flag = file->atomic;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_atomicity)

int PMPI_File_set_errhandler(MPI_File handle, MPI_Errhandler handler) {
  VBMPI_MAIN_CHECK("MPI_File_set_errhandler")
  struct vbmpi_file *file = vbmpi_file_of(handle);
  if (file == 0 && handle != MPI_FILE_NULL) return vbmpi_file_fail(0, MPI_ERR_FILE, "MPI_File_set_errhandler", "invalid file");
  if (!vbmpi_errhandler_exists(handler)) return vbmpi_file_fail(file, MPI_ERR_ARG, "MPI_File_set_errhandler", "invalid error handler");
  MPI_Errhandler *place = file ? &file->errhandler : &default_handler;
  vbmpi_errhandler_retain(handler);
  vbmpi_errhandler_release(*place);
  *place = handler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_set_errhandler)

int PMPI_File_get_errhandler(MPI_File handle, MPI_Errhandler *handler) {
  VBMPI_MAIN_CHECK("MPI_File_get_errhandler")
  struct vbmpi_file *file = vbmpi_file_of(handle);
  *handler = file ? file->errhandler : default_handler;
  vbmpi_errhandler_retain(*handler);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_get_errhandler)

int PMPI_File_call_errhandler(MPI_File handle, int code) {
  const char *text = vbmpi_error_text(code);
  vbmpi_file_fail(vbmpi_file_of(handle), code, "MPI_File_call_errhandler", "%s", text ? text : "unknown error code");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(File_call_errhandler)
