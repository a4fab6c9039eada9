#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "device/device.h"
#include "device/wait.h"

int vbmpi_state = VBMPI_NOT_STARTED;

static struct vbmpi_table errhandlers = {.what = "error handler"};

static const char *const texts[MPI_ERR_LASTCODE + 1] = {
    [MPI_SUCCESS] = "no error",
    [MPI_ERR_BUFFER] = "invalid buffer pointer",
    [MPI_ERR_COUNT] = "invalid count",
    [MPI_ERR_TYPE] = "invalid datatype",
    [MPI_ERR_TAG] = "invalid tag",
    [MPI_ERR_COMM] = "invalid communicator",
    [MPI_ERR_RANK] = "invalid rank",
    [MPI_ERR_REQUEST] = "invalid request",
    [MPI_ERR_ROOT] = "invalid root",
    [MPI_ERR_GROUP] = "invalid group",
    [MPI_ERR_OP] = "invalid operation",
    [MPI_ERR_TOPOLOGY] = "invalid topology",
    [MPI_ERR_DIMS] = "invalid dimensions",
    [MPI_ERR_ARG] = "invalid argument",
    [MPI_ERR_UNKNOWN] = "unknown error",
    [MPI_ERR_TRUNCATE] = "message truncated on receive",
    [MPI_ERR_OTHER] = "known error not in this list",
    [MPI_ERR_INTERN] = "internal error of the MPI library",
    [MPI_ERR_PENDING] = "pending request",
    [MPI_ERR_IN_STATUS] = "the error is in the statuses",
    [MPI_ERR_ACCESS] = "permission denied",
    [MPI_ERR_AMODE] = "invalid access mode",
    [MPI_ERR_ASSERT] = "invalid assertion",
    [MPI_ERR_BAD_FILE] = "invalid file name",
    [MPI_ERR_BASE] = "invalid base address",
    [MPI_ERR_CONVERSION] = "error in data conversion",
    [MPI_ERR_DISP] = "invalid displacement",
    [MPI_ERR_DUP_DATAREP] = "data representation exists already",
    [MPI_ERR_FILE_EXISTS] = "file exists",
    [MPI_ERR_FILE_IN_USE] = "file is in use",
    [MPI_ERR_FILE] = "invalid file handle",
    [MPI_ERR_INFO_KEY] = "info key too long",
    [MPI_ERR_INFO_NOKEY] = "no such info key",
    [MPI_ERR_INFO_VALUE] = "info value too long",
    [MPI_ERR_INFO] = "invalid info object",
    [MPI_ERR_IO] = "input or output error",
    [MPI_ERR_KEYVAL] = "invalid attribute key",
    [MPI_ERR_LOCKTYPE] = "invalid lock type",
    [MPI_ERR_NAME] = "service name not published",
    [MPI_ERR_NO_MEM] = "out of memory",
    [MPI_ERR_NOT_SAME] = "collective argument differs between processes",
    [MPI_ERR_NO_SPACE] = "no space left",
    [MPI_ERR_NO_SUCH_FILE] = "no such file",
    [MPI_ERR_PORT] = "invalid port name",
    [MPI_ERR_QUOTA] = "quota exceeded",
    [MPI_ERR_READ_ONLY] = "read-only file or file system",
    [MPI_ERR_RMA_CONFLICT] = "conflicting accesses to a window",
    [MPI_ERR_RMA_SYNC] = "wrong synchronisation of one-sided calls",
    [MPI_ERR_SERVICE] = "invalid service name",
    [MPI_ERR_SIZE] = "invalid size",
    [MPI_ERR_SPAWN] = "error in spawning processes",
    [MPI_ERR_UNSUPPORTED_DATAREP] = "data representation not supported",
    [MPI_ERR_UNSUPPORTED_OPERATION] = "operation not supported",
    [MPI_ERR_WIN] = "invalid window",
    [MPI_ERR_RMA_RANGE] = "memory outside of the window",
    [MPI_ERR_RMA_ATTACH] = "memory cannot be attached",
    [MPI_ERR_RMA_SHARED] = "memory cannot be shared",
    [MPI_ERR_RMA_FLAVOR] = "wrong kind of window",
    [MPI_ERR_VALUE_TOO_LARGE] = "the value does not fit the variable",
    [MPI_ERR_SESSION] = "invalid session",
    [MPI_ERR_PROC_ABORTED] = "a process has aborted",
    [MPI_ERR_ERRHANDLER] = "invalid error handler",
    [MPI_T_ERR_MEMORY] = "out of memory",
    [MPI_T_ERR_NOT_INITIALIZED] = "the tool interface is not initialised",
    [MPI_T_ERR_CANNOT_INIT] = "the tool interface cannot be initialised",
    [MPI_T_ERR_INVALID_INDEX] = "invalid index",
    [MPI_T_ERR_INVALID_ITEM] = "invalid item",
    [MPI_T_ERR_INVALID_HANDLE] = "invalid handle",
    [MPI_T_ERR_OUT_OF_HANDLES] = "no more handles",
    [MPI_T_ERR_OUT_OF_SESSIONS] = "no more sessions",
    [MPI_T_ERR_INVALID_SESSION] = "invalid session",
    [MPI_T_ERR_CVAR_SET_NOT_NOW] = "the variable cannot be set now",
    [MPI_T_ERR_CVAR_SET_NEVER] = "the variable cannot be set",
    [MPI_T_ERR_PVAR_NO_STARTSTOP] = "the variable cannot be started or stopped",
    [MPI_T_ERR_PVAR_NO_WRITE] = "the variable cannot be written",
    [MPI_T_ERR_PVAR_NO_ATOMIC] = "the variable cannot be read and written at once",
    [MPI_T_ERR_INVALID_NAME] = "no such name",
    [MPI_T_ERR_INVALID] = "invalid argument",
    [MPI_T_ERR_NOT_SUPPORTED] = "not supported",
};

