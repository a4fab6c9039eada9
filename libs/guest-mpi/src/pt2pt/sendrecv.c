/* Sending and receiving at once (MPI-3.1, section 3.10). */
#include <stdlib.h>

#include "check.h"
#include "device/wait.h"

static int exchange(struct vbmpi_request *recv, struct vbmpi_request *send, MPI_Status *status, const char *function) {
  vbmpi_start(recv);
  vbmpi_start(send);
  vbmpi_call = function;
  vbmpi_wait_request(send);
  vbmpi_request_free(send);
  return vbmpi_finish_blocking(recv, status, function);
}

int PMPI_Sendrecv(const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest, int sendtag, void *recvbuf, int recvcount,
                  MPI_Datatype recvtype, int source, int recvtag, MPI_Comm comm, MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Sendrecv")
  struct vbmpi_layout out, in;
  int result = vbmpi_check_send(c, sendbuf, sendcount, sendtype, dest, sendtag, "MPI_Sendrecv", &out);
  if (result == MPI_SUCCESS) result = vbmpi_check_recv(c, recvbuf, recvcount, recvtype, source, recvtag, "MPI_Sendrecv", &in);
  if (result) return result;
  struct vbmpi_request *recv = vbmpi_make_request(VBMPI_REQUEST_RECV, c, recvbuf, (size_t)recvcount, recvtype, &in, source, recvtag, c->context);
  struct vbmpi_request *send = vbmpi_make_request(VBMPI_REQUEST_SEND, c, sendbuf, (size_t)sendcount, sendtype, &out, dest, sendtag, c->context);
  return exchange(recv, send, status, "MPI_Sendrecv");
}
VBMPI_ALIAS(Sendrecv)

int PMPI_Sendrecv_replace(void *buf, int count, MPI_Datatype type, int dest, int sendtag, int source, int recvtag, MPI_Comm comm,
                          MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Sendrecv_replace")
  struct vbmpi_layout layout;
  int result = vbmpi_check_send(c, buf, count, type, dest, sendtag, "MPI_Sendrecv_replace", &layout);
  if (result == MPI_SUCCESS) result = vbmpi_check_recv(c, buf, count, type, source, recvtag, "MPI_Sendrecv_replace", &layout);
  if (result) return result;
  /* The outgoing data is copied first, so that what comes in can take its place at any time. */
  size_t bytes = (size_t)count * layout.size;
  void *copy = malloc(bytes ? bytes : 1);
  if (copy == 0) return vbmpi_fail(c, MPI_ERR_NO_MEM, "MPI_Sendrecv_replace", "no memory for a copy of %zu bytes", bytes);
  vbmpi_pack(copy, buf, (size_t)count, &layout);
  struct vbmpi_layout packed = vbmpi_basic_layout(MPI_BYTE);
  struct vbmpi_request *recv = vbmpi_make_request(VBMPI_REQUEST_RECV, c, buf, (size_t)count, type, &layout, source, recvtag, c->context);
  struct vbmpi_request *send = vbmpi_make_request(VBMPI_REQUEST_SEND, c, copy, bytes, MPI_BYTE, &packed, dest, sendtag, c->context);
  result = exchange(recv, send, status, "MPI_Sendrecv_replace");
  free(copy);
  return result;
}
VBMPI_ALIAS(Sendrecv_replace)
