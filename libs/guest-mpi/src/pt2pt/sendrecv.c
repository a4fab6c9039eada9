/* Sending and receiving at once (MPI-3.1, section 3.10; without blocking: MPI-4.0, section 3.10). */
#include "check.h"
#include "device/wait.h"

static int check_both(VB_ARGS_BOTH(MPI_Count), const char *function, struct vbmpi_layout *out, struct vbmpi_layout *in) {
  VBMPI_COMM(c, comm, function)
  int result = vbmpi_check_send(c, sendbuf, sendcount, sendtype, dest, sendtag, function, out);
  return result ? result : vbmpi_check_recv(c, recvbuf, recvcount, recvtype, source, recvtag, function, in);
}

static int exchange(struct vbmpi_request *recv, struct vbmpi_request *send, MPI_Status *status, const char *function) {
  vbmpi_start(recv);
  vbmpi_start(send);
  vbmpi_call = function;
  vbmpi_wait_request(send);
  vbmpi_request_free(send);
  return vbmpi_finish_blocking(recv, status, function);
}

static int sendrecv(VB_ARGS_BOTH(MPI_Count), MPI_Status *status, const char *function) {
  struct vbmpi_layout out, in;
  int result = check_both(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, function, &out, &in);
  if (result) return result;
  struct vbmpi_comm *c = vbmpi_comm_of(comm);
  struct vbmpi_request *recv = vbmpi_make_request(VBMPI_REQUEST_RECV, c, recvbuf, (size_t)recvcount, recvtype, &in, source, recvtag, c->context);
  struct vbmpi_request *send = vbmpi_make_request(VBMPI_REQUEST_SEND, c, sendbuf, (size_t)sendcount, sendtype, &out, dest, sendtag, c->context);
  return exchange(recv, send, status, function);
}

int PMPI_Sendrecv(VB_ARGS_Sendrecv(int, int)) {
  return sendrecv(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, status, "MPI_Sendrecv");
}
VBMPI_ALIAS(Sendrecv)
int PMPI_Sendrecv_c(VB_ARGS_Sendrecv(MPI_Count, MPI_Aint)) {
  return sendrecv(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, status, "MPI_Sendrecv_c");
}
VBMPI_ALIAS(Sendrecv_c)

static int sendrecv_replace(VB_ARGS_REPLACE(MPI_Count), MPI_Status *status, const char *function) {
  struct vbmpi_layout layout;
  int result = check_both(buf, count, type, dest, sendtag, buf, count, type, source, recvtag, comm, function, &layout, &layout);
  if (result) return result;
  struct vbmpi_comm *c = vbmpi_comm_of(comm);
  struct vbmpi_request *recv = vbmpi_make_request(VBMPI_REQUEST_RECV, c, buf, (size_t)count, type, &layout, source, recvtag, c->context);
  struct vbmpi_request *send = vbmpi_make_request(VBMPI_REQUEST_SEND, c, buf, (size_t)count, type, &layout, dest, sendtag, c->context);
  /* The outgoing data is copied first, so that what comes in can take its place at any time. */
  vbmpi_copy_send(send);
  return exchange(recv, send, status, function);
}

int PMPI_Sendrecv_replace(VB_ARGS_Sendrecv_replace(int, int)) {
  return sendrecv_replace(buf, count, type, dest, sendtag, source, recvtag, comm, status, "MPI_Sendrecv_replace");
}
VBMPI_ALIAS(Sendrecv_replace)
int PMPI_Sendrecv_replace_c(VB_ARGS_Sendrecv_replace(MPI_Count, MPI_Aint)) {
  return sendrecv_replace(buf, count, type, dest, sendtag, source, recvtag, comm, status, "MPI_Sendrecv_replace_c");
}
VBMPI_ALIAS(Sendrecv_replace_c)

/* The request of the user is the receive, and the send frees itself when it is done: but the user's buffer must stay untouched until then,
 * so the send copies its data unless that leaves at once. */
static int start_both(VB_ARGS_BOTH(MPI_Count), MPI_Request *request, const char *function) {
  struct vbmpi_layout out, in;
  int result = check_both(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, function, &out, &in);
  if (result) return result;
  struct vbmpi_comm *c = vbmpi_comm_of(comm);
  if (request == 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "the request argument is NULL");
  struct vbmpi_request *recv = vbmpi_make_request(VBMPI_REQUEST_RECV, c, recvbuf, (size_t)recvcount, recvtype, &in, source, recvtag, c->context);
  struct vbmpi_request *send = vbmpi_make_request(VBMPI_REQUEST_SEND, c, sendbuf, (size_t)sendcount, sendtype, &out, dest, sendtag, c->context);
  send->freed = true;
  recv->on_user_list = recv->holds_comm = send->holds_comm = true;
  vbmpi_comm_retain(c);
  vbmpi_comm_retain(c);
  vbmpi_type_retain(recvtype);
  vbmpi_type_retain(sendtype);
  *request = vbmpi_request_handle(recv);
  /* In place, an unexpected message would overwrite what is still to be sent. */
  vbmpi_copy_send(send);
  vbmpi_start(recv);
  vbmpi_start(send);
  return MPI_SUCCESS;
}

int PMPI_Isendrecv(VB_ARGS_Isendrecv(int, int)) {
  return start_both(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, request, "MPI_Isendrecv");
}
VBMPI_ALIAS(Isendrecv)
int PMPI_Isendrecv_c(VB_ARGS_Isendrecv(MPI_Count, MPI_Aint)) {
  return start_both(sendbuf, sendcount, sendtype, dest, sendtag, recvbuf, recvcount, recvtype, source, recvtag, comm, request, "MPI_Isendrecv_c");
}
VBMPI_ALIAS(Isendrecv_c)
int PMPI_Isendrecv_replace(VB_ARGS_Isendrecv_replace(int, int)) {
  return start_both(buf, count, type, dest, sendtag, buf, count, type, source, recvtag, comm, request, "MPI_Isendrecv_replace");
}
VBMPI_ALIAS(Isendrecv_replace)
int PMPI_Isendrecv_replace_c(VB_ARGS_Isendrecv_replace(MPI_Count, MPI_Aint)) {
  return start_both(buf, count, type, dest, sendtag, buf, count, type, source, recvtag, comm, request, "MPI_Isendrecv_replace_c");
}
VBMPI_ALIAS(Isendrecv_replace_c)