const char *vbmpi_error_text(int code) {
  if (code > MPI_ERR_LASTCODE) return vbmpi_user_error_text(code);
  return code >= 0 && texts[code] ? texts[code] : 0;
}

const char *vbmpi_collective_or_call(void) { return vbmpi_collective ? vbmpi_collective : vbmpi_call ? vbmpi_call : "MPI"; }

void vbmpi_abort(int code, const char *text) {
  fflush(stdout);
  fflush(stderr);
  vb_hypercall(VB_HC_ABORT, (uint32_t)code, (uint32_t)(uintptr_t)text, (uint32_t)strlen(text), 0);
  _Exit(code ? code : 1);
}

static void end_with(int code, const char *function, const char *text) __attribute__((noreturn));
static void end_with(int code, const char *function, const char *text) {
  char line[1024];
  char place[256];
  vbmpi_describe_site(place, sizeof place, &vbmpi_site);
  snprintf(line, sizeof line, "rank %d: %s%s: %s", (int)vb_boot_info()->rank, function, place, text);
  fprintf(stderr, "%s\n", line);
  vbmpi_abort(code, line);
}

void vbmpi_fatal(int code, const char *function, const char *format, ...) {
  char text[768];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  end_with(code, function, text);
}

int vbmpi_raise(MPI_Errhandler handler, int handle, int error_class, const char *function, const char *format, va_list arguments) {
  if (handler == MPI_ERRORS_RETURN) return error_class;
  struct vbmpi_errhandler *object = handler == MPI_ERRORS_ARE_FATAL || handler == MPI_ERRORS_ABORT ? 0 : vbmpi_table_get(&errhandlers, VBMPI_INDEX(handler));
  if (object) {
    int code = error_class;
    vbmpi_device.callbacks++;
    object->function(&handle, &code);
    vbmpi_device.callbacks--;
    return error_class;
  }
  char text[768];
  vsnprintf(text, sizeof text, format, arguments);
  end_with(error_class, function, text);
}

int vbmpi_fail(struct vbmpi_comm *comm, int error_class, const char *function, const char *format, ...) {
  if (comm == 0) comm = vbmpi_comm_of(MPI_COMM_WORLD);
  va_list arguments;
  va_start(arguments, format);
  int result = vbmpi_raise(comm ? comm->errhandler : MPI_ERRORS_ARE_FATAL, comm ? comm->handle : MPI_COMM_NULL, error_class, function, format, arguments);
  va_end(arguments);
  return result;
}

int vbmpi_unsupported(const char *function) {
  return vbmpi_fail(0, MPI_ERR_UNSUPPORTED_OPERATION, function, "not supported (docs/mpi.md says what is)");
}

int vbmpi_fail_comm(MPI_Comm handle, const char *function) {
  if (handle == MPI_COMM_NULL) return vbmpi_fail(0, MPI_ERR_COMM, function, "the communicator is MPI_COMM_NULL");
  return vbmpi_fail(0, MPI_ERR_COMM, function, "invalid communicator 0x%08x", (unsigned)handle);
}

int vbmpi_check_running(const char *function) {
  if (vbmpi_state == VBMPI_RUNNING) return MPI_SUCCESS;
  if (vbmpi_state == VBMPI_NOT_STARTED) vbmpi_fatal(MPI_ERR_OTHER, function, "called before MPI_Init");
  vbmpi_fatal(MPI_ERR_OTHER, function, "called after MPI_Finalize");
}

/* --- handlers --- */

