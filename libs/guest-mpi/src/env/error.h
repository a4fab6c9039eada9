/* Raising errors (MPI-3.1, section 8.3). An error's code is its class; the text goes to standard error when the error is fatal. */
#ifndef VBMPI_ERROR_H
#define VBMPI_ERROR_H

#include <mpi.h>
#include <stdarg.h>

#include "comm/comm.h"
#include "trace/trace.h"

/* Calls the error handler of `comm` (of MPI_COMM_WORLD when NULL). Returns `error_class` unless the handler is fatal.
 * `function` is the user's call, e.g. "MPI_Send". */
int vbmpi_fail(struct vbmpi_comm *comm, int error_class, const char *function, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints "rank R: function: text" and ends the job with `code`. */
void vbmpi_fatal(int code, const char *function, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));

/* The call that this process is in, for errors that do not belong to an argument: never NULL. */
const char *vbmpi_collective_or_call(void);

/* Ends the job without a message of its own. */
void vbmpi_abort(int code, const char *text) __attribute__((noreturn));

const char *vbmpi_error_text(int code);
const char *vbmpi_user_error_text(int code);
extern int vbmpi_last_code;

/* Calls a handler with the handle of the object that an error belongs to; returns `error_class` unless the handler is fatal. */
int vbmpi_raise(MPI_Errhandler handler, int handle, int error_class, const char *function, const char *format, va_list arguments);

/* Raises MPI_ERR_UNSUPPORTED_OPERATION. */
int vbmpi_unsupported(const char *function);

/* Fails when MPI is not initialised or already finalised; MPI_SUCCESS otherwise. */
int vbmpi_check_running(const char *function);

/* First in every function of the user's that needs MPI. */
#define VBMPI_MAIN_CHECK(function)                         \
  VBMPI_TRACED(function)                                   \
  if (__builtin_expect(vbmpi_state != VBMPI_RUNNING, 0)) { \
    int failed_ = vbmpi_check_running(function);           \
    if (failed_) return failed_;                           \
  }

/* Declares `name` as the object of a communicator handle, or returns MPI_ERR_COMM. */
#define VBMPI_COMM(name, handle, function)        \
  VBMPI_MAIN_CHECK(function)                      \
  struct vbmpi_comm *name = vbmpi_comm_of(handle); \
  if (__builtin_expect(name == 0, 0)) return vbmpi_fail_comm(handle, function);
int vbmpi_fail_comm(MPI_Comm handle, const char *function);

#define VBMPI_NOT_STARTED 0
#define VBMPI_RUNNING 1
#define VBMPI_ENDED 2
extern int vbmpi_state;

struct vbmpi_errhandler {
  MPI_Comm_errhandler_function *function;
  int references;
};
void vbmpi_errhandler_retain(MPI_Errhandler handle);
void vbmpi_errhandler_release(MPI_Errhandler handle);
int vbmpi_errhandler_create(MPI_Comm_errhandler_function *function, MPI_Errhandler *handler, const char *call);
bool vbmpi_errhandler_exists(MPI_Errhandler handler);

#endif
