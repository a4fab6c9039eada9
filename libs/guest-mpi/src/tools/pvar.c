/*
 * Performance variables (MPI-3.1, section 14.3.7). All are unsigned long longs of the whole process that run from MPI_Init on and are never
 * reset, so sessions only keep handles apart.
 */
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "handle.h"
#include "pt2pt/match.h"
#include "tools.h"

#define OF_PAGE(field) \
  static unsigned long long field##_read(void) { return vbmpi_page()->field; }
OF_PAGE(messages_sent)
OF_PAGE(bytes_sent)
OF_PAGE(messages_received)
OF_PAGE(bytes_received)
OF_PAGE(registrations)
OF_PAGE(registration_cache_hits)

static unsigned long long cached_read(void) { return vbmpi_registered(); }
static unsigned long long unexpected_messages_read(void) { return vbmpi_unexpected; }
static unsigned long long unexpected_bytes_read(void) { return vbmpi_device.unexpected_bytes; }
static unsigned long long waiting_read(void) { return vbmpi_device.pending_peers; }
static unsigned long long channels_read(void) { return (unsigned long long)vbmpi_device.channels; }

#define COUNTER MPI_T_PVAR_CLASS_COUNTER
#define LEVEL MPI_T_PVAR_CLASS_LEVEL
#define USER MPI_T_VERBOSITY_USER_BASIC
#define TUNER MPI_T_VERBOSITY_TUNER_BASIC
const struct vbmpi_pvar vbmpi_pvars[] = {
    {"messages_sent", "Messages sent, those of collectives and windows included", VBMPI_CATEGORY_MESSAGES, USER, COUNTER, messages_sent_read},
    {"bytes_sent", "Bytes of data in them", VBMPI_CATEGORY_MESSAGES, USER, COUNTER, bytes_sent_read},
    {"messages_received", "Messages received", VBMPI_CATEGORY_MESSAGES, USER, COUNTER, messages_received_read},
    {"bytes_received", "Bytes of data in them", VBMPI_CATEGORY_MESSAGES, USER, COUNTER, bytes_received_read},
    {"unexpected_messages", "Messages that have arrived and wait for a receive", VBMPI_CATEGORY_QUEUES, USER, LEVEL, unexpected_messages_read},
    {"unexpected_bytes", "Bytes that are kept of them", VBMPI_CATEGORY_QUEUES, USER, LEVEL, unexpected_bytes_read},
    {"waiting_peers", "Ranks for which messages wait until they have room", VBMPI_CATEGORY_QUEUES, TUNER, LEVEL, waiting_read},
    {"registrations", "Memory regions registered with the adapter", VBMPI_CATEGORY_REGISTRATION, TUNER, COUNTER, registrations_read},
    {"registration_cache_hits", "Transfers whose buffer was registered already", VBMPI_CATEGORY_REGISTRATION, TUNER, COUNTER,
     registration_cache_hits_read},
    {"registrations_cached", "Regions of buffers that are registered now", VBMPI_CATEGORY_REGISTRATION, TUNER, LEVEL, cached_read},
    {"channels", "Ranks that are reached through shared memory", VBMPI_CATEGORY_LOCALITY, USER, LEVEL, channels_read},
};
const int vbmpi_pvar_count = sizeof vbmpi_pvars / sizeof vbmpi_pvars[0];

int PMPI_T_pvar_get_num(int *count) {
  VBMPI_TOOLS_CHECK
  *count = vbmpi_pvar_count;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_get_num)

int PMPI_T_pvar_get_info(int index, char *name, int *name_length, int *verbosity, int *variable_class, MPI_Datatype *type, MPI_T_enum *values, char *text,
                         int *text_length, int *bind, int *readonly, int *continuous, int *atomic) {
  VBMPI_TOOLS_CHECK
  if (index < 0 || index >= vbmpi_pvar_count) return MPI_T_ERR_INVALID_INDEX;
  const struct vbmpi_pvar *variable = &vbmpi_pvars[index];
  vbmpi_tools_text(variable->name, name, name_length);
  vbmpi_tools_text(variable->text, text, text_length);
  if (verbosity) *verbosity = variable->verbosity;
  if (variable_class) *variable_class = variable->variable_class;
  if (type) *type = MPI_UNSIGNED_LONG_LONG;
  if (values) *values = MPI_T_ENUM_NULL;
  if (bind) *bind = MPI_T_BIND_NO_OBJECT;
  if (readonly) *readonly = 1;
  if (continuous) *continuous = 1;
  if (atomic) *atomic = 0;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_get_info)

int PMPI_T_pvar_get_index(const char *name, int variable_class, int *index) {
  VBMPI_TOOLS_CHECK
  if (name == 0 || index == 0) return MPI_T_ERR_INVALID;
  for (int i = 0; i < vbmpi_pvar_count; i++) {
    if (strcmp(vbmpi_pvars[i].name, name) != 0 || vbmpi_pvars[i].variable_class != variable_class) continue;
    *index = i;
    return MPI_SUCCESS;
  }
  return MPI_T_ERR_INVALID_NAME;
}
VBMPI_ALIAS(T_pvar_get_index)

/* --- sessions and handles --- */

struct vb_t_pvar {
  struct vb_t_pvar *next;
  const struct vbmpi_pvar *variable;
};
struct vb_t_session {
  struct vb_t_session *next;
  struct vb_t_pvar *handles;
};
static struct vb_t_session *sessions;

