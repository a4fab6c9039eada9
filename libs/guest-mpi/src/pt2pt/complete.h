/* What MPI_Wait*, MPI_Test* and MPI_Request_* have in common. */
#ifndef VBMPI_COMPLETE_H
#define VBMPI_COMPLETE_H

#include "check.h"
#include "device/wait.h"

/* The request of a handle; NULL with *result MPI_SUCCESS for MPI_REQUEST_NULL, NULL with an error raised for anything else. */
struct vbmpi_request *vbmpi_request_checked(MPI_Request handle, const char *function, int *result);

/* A request that cannot complete any more because nobody started it. */
static inline bool vbmpi_request_idle(const struct vbmpi_request *request) { return request == 0 || !request->active; }

/* Hands a completed request's end to the user: status, and the handle goes null or becomes inactive. Returns its error, not raised. */
int vbmpi_request_retire_slowly(struct vbmpi_request *request, MPI_Request *handle, MPI_Status *status);
static inline int vbmpi_request_retire(struct vbmpi_request *request, MPI_Request *handle, MPI_Status *status) {
  if (__builtin_expect(!request->plain, 0)) return vbmpi_request_retire_slowly(request, handle, status);
  vbmpi_request_status(request, status);
  *handle = MPI_REQUEST_NULL;
  vbmpi_comm_let_go(request->comm);
  vbmpi_request_free(request);
  return request->error;
}

/* The same, and raises the error. */
int vbmpi_request_finish(struct vbmpi_request *request, MPI_Request *handle, MPI_Status *status, const char *function);

/* Checks all handles of an array before anything is waited for. */
int vbmpi_requests_check(int count, const MPI_Request requests[], const char *function);

#endif
