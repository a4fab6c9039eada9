/* Sending (MPI-3.1, sections 3.2, 3.4, 3.7 and 3.9). */
#include "check.h"
#include "device/wait.h"

static int send_slowly(struct vbmpi_comm *comm, const void *buf, int count, MPI_Datatype type, int dest, int tag, enum vbmpi_send_mode mode,
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
  /* Short messages of basic types to another process: one work request, no request object. */
  if (__builtin_expect((unsigned)dest < (unsigned)c->size && vbmpi_basic_exists(type) && tag >= 0, 1)) {
    size_t size = vbmpi_basic_size(type), bytes = (size_t)(unsigned)count * size;
    int world = c->group->world[dest];
    struct vbmpi_peer *peer = &vbmpi_device.peers[world];
    if ((unsigned)count <= VBMPI_INLINE_PAYLOAD && bytes <= VBMPI_INLINE_PAYLOAD && (buf != 0 || bytes == 0) && world != vbmpi_device.rank &&
        vbmpi_can_post(peer)) {
      struct vbmpi_header header = {.kind = VBMPI_EAGER, .context = (uint16_t)c->context, .tag = tag, .length = (uint32_t)bytes};
      vbmpi_post_inline(peer, &header, buf, bytes);
      volatile struct vb_status_page *page = vbmpi_page();
      page->activity++;
      page->messages_sent++;
      page->bytes_sent += bytes;
      return MPI_SUCCESS;
    }
  }
  return send_slowly(c, buf, count, type, dest, tag, VBMPI_STANDARD, "MPI_Send");
}
VBMPI_ALIAS(Send)

int PMPI_Ssend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Ssend")
  return send_slowly(c, buf, count, type, dest, tag, VBMPI_SYNCHRONOUS, "MPI_Ssend");
}
VBMPI_ALIAS(Ssend)

int PMPI_Rsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Rsend")
  return send_slowly(c, buf, count, type, dest, tag, VBMPI_READY, "MPI_Rsend");
}
VBMPI_ALIAS(Rsend)

int PMPI_Bsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm) {
  VBMPI_COMM(c, comm, "MPI_Bsend")
  struct vbmpi_layout layout;
  int result = vbmpi_check_send(c, buf, count, type, dest, tag, "MPI_Bsend", &layout);
  if (result || dest == MPI_PROC_NULL) return result;
  return vbmpi_send_buffered(c, buf, (size_t)count, &layout, dest, tag, "MPI_Bsend");
}
VBMPI_ALIAS(Bsend)

/* A request that the user holds; communicator and datatype stay alive with it. */
static int make_user_send(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, enum vbmpi_send_mode mode,
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

int PMPI_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_STANDARD, false, "MPI_Isend", request);
}
VBMPI_ALIAS(Isend)

int PMPI_Ibsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_BUFFERED, false, "MPI_Ibsend", request);
}
VBMPI_ALIAS(Ibsend)

int PMPI_Issend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_SYNCHRONOUS, false, "MPI_Issend", request);
}
VBMPI_ALIAS(Issend)

int PMPI_Irsend(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_READY, false, "MPI_Irsend", request);
}
VBMPI_ALIAS(Irsend)

int PMPI_Send_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_STANDARD, true, "MPI_Send_init", request);
}
VBMPI_ALIAS(Send_init)

int PMPI_Bsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_BUFFERED, true, "MPI_Bsend_init", request);
}
VBMPI_ALIAS(Bsend_init)

int PMPI_Ssend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_SYNCHRONOUS, true, "MPI_Ssend_init", request);
}
VBMPI_ALIAS(Ssend_init)

int PMPI_Rsend_init(const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request) {
  return make_user_send(buf, count, type, dest, tag, comm, VBMPI_READY, true, "MPI_Rsend_init", request);
}
VBMPI_ALIAS(Rsend_init)
