/* Receiving (MPI-3.1, sections 3.2, 3.7 and 3.9). */
#include "check.h"
#include "device/wait.h"

/* Arguments that are beyond doubt. */
static inline bool is_plain(const struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int source, int tag) {
  return (unsigned)source < (unsigned)comm->size && vbmpi_basic_exists(type) && (uint64_t)count <= INT32_MAX / 32 && tag >= 0 && buf != 0 &&
         buf != MPI_IN_PLACE;
}

static inline int receive(void *buf, MPI_Count count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status *status, const char *function) {
  VBMPI_COMM(c, comm, function)
  struct vbmpi_layout layout;
  if (__builtin_expect(is_plain(c, buf, count, type, source, tag), 1)) {
    layout = vbmpi_basic_layout(type);
  } else {
    int result = vbmpi_check_recv(c, buf, count, type, source, tag, function, &layout);
    if (result) return result;
  }
  struct vbmpi_request *request = vbmpi_make_request(VBMPI_REQUEST_RECV, c, buf, (size_t)count, type, &layout, source, tag, c->context);
  vbmpi_start(request);
  return vbmpi_finish_blocking(request, status, function);
}

int PMPI_Recv(VB_ARGS_Recv(int, int)) { return receive(buf, count, type, source, tag, comm, status, "MPI_Recv"); }
VBMPI_ALIAS(Recv)
int PMPI_Recv_c(VB_ARGS_Recv(MPI_Count, MPI_Aint)) { return receive(buf, count, type, source, tag, comm, status, "MPI_Recv_c"); }
VBMPI_ALIAS(Recv_c)

static inline int make_user_recv(void *buf, MPI_Count count, MPI_Datatype type, int source, int tag, MPI_Comm comm, bool persistent, const char *function,
                          MPI_Request *handle) {
  VBMPI_COMM(c, comm, function)
  if (handle == 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "the request argument is NULL");
  struct vbmpi_layout layout;
  if (__builtin_expect(is_plain(c, buf, count, type, source, tag), 1)) {
    layout = vbmpi_basic_layout(type);
  } else {
    int result = vbmpi_check_recv(c, buf, count, type, source, tag, function, &layout);
    if (result) return result;
  }
  struct vbmpi_request *request = vbmpi_make_request(VBMPI_REQUEST_RECV, c, buf, (size_t)count, type, &layout, source, tag, c->context);
  request->on_user_list = true;
  request->persistent = persistent;
  request->holds_comm = true;
  request->plain = !persistent && vbmpi_basic_exists(type);
  vbmpi_comm_retain(c);
  if (!vbmpi_basic_exists(type)) vbmpi_type_retain(type);
  if (persistent) {
    request->active = false;
    request->complete = true;
  } else {
    vbmpi_start(request);
  }
  *handle = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}

#define REQUEST(name, C, persistent)                                                                  \
  int PMPI_##name(VB_ARGS_Irecv(C, C)) { return make_user_recv(buf, count, type, source, tag, comm, persistent, "MPI_" #name, request); } \
  VBMPI_ALIAS(name)
REQUEST(Irecv, int, false)
REQUEST(Irecv_c, MPI_Count, false)
REQUEST(Recv_init, int, true)
REQUEST(Recv_init_c, MPI_Count, true)