static struct vb_t_session **find_session(MPI_T_pvar_session session) {
  struct vb_t_session **link = &sessions;
  while (*link && *link != session) link = &(*link)->next;
  return link;
}

static struct vb_t_pvar **find_handle(struct vb_t_session *session, MPI_T_pvar_handle handle) {
  struct vb_t_pvar **link = &session->handles;
  while (*link && *link != handle) link = &(*link)->next;
  return link;
}

int PMPI_T_pvar_session_create(MPI_T_pvar_session *session) {
  VBMPI_TOOLS_CHECK
  struct vb_t_session *made = calloc(1, sizeof *made);
  if (made == 0) return MPI_T_ERR_OUT_OF_SESSIONS;
  made->next = sessions;
  sessions = *session = made;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_session_create)

int PMPI_T_pvar_session_free(MPI_T_pvar_session *session) {
  VBMPI_TOOLS_CHECK
  struct vb_t_session **link = find_session(*session), *old = *link;
  if (old == 0) return MPI_T_ERR_INVALID_SESSION;
  for (struct vb_t_pvar *handle = old->handles, *next; handle; handle = next) {
    next = handle->next;
    free(handle);
  }
  *link = old->next;
  free(old);
  *session = MPI_T_PVAR_SESSION_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_session_free)

int PMPI_T_pvar_handle_alloc(MPI_T_pvar_session session, int index, void *object, MPI_T_pvar_handle *handle, int *count) {
  VBMPI_TOOLS_CHECK
  (void)object;
  struct vb_t_session *owner = *find_session(session);
  if (owner == 0) return MPI_T_ERR_INVALID_SESSION;
  if (index < 0 || index >= vbmpi_pvar_count) return MPI_T_ERR_INVALID_INDEX;
  struct vb_t_pvar *made = malloc(sizeof *made);
  if (made == 0) return MPI_T_ERR_OUT_OF_HANDLES;
  *made = (struct vb_t_pvar){owner->handles, &vbmpi_pvars[index]};
  owner->handles = *handle = made;
  *count = 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_handle_alloc)

int PMPI_T_pvar_handle_free(MPI_T_pvar_session session, MPI_T_pvar_handle *handle) {
  VBMPI_TOOLS_CHECK
  struct vb_t_session *owner = *find_session(session);
  if (owner == 0) return MPI_T_ERR_INVALID_SESSION;
  struct vb_t_pvar **link = find_handle(owner, *handle), *old = *link;
  if (old == 0) return MPI_T_ERR_INVALID_HANDLE;
  *link = old->next;
  free(old);
  *handle = MPI_T_PVAR_HANDLE_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_handle_free)

/* What cannot be done with a single variable is left out with all of them. */
static int refused(MPI_T_pvar_session session, MPI_T_pvar_handle handle, int code) {
  VBMPI_TOOLS_CHECK
  struct vb_t_session *owner = *find_session(session);
  if (owner == 0) return MPI_T_ERR_INVALID_SESSION;
  if (handle == MPI_T_PVAR_ALL_HANDLES) return MPI_SUCCESS;
  return *find_handle(owner, handle) == 0 ? MPI_T_ERR_INVALID_HANDLE : code;
}

int PMPI_T_pvar_start(MPI_T_pvar_session session, MPI_T_pvar_handle handle) { return refused(session, handle, MPI_T_ERR_PVAR_NO_STARTSTOP); }
VBMPI_ALIAS(T_pvar_start)
int PMPI_T_pvar_stop(MPI_T_pvar_session session, MPI_T_pvar_handle handle) { return refused(session, handle, MPI_T_ERR_PVAR_NO_STARTSTOP); }
VBMPI_ALIAS(T_pvar_stop)
int PMPI_T_pvar_reset(MPI_T_pvar_session session, MPI_T_pvar_handle handle) { return refused(session, handle, MPI_T_ERR_PVAR_NO_WRITE); }
VBMPI_ALIAS(T_pvar_reset)

int PMPI_T_pvar_write(MPI_T_pvar_session session, MPI_T_pvar_handle handle, const void *buf) {
  (void)buf;
  return handle == MPI_T_PVAR_ALL_HANDLES ? MPI_T_ERR_INVALID_HANDLE : refused(session, handle, MPI_T_ERR_PVAR_NO_WRITE);
}
VBMPI_ALIAS(T_pvar_write)

int PMPI_T_pvar_readreset(MPI_T_pvar_session session, MPI_T_pvar_handle handle, void *buf) {
  (void)buf;
  return handle == MPI_T_PVAR_ALL_HANDLES ? MPI_T_ERR_INVALID_HANDLE : refused(session, handle, MPI_T_ERR_PVAR_NO_ATOMIC);
}
VBMPI_ALIAS(T_pvar_readreset)

int PMPI_T_pvar_read(MPI_T_pvar_session session, MPI_T_pvar_handle handle, void *buf) {
  VBMPI_TOOLS_CHECK
  struct vb_t_session *owner = *find_session(session);
  if (owner == 0) return MPI_T_ERR_INVALID_SESSION;
  struct vb_t_pvar *found = *find_handle(owner, handle);
  if (found == 0) return MPI_T_ERR_INVALID_HANDLE;
  *(unsigned long long *)buf = found->variable->read();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_pvar_read)
