#include "check.h"
#include "check/check.h"

#include "device/wait.h"

int vbmpi_check_buffer(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, const char *function, struct vbmpi_layout *layout) {
  if (count < 0) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "negative count %lld", count);
  if (vbmpi_basic_exists(type)) {
    *layout = vbmpi_basic_layout(type);
  } else if (vbmpi_layout_of(type, true, layout) != MPI_SUCCESS) {
    if (vbmpi_layout_of(type, false, layout) == MPI_SUCCESS)
      return vbmpi_fail(comm, MPI_ERR_TYPE, function, "the datatype is not committed: call MPI_Type_commit first");
    return vbmpi_fail(comm, MPI_ERR_TYPE, function, type == MPI_DATATYPE_NULL ? "the datatype is MPI_DATATYPE_NULL" : "invalid datatype");
  }
  if (buf == MPI_BOTTOM && count > 0 && layout->size > 0 && layout->object == 0)
    return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "the buffer is NULL, but %lld elements are to be moved", count);
  if (buf == MPI_IN_PLACE) return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "MPI_IN_PLACE is not allowed here");
  if (layout->size != 0 && count > (MPI_Count)((size_t)PTRDIFF_MAX / layout->size))
    return vbmpi_fail(comm, MPI_ERR_COUNT, function, "%lld elements of %zu bytes exceed the memory of a guest", count, layout->size);
  return MPI_SUCCESS;
}

int vbmpi_check_send(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int dest, int tag, const char *function,
                     struct vbmpi_layout *layout) {
  if ((dest < 0 || dest >= comm->size) && dest != MPI_PROC_NULL)
    return vbmpi_fail(comm, MPI_ERR_RANK, function, "invalid rank %d (communicator %s has %d)", dest, comm->name, comm->size);
  if (tag < 0) return vbmpi_fail(comm, MPI_ERR_TAG, function, "invalid tag %d (tags are 0 to MPI_TAG_UB)", tag);
  return vbmpi_check_buffer(comm, buf, count, type, function, layout);
}

int vbmpi_check_probe(struct vbmpi_comm *comm, int source, int tag, const char *function) {
  if ((source < 0 || source >= comm->size) && source != MPI_PROC_NULL && source != MPI_ANY_SOURCE)
    return vbmpi_fail(comm, MPI_ERR_RANK, function, "invalid rank %d (communicator %s has %d)", source, comm->name, comm->size);
  if (tag < 0 && tag != MPI_ANY_TAG) return vbmpi_fail(comm, MPI_ERR_TAG, function, "invalid tag %d (tags are 0 to MPI_TAG_UB)", tag);
  return MPI_SUCCESS;
}

int vbmpi_check_recv(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int source, int tag, const char *function,
                     struct vbmpi_layout *layout) {
  int result = vbmpi_check_probe(comm, source, tag, function);
  return result ? result : vbmpi_check_buffer(comm, buf, count, type, function, layout);
}

void vbmpi_start(struct vbmpi_request *request) {
  request->active = true;
  request->cancelled = false;
  request->error = MPI_SUCCESS;
  request->peer = request->wanted_peer;
  if (request->peer == MPI_PROC_NULL) {
    request->status_source = MPI_PROC_NULL;
    request->status_tag = MPI_ANY_TAG;
    request->status_bytes = 0;
    vbmpi_request_complete(request);
    return;
  }
  if (__builtin_expect(vbmpi_checking, 0)) vbmpi_check_overlap(request);
  if (request->kind == VBMPI_REQUEST_SEND) {
    vbmpi_start_send(request);
  } else {
    vbmpi_start_recv(request);
  }
}

void vbmpi_wait_request(struct vbmpi_request *request) {
  uint32_t spins = 0;
  while (!request->complete) vbmpi_wait_turn(&spins, vbmpi_describe_request, request);
}

int vbmpi_request_error(const struct vbmpi_request *request, const char *function) {
  if (__builtin_expect(request->error == MPI_SUCCESS, 1)) return MPI_SUCCESS;
  if (request->kind == VBMPI_REQUEST_GENERAL) return vbmpi_fail(0, request->error, function, "a function of a generalized request failed");
  if (request->kind == VBMPI_REQUEST_SCHEDULE)
    return vbmpi_fail(request->comm, request->error, function, "%s: a message of %zu bytes from rank %d instead of %zu: do all ranks pass the same counts, types and root?",
                      request->name, request->truncated, request->status_source, request->bytes);
  return vbmpi_fail(request->comm, request->error, function, "a message of %zu bytes from rank %d with tag %d does not fit the receive buffer of %zu bytes",
                    request->truncated, request->status_source, request->status_tag, request->bytes);
}

int vbmpi_finish_blocking(struct vbmpi_request *request, MPI_Status *status, const char *function) {
  vbmpi_call = function;
  vbmpi_wait_request(request);
  vbmpi_request_status(request, status);
  int result = vbmpi_request_error(request, function);
  vbmpi_request_free(request);
  return result;
}
