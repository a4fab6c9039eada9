#include "complete.h"

struct vbmpi_request *vbmpi_request_checked(MPI_Request handle, const char *function, int *result) {
  *result = MPI_SUCCESS;
  if (handle == MPI_REQUEST_NULL) return 0;
  struct vbmpi_request *request = vbmpi_request_of(handle);
  if (__builtin_expect(request == 0, 0)) *result = vbmpi_fail(0, MPI_ERR_REQUEST, function, "invalid request 0x%08x", (unsigned)handle);
  return request;
}

int vbmpi_request_retire_slowly(struct vbmpi_request *request, MPI_Request *handle, MPI_Status *status) {
  vbmpi_request_status(request, status);
  int error = request->kind == VBMPI_REQUEST_GENERAL ? vbmpi_general_query(request, status) : request->error;
  if (request->persistent) {
    request->active = false;
    request->error = MPI_SUCCESS;
  } else {
    *handle = MPI_REQUEST_NULL;
    vbmpi_request_drop(request);
  }
  return error;
}

int vbmpi_request_finish(struct vbmpi_request *request, MPI_Request *handle, MPI_Status *status, const char *function) {
  if (__builtin_expect(request->kind == VBMPI_REQUEST_GENERAL, 0)) {
    int error = vbmpi_request_retire(request, handle, status);
    return error ? vbmpi_fail(0, error, function, "a function of a generalized request failed") : MPI_SUCCESS;
  }
  int result = vbmpi_request_error(request, function);
  vbmpi_request_retire(request, handle, status);
  return result;
}

int vbmpi_requests_check(int count, const MPI_Request requests[], const char *function) {
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, function, "negative count %d", count);
  if (count > 0 && requests == 0) return vbmpi_fail(0, MPI_ERR_REQUEST, function, "the array of requests is NULL");
  for (int i = 0; i < count; i++) {
    if (requests[i] == VBMPI_SENT || requests[i] == MPI_REQUEST_NULL || vbmpi_request_of(requests[i])) continue;
    return vbmpi_fail(0, MPI_ERR_REQUEST, function, "invalid request 0x%08x at index %d", (unsigned)requests[i], i);
  }
  return MPI_SUCCESS;
}