static struct vbmpi_errhandler *handler_of(MPI_Errhandler handle) {
  if (VBMPI_KIND(handle) != VBMPI_KIND_ERRHANDLER) return 0;
  return vbmpi_table_get(&errhandlers, VBMPI_INDEX(handle));
}

void vbmpi_errhandler_retain(MPI_Errhandler handle) {
  struct vbmpi_errhandler *object = handler_of(handle);
  if (object) object->references++;
}

void vbmpi_errhandler_release(MPI_Errhandler handle) {
  struct vbmpi_errhandler *object = handler_of(handle);
  if (object == 0 || --object->references > 0) return;
  vbmpi_table_remove(&errhandlers, VBMPI_INDEX(handle));
  free(object);
}

int vbmpi_errhandler_create(MPI_Comm_errhandler_function *function, MPI_Errhandler *handler, const char *call) {
  struct vbmpi_errhandler *object = malloc(sizeof *object);
  uint32_t index = object ? vbmpi_table_add(&errhandlers, object, 4) : 0;
  if (index == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, call, "no memory");
  object->function = function;
  object->references = 1;
  *handler = VBMPI_HANDLE(VBMPI_KIND_ERRHANDLER, index);
  return MPI_SUCCESS;
}

bool vbmpi_errhandler_exists(MPI_Errhandler handler) {
  return handler == MPI_ERRORS_ARE_FATAL || handler == MPI_ERRORS_RETURN || handler == MPI_ERRORS_ABORT || handler_of(handler) != 0;
}

int PMPI_Comm_create_errhandler(MPI_Comm_errhandler_function *function, MPI_Errhandler *handler) {
  return vbmpi_errhandler_create(function, handler, "MPI_Comm_create_errhandler");
}
VBMPI_ALIAS(Comm_create_errhandler)

int PMPI_Win_create_errhandler(MPI_Win_errhandler_function *function, MPI_Errhandler *handler) {
  return vbmpi_errhandler_create((MPI_Comm_errhandler_function *)function, handler, "MPI_Win_create_errhandler");
}
VBMPI_ALIAS(Win_create_errhandler)

int PMPI_File_create_errhandler(MPI_File_errhandler_function *function, MPI_Errhandler *handler) {
  return vbmpi_errhandler_create((MPI_Comm_errhandler_function *)function, handler, "MPI_File_create_errhandler");
}
VBMPI_ALIAS(File_create_errhandler)

int PMPI_Session_create_errhandler(MPI_Session_errhandler_function *function, MPI_Errhandler *handler) {
  return vbmpi_errhandler_create((MPI_Comm_errhandler_function *)function, handler, "MPI_Session_create_errhandler");
}
VBMPI_ALIAS(Session_create_errhandler)

int PMPI_Errhandler_create(MPI_Handler_function *function, MPI_Errhandler *handler) { return PMPI_Comm_create_errhandler(function, handler); }
VBMPI_ALIAS(Errhandler_create)

int PMPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler) {
  VBMPI_COMM(c, comm, "MPI_Comm_set_errhandler")
  if (!vbmpi_errhandler_exists(handler))
    return vbmpi_fail(c, MPI_ERR_ARG, "MPI_Comm_set_errhandler", "invalid error handler");
  vbmpi_errhandler_retain(handler);
  vbmpi_errhandler_release(c->errhandler);
  c->errhandler = handler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_set_errhandler)

int PMPI_Errhandler_set(MPI_Comm comm, MPI_Errhandler handler) { return PMPI_Comm_set_errhandler(comm, handler); }
VBMPI_ALIAS(Errhandler_set)

int PMPI_Comm_get_errhandler(MPI_Comm comm, MPI_Errhandler *handler) {
  VBMPI_COMM(c, comm, "MPI_Comm_get_errhandler")
  vbmpi_errhandler_retain(c->errhandler);
  *handler = c->errhandler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_get_errhandler)

int PMPI_Errhandler_get(MPI_Comm comm, MPI_Errhandler *handler) { return PMPI_Comm_get_errhandler(comm, handler); }
VBMPI_ALIAS(Errhandler_get)

int PMPI_Errhandler_free(MPI_Errhandler *handler) {
  if (!vbmpi_errhandler_exists(*handler)) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Errhandler_free", "invalid error handler");
  vbmpi_errhandler_release(*handler);
  *handler = MPI_ERRHANDLER_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Errhandler_free)

int PMPI_Comm_call_errhandler(MPI_Comm comm, int code) {
  VBMPI_COMM(c, comm, "MPI_Comm_call_errhandler")
  const char *text = vbmpi_error_text(code);
  vbmpi_fail(c, code, "MPI_Comm_call_errhandler", "%s", text ? text : "unknown error code");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_call_errhandler)
