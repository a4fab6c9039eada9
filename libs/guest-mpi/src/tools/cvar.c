/* Control variables (MPI-3.1, section 14.3.6). All are ints of the whole process; before MPI_Init they are 0 and cannot be set. */
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "device/device.h"
#include "env/error.h"
#include "tools.h"

static bool running(void) { return vbmpi_state == VBMPI_RUNNING; }

/* A longer eager message than the buffers of all ranks hold is never sent; each rank may send shorter ones. */
static int eager_most(void) { return (int)(vbmpi_device.buffer_bytes - sizeof(struct vbmpi_header)); }
static int eager_read(void) { return (int)vbmpi_device.eager_max; }
static int eager_write(int value) {
  if (!running() || vbmpi_device.size == 1) return MPI_T_ERR_CVAR_SET_NOT_NOW;
  if (value < 0 || value > eager_most()) return MPI_T_ERR_INVALID;
  vbmpi_device.eager_max = (size_t)value;
  return MPI_SUCCESS;
}

static int rdma_read(void) { return (int)vbmpi_device.write_max; }
static int rdma_write(int value) {
  if (!running()) return MPI_T_ERR_CVAR_SET_NOT_NOW;
  if (value < 4096 || value > 1 << 30) return MPI_T_ERR_INVALID;
  vbmpi_device.write_max = (size_t)value;
  return MPI_SUCCESS;
}

static int unexpected_read(void) { return (int)vbmpi_device.unexpected_max; }
static int unexpected_write(int value) {
  if (!running()) return MPI_T_ERR_CVAR_SET_NOT_NOW;
  if (value < 0) return MPI_T_ERR_INVALID;
  vbmpi_device.unexpected_max = (size_t)value;
  return MPI_SUCCESS;
}

static int buffers_read(void) { return (int)vbmpi_device.slots; }
static int spin_read(void) { return (int)vb_boot_info()->spin_ns; }
static int checks_read(void) { return vbmpi_checking; }

const struct vbmpi_cvar vbmpi_cvars[] = {
    {"eager_limit", "Longest message in bytes that is sent before its receive is known (VERBENA_EAGER_MAX)", VBMPI_CATEGORY_MESSAGES,
     MPI_T_VERBOSITY_TUNER_BASIC, MPI_T_SCOPE_LOCAL, eager_read, eager_write},
    {"rdma_limit", "Longest single RDMA write in bytes (VERBENA_RDMA_MAX)", VBMPI_CATEGORY_MESSAGES, MPI_T_VERBOSITY_TUNER_DETAIL,
     MPI_T_SCOPE_LOCAL, rdma_read, rdma_write},
    {"receive_buffers", "Receive buffers for each other rank", VBMPI_CATEGORY_QUEUES, MPI_T_VERBOSITY_TUNER_DETAIL, MPI_T_SCOPE_CONSTANT,
     buffers_read, 0},
    {"unexpected_limit", "Bytes of unexpected messages that are kept before senders are asked for headers only", VBMPI_CATEGORY_QUEUES,
     MPI_T_VERBOSITY_TUNER_DETAIL, MPI_T_SCOPE_LOCAL, unexpected_read, unexpected_write},
    {"spin_time", "Nanoseconds that a waiting call polls before it sleeps; the hypervisor sets it", VBMPI_CATEGORY_LOCALITY,
     MPI_T_VERBOSITY_TUNER_BASIC, MPI_T_SCOPE_READONLY, spin_read, 0},
    {"checks", "1 when the library looks for mistakes (VERBENA_CHECK)", VBMPI_CATEGORY_MESSAGES, MPI_T_VERBOSITY_USER_BASIC,
     MPI_T_SCOPE_READONLY, checks_read, 0},
};
const int vbmpi_cvar_count = sizeof vbmpi_cvars / sizeof vbmpi_cvars[0];

int PMPI_T_cvar_get_num(int *count) {
  VBMPI_TOOLS_CHECK
  *count = vbmpi_cvar_count;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_cvar_get_num)

int PMPI_T_cvar_get_info(int index, char *name, int *name_length, int *verbosity, MPI_Datatype *type, MPI_T_enum *values, char *text, int *text_length,
                         int *bind, int *scope) {
  VBMPI_TOOLS_CHECK
  if (index < 0 || index >= vbmpi_cvar_count) return MPI_T_ERR_INVALID_INDEX;
  const struct vbmpi_cvar *variable = &vbmpi_cvars[index];
  vbmpi_tools_text(variable->name, name, name_length);
  vbmpi_tools_text(variable->text, text, text_length);
  if (verbosity) *verbosity = variable->verbosity;
  if (type) *type = MPI_INT;
  if (values) *values = MPI_T_ENUM_NULL;
  if (bind) *bind = MPI_T_BIND_NO_OBJECT;
  if (scope) *scope = variable->scope;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_cvar_get_info)

int PMPI_T_cvar_get_index(const char *name, int *index) {
  VBMPI_TOOLS_CHECK
  if (name == 0 || index == 0) return MPI_T_ERR_INVALID;
  for (int i = 0; i < vbmpi_cvar_count; i++) {
    if (strcmp(vbmpi_cvars[i].name, name) != 0) continue;
    *index = i;
    return MPI_SUCCESS;
  }
  return MPI_T_ERR_INVALID_NAME;
}
VBMPI_ALIAS(T_cvar_get_index)

/* A handle is the address of the variable's row. */
static const struct vbmpi_cvar *variable_of(MPI_T_cvar_handle handle) {
  const struct vbmpi_cvar *variable = (const struct vbmpi_cvar *)handle;
  for (int i = 0; i < vbmpi_cvar_count; i++)
    if (variable == &vbmpi_cvars[i]) return variable;
  return 0;
}

int PMPI_T_cvar_handle_alloc(int index, void *object, MPI_T_cvar_handle *handle, int *count) {
  VBMPI_TOOLS_CHECK
  (void)object;
  if (index < 0 || index >= vbmpi_cvar_count) return MPI_T_ERR_INVALID_INDEX;
  *handle = (MPI_T_cvar_handle)(uintptr_t)&vbmpi_cvars[index];
  *count = 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_cvar_handle_alloc)

int PMPI_T_cvar_handle_free(MPI_T_cvar_handle *handle) {
  VBMPI_TOOLS_CHECK
  if (variable_of(*handle) == 0) return MPI_T_ERR_INVALID_HANDLE;
  *handle = MPI_T_CVAR_HANDLE_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_cvar_handle_free)

int PMPI_T_cvar_read(MPI_T_cvar_handle handle, void *buf) {
  VBMPI_TOOLS_CHECK
  const struct vbmpi_cvar *variable = variable_of(handle);
  if (variable == 0) return MPI_T_ERR_INVALID_HANDLE;
  *(int *)buf = variable->read();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(T_cvar_read)

int PMPI_T_cvar_write(MPI_T_cvar_handle handle, const void *buf) {
  VBMPI_TOOLS_CHECK
  const struct vbmpi_cvar *variable = variable_of(handle);
  if (variable == 0) return MPI_T_ERR_INVALID_HANDLE;
  return variable->write ? variable->write(*(const int *)buf) : MPI_T_ERR_CVAR_SET_NEVER;
}
VBMPI_ALIAS(T_cvar_write)
