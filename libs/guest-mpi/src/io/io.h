/*
 * Files (MPI-3.1, chapter 13).
 *
 * Every rank has a scratch directory of its own, so a file that several ranks open lies with one of them: rank 0 of the communicator, the
 * owner. The others ask it by messages of a window (rma.h), which the owner serves inside any of its MPI calls. What the owner itself
 * asks is served at once.
 */
#ifndef VBMPI_IO_H
#define VBMPI_IO_H

#include "rma/rma.h"

enum vbmpi_io_request { VBMPI_IO_READ = 1, VBMPI_IO_WRITE, VBMPI_IO_SIZE, VBMPI_IO_RESIZE, VBMPI_IO_SYNC, VBMPI_IO_SHARED_ADD, VBMPI_IO_SHARED_SET };

/* Consecutive bytes of the file. */
struct vbmpi_io_piece {
  int64_t offset, length;
};

struct vbmpi_file {
  MPI_File handle;
  struct vbmpi_win *channel;
  MPI_Win channel_handle;
  struct vbmpi_comm *comm;
  MPI_Errhandler errhandler;
  int amode;
  int descriptor;                /* at the owner */
  int64_t shared;                /* the shared pointer, in etypes, at the owner */
  char *name;
  MPI_Offset disp;
  MPI_Datatype etype, filetype;
  int64_t position;              /* the individual pointer, in etypes */
  bool atomic;
  bool split;                    /* between the two halves of a split collective */
  MPI_Status split_status;
};

struct vbmpi_file *vbmpi_file_of(MPI_File handle);
int vbmpi_file_fail(struct vbmpi_file *file, int error_class, const char *function, const char *format, ...) __attribute__((format(printf, 4, 5)));
int vbmpi_file_class(int error);   /* error class of an errno */

#define VBMPI_FILE(name, handle, function)         \
  VBMPI_MAIN_CHECK(function)                       \
  struct vbmpi_file *name = vbmpi_file_of(handle); \
  if (name == 0) return vbmpi_file_fail(0, MPI_ERR_FILE, function, "invalid file 0x%08x", (unsigned)(handle));

/* Asks the owner and waits. The answer is `*value` (a size, a position, bytes moved), or a negative errno; up to `room` bytes read come
 * to `data`, `bytes` of it go out. */
int64_t vbmpi_io_ask(struct vbmpi_file *file, enum vbmpi_io_request what, int64_t argument, const struct vbmpi_io_piece *pieces, size_t count, void *data,
                     size_t bytes, const char *function);
/* Called by progress at the owner. */
void vbmpi_io_serve(struct vbmpi_win *channel, int source, const struct vbmpi_rma_header *header, const uint8_t *payload);

/* Moves `count` elements at `offset` etypes of the view; fills `status`. */
int vbmpi_io_transfer(struct vbmpi_file *file, bool writes, int64_t offset, void *buf, MPI_Count count, MPI_Datatype type, MPI_Status *status,
                      const char *function);
/* How many etypes that is. */
int64_t vbmpi_io_etypes(const struct vbmpi_file *file, MPI_Count count, MPI_Datatype type);

#endif
