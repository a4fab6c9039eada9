/* Sending (MPI-3.1, sections 3.2, 3.4, 3.7 and 3.9). */
#include "check.h"
#include "coll/schedule.h"
#include "device/wait.h"
#include "short.h"

static int send_slowly(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int dest, int tag, enum vbmpi_send_mode mode,
                       const char *function) {
  struct vbmpi_layout layout;
  int result = vbmpi_check_send(comm, buf, count, type, dest, tag, function, &layout);
  if (result) return result;
  if (dest == MPI_PROC_NULL) return MPI_SUCCESS;
  struct vbmpi_request *request =
      vbmpi_make_request(VBMPI_REQUEST_SEND, comm, buf, (size_t)count, type, &layout, dest, tag, comm->context);
  request->mode = (uint8_t)mode;
  vbmpi_start(request);
  return vbmpi_finish_blocking(request, MPI_STATUS_IGNORE, function);
}

int PMPI_Send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Send")
  if (__builtin_expect(vbmpi_send_short_typed(c, buf, count, type, dest, tag), 1)) return MPI_SUCCESS;
  return send_slowly(c, buf, count, type, dest, tag, VBMPI_STANDARD, "MPI_Send");
}
VBMPI_ALIAS(Send)

static int send_with(const void *buf, MPI_Count count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, enum vbmpi_send_mode mode,
                     const char *function) {
  VBMPI_COMM(c, comm, function)
  if (mode != VBMPI_BUFFERED) return send_slowly(c, buf, count, type, dest, tag, mode, function);
  struct vbmpi_layout layout;
  int result = vbmpi_check_send(c, buf, count, type, dest, tag, function, &layout);
  if (result || dest == MPI_PROC_NULL) return result;
  return vbmpi_send_buffered(c, buf, (size_t)count, &layout, dest, tag, function);
}

/* A request that the user holds; communicator and datatype stay alive with it. */
static int make_user_send(const void *buf, MPI_Count count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, enum vbmpi_send_mode mode,
                          bool persistent, const char *function, MPI_Request *handle) {
  VBMPI_COMM(c, comm, function)
  if (handle == 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "the request argument is NULL");
  struct vbmpi_layout layout;
  int result = vbmpi_check_send(c, buf, count, type, dest, tag, function, &layout);
  if (result) return result;
  struct vbmpi_request *request = vbmpi_make_request(VBMPI_REQUEST_SEND, c, buf, (size_t)count, type, &layout, dest, tag, c->context);
  request->mode = (uint8_t)mode;
  request->on_user_list = true;
  request->persistent = persistent;
  request->holds_comm = true;
  request->plain = !persistent && mode != VBMPI_BUFFERED && vbmpi_basic_exists(type);
  vbmpi_comm_retain(c);
  vbmpi_type_retain(type);
  if (persistent) {
    request->active = false;
    request->complete = true;
  } else {
    result = vbmpi_start_user(request, function);
  }
  *handle = vbmpi_request_handle(request);
  return result;
}

/* A buffered request is complete as soon as its data lies in the attached buffer. */
int vbmpi_start_user(struct vbmpi_request *request, const char *function) {
  if (request->kind == VBMPI_REQUEST_SCHEDULE) {
    vbmpi_schedule_start(request);
    return MPI_SUCCESS;
  }
  if (request->partitions) {
    request->partitions->start(request);
    return MPI_SUCCESS;
  }
  if (request->kind != VBMPI_REQUEST_SEND || request->mode != VBMPI_BUFFERED || request->wanted_peer == MPI_PROC_NULL) {
    vbmpi_start(request);
    return MPI_SUCCESS;
  }
  request->active = true;
  request->complete = true;
  request->error = MPI_SUCCESS;
  return vbmpi_send_buffered(request->comm, request->buffer, request->count, &request->layout,
                             vbmpi_comm_rank_of_world(request->comm, request->wanted_peer), request->tag, function);
}

#define BLOCKING(name, C, mode) \
  int PMPI_##name(VB_ARGS_OUT(C)) { return send_with(buf, count, type, dest, tag, comm, mode, "MPI_" #name); } \
  VBMPI_ALIAS(name)
#define REQUEST(name, C, mode, persistent)                                                           \
  int PMPI_##name(VB_ARGS_OUT(C), MPI_Request *request) {                                            \
    return make_user_send(buf, count, type, dest, tag, comm, mode, persistent, "MPI_" #name, request); \
  }                                                                                                  \
  VBMPI_ALIAS(name)
#define REQUESTS(iname, init, C, mode) REQUEST(iname, C, mode, false) REQUEST(init, C, mode, true)

BLOCKING(Ssend, int, VBMPI_SYNCHRONOUS)
BLOCKING(Rsend, int, VBMPI_READY)
BLOCKING(Bsend, int, VBMPI_BUFFERED)
BLOCKING(Send_c, MPI_Count, VBMPI_STANDARD)
BLOCKING(Ssend_c, MPI_Count, VBMPI_SYNCHRONOUS)
BLOCKING(Rsend_c, MPI_Count, VBMPI_READY)
BLOCKING(Bsend_c, MPI_Count, VBMPI_BUFFERED)
int PMPI_Isend(VB_ARGS_OUT(int), MPI_Request *request) {
  VBMPI_COMM(c, comm, "MPI_Isend")
  /* A request that is checked has to say where it was made. */
  if (__builtin_expect(request != 0 && !vbmpi_checking && vbmpi_send_short_typed(c, buf, count, type, dest, tag), 1)) {
    *request = VBMPI_SENT;
    return MPI_SUCCESS;
  }
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_STANDARD, false, "MPI_Isend", request);
}
VBMPI_ALIAS(Isend)
REQUEST(Send_init, int, VBMPI_STANDARD, true)
REQUESTS(Ibsend, Bsend_init, int, VBMPI_BUFFERED)
REQUESTS(Issend, Ssend_init, int, VBMPI_SYNCHRONOUS)
REQUESTS(Irsend, Rsend_init, int, VBMPI_READY)
REQUESTS(Isend_c, Send_init_c, MPI_Count, VBMPI_STANDARD)
REQUESTS(Ibsend_c, Bsend_init_c, MPI_Count, VBMPI_BUFFERED)
REQUESTS(Issend_c, Ssend_init_c, MPI_Count, VBMPI_SYNCHRONOUS)
REQUESTS(Irsend_c, Rsend_init_c, MPI_Count, VBMPI_READY)
