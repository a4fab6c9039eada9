/* Sessions and their process sets: all processes of the job, and this one (MPI-4.0, sections 11.3.2 and 11.3.3). */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"
#include "device/device.h"
#include "env/error.h"
#include "env/init.h"

struct session {
  MPI_Errhandler errhandler;
};
static struct vbmpi_table sessions = {.what = "session"};

static const char *const psets[] = {"mpi://WORLD", "mpi://SELF"};
#define PSETS ((int)(sizeof psets / sizeof psets[0]))

int vbmpi_session_fail(MPI_Errhandler handler, MPI_Session session, int error_class, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int result = vbmpi_raise(handler, session, error_class, function, format, arguments);
  va_end(arguments);
  return result;
}

static struct session *session_of(MPI_Session handle) {
  return VBMPI_KIND(handle) == VBMPI_KIND_SESSION ? vbmpi_table_get(&sessions, VBMPI_INDEX(handle)) : 0;
}

#define SESSION(name, handle, function)        \
  struct session *name = session_of(handle);   \
  if (name == 0) return vbmpi_fail(0, MPI_ERR_SESSION, function, "invalid session 0x%08x", (unsigned)(handle));

static void close_at_exit(void) {
  static int registered;
  if (!registered) registered = atexit(vbmpi_close_at_exit) == 0;
}

int PMPI_Session_init(MPI_Info info, MPI_Errhandler handler, MPI_Session *handle) {
  const char *function = "MPI_Session_init";
  (void)info;
  if (!vbmpi_errhandler_exists(handler)) return vbmpi_session_fail(MPI_ERRORS_ARE_FATAL, MPI_SESSION_NULL, MPI_ERR_ERRHANDLER, function, "invalid error handler");
  if (!vbmpi_session_begins(function))
    return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_OTHER, function, "MPI has ended: keep a session open over MPI_Finalize");
  struct session *session = malloc(sizeof *session);
  uint32_t index = session ? vbmpi_table_add(&sessions, session, 1) : 0;
  if (index == 0) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for a session");
  close_at_exit();
  vbmpi_errhandler_retain(handler);
  session->errhandler = handler;
  *handle = VBMPI_HANDLE(VBMPI_KIND_SESSION, index);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_init)

int PMPI_Session_finalize(MPI_Session *handle) {
  SESSION(session, *handle, "MPI_Session_finalize")
  vbmpi_table_remove(&sessions, VBMPI_INDEX(*handle));
  vbmpi_errhandler_release(session->errhandler);
  free(session);
  *handle = MPI_SESSION_NULL;
  vbmpi_session_ends();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_finalize)

int PMPI_Session_get_info(MPI_Session handle, MPI_Info *info) {
  SESSION(session, handle, "MPI_Session_get_info")
  (void)session;
  int result = PMPI_Info_create(info);
  return result ? result : PMPI_Info_set(*info, "thread_level", "MPI_THREAD_SERIALIZED");
}
VBMPI_ALIAS(Session_get_info)

int PMPI_Session_get_num_psets(MPI_Session handle, MPI_Info info, int *count) {
  SESSION(session, handle, "MPI_Session_get_num_psets")
  (void)session, (void)info;
  *count = PSETS;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_get_num_psets)

/* `length` is the room on the way in, the name's length with its end on the way out. */
int PMPI_Session_get_nth_pset(MPI_Session handle, MPI_Info info, int n, int *length, char *name) {
  SESSION(session, handle, "MPI_Session_get_nth_pset")
  (void)info;
  if (n < 0 || n >= PSETS) return vbmpi_session_fail(session->errhandler, handle, MPI_ERR_ARG, "MPI_Session_get_nth_pset", "there is no process set %d (there are %d)", n, PSETS);
  if (*length > 0) snprintf(name, (size_t)*length, "%s", psets[n]);
  *length = (int)strlen(psets[n]) + 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_get_nth_pset)

/* The set's place in the list, or an error on the session. */
static int find_pset(struct session *session, MPI_Session handle, const char *name, const char *function, int *n) {
  for (*n = 0; *n < PSETS; ++*n)
    if (name != 0 && strcmp(name, psets[*n]) == 0) return MPI_SUCCESS;
  return vbmpi_session_fail(session->errhandler, handle, MPI_ERR_ARG, function, "there is no process set %s (there are mpi://WORLD and mpi://SELF)", name ? name : "(null)");
}

int PMPI_Session_get_pset_info(MPI_Session handle, const char *name, MPI_Info *info) {
  SESSION(session, handle, "MPI_Session_get_pset_info")
  int n, result = find_pset(session, handle, name, "MPI_Session_get_pset_info", &n);
  if (result) return result;
  char size[16];
  snprintf(size, sizeof size, "%d", n == 0 ? vbmpi_device.world_size : 1);
  result = PMPI_Info_create(info);
  return result ? result : PMPI_Info_set(*info, "mpi_size", size);
}
VBMPI_ALIAS(Session_get_pset_info)

int PMPI_Group_from_session_pset(MPI_Session handle, const char *name, MPI_Group *group) {
  SESSION(session, handle, "MPI_Group_from_session_pset")
  int n, result = find_pset(session, handle, name, "MPI_Group_from_session_pset", &n);
  if (result) return result;
  struct vbmpi_group *made = n == 0 ? vbmpi_group_of_world() : vbmpi_group_new(1);
  if (n != 0) made->world[0] = vbmpi_device.rank;
  return vbmpi_group_publish(made, group);
}
VBMPI_ALIAS(Group_from_session_pset)

int PMPI_Session_set_errhandler(MPI_Session handle, MPI_Errhandler handler) {
  SESSION(session, handle, "MPI_Session_set_errhandler")
  if (!vbmpi_errhandler_exists(handler))
    return vbmpi_session_fail(session->errhandler, handle, MPI_ERR_ERRHANDLER, "MPI_Session_set_errhandler", "invalid error handler");
  vbmpi_errhandler_retain(handler);
  vbmpi_errhandler_release(session->errhandler);
  session->errhandler = handler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_set_errhandler)

int PMPI_Session_get_errhandler(MPI_Session handle, MPI_Errhandler *handler) {
  SESSION(session, handle, "MPI_Session_get_errhandler")
  vbmpi_errhandler_retain(session->errhandler);
  *handler = session->errhandler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_get_errhandler)

int PMPI_Session_call_errhandler(MPI_Session handle, int code) {
  SESSION(session, handle, "MPI_Session_call_errhandler")
  const char *text = vbmpi_error_text(code);
  vbmpi_session_fail(session->errhandler, handle, code, "MPI_Session_call_errhandler", "%s", text ? text : "unknown error code");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Session_call_errhandler)
