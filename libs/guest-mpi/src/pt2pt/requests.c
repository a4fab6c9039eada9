/* Freeing, inspecting and cancelling requests (MPI-3.1, sections 3.7.3, 3.7.6 and 3.8.4). */
#include <string.h>

#include "complete.h"

_Static_assert(sizeof(MPI_Status) == MPI_F_STATUS_SIZE * sizeof(MPI_Fint), "a status in Fortran has the size of one in C");

int PMPI_Request_free(MPI_Request *handle) {
  VBMPI_MAIN_CHECK("MPI_Request_free")
  struct vbmpi_request *request = vbmpi_request_of(*handle);
  if (request == 0) return vbmpi_fail(0, MPI_ERR_REQUEST, "MPI_Request_free", "invalid request 0x%08x", (unsigned)*handle);
  *handle = MPI_REQUEST_NULL;
  if (request->index == VBMPI_SENT_INDEX) return MPI_SUCCESS;
  request->on_user_list = false;
  if (request->complete) {
    vbmpi_request_drop(request);
  } else {
    request->freed = true;
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Request_free)

int PMPI_Request_get_status(MPI_Request handle, int *flag, MPI_Status *status) {
  VBMPI_MAIN_CHECK("MPI_Request_get_status")
  int result;
  struct vbmpi_request *request = vbmpi_request_checked(handle, "MPI_Request_get_status", &result);
  if (result) return result;
  *flag = 1;
  if (vbmpi_request_idle(request)) {
    vbmpi_status_empty(status);
    return MPI_SUCCESS;
  }
  if (!request->complete) vbmpi_progress();
  *flag = request->complete;
  if (request->complete) {
    vbmpi_request_status(request, status);
    if (request->kind == VBMPI_REQUEST_GENERAL) return vbmpi_general_query(request, status);
  } else {
    vbmpi_tested_in_vain();
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Request_get_status)

/* A receive that no message has matched is cancelled; everything else runs to its normal end, which the standard allows. */
int PMPI_Cancel(MPI_Request *handle) {
  VBMPI_MAIN_CHECK("MPI_Cancel")
  struct vbmpi_request *request = vbmpi_request_of(*handle);
  if (request == 0) return vbmpi_fail(0, MPI_ERR_REQUEST, "MPI_Cancel", "invalid request 0x%08x", (unsigned)*handle);
  if (request->kind == VBMPI_REQUEST_GENERAL) return vbmpi_general_cancel(request);
  if (request->kind == VBMPI_REQUEST_SCHEDULE)
    return vbmpi_fail(request->comm, MPI_ERR_REQUEST, "MPI_Cancel", "%s cannot be cancelled", request->name);
  if (!request->active || request->complete || request->kind != VBMPI_REQUEST_RECV || !request->posted) return MPI_SUCCESS;
  vbmpi_unpost_receive(request);
  request->cancelled = true;
  request->status_source = MPI_ANY_SOURCE;
  request->status_tag = MPI_ANY_TAG;
  request->status_bytes = 0;
  vbmpi_request_complete(request);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cancel)

int PMPI_Test_cancelled(const MPI_Status *status, int *flag) {
  *flag = status->vb_cancelled;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Test_cancelled)

/* Two halves of the byte count lie where Fortran has its rest. */
int PMPI_Status_c2f(const MPI_Status *c, MPI_Fint *f) {
  if (f == MPI_F_STATUS_IGNORE || c == MPI_STATUS_IGNORE) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Status_c2f", "a status to be ignored has no value");
  memcpy(f, c, sizeof *c);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_c2f)

int PMPI_Status_f2c(const MPI_Fint *f, MPI_Status *c) {
  if (f == MPI_F_STATUS_IGNORE || c == MPI_STATUS_IGNORE) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Status_f2c", "a status to be ignored has no value");
  memcpy(c, f, sizeof *c);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_f2c)

int PMPI_Status_c2f08(const MPI_Status *c, MPI_F08_status *f) { return PMPI_Status_c2f(c, (MPI_Fint *)f); }
VBMPI_ALIAS(Status_c2f08)
int PMPI_Status_f082c(const MPI_F08_status *f, MPI_Status *c) { return PMPI_Status_f2c((const MPI_Fint *)f, c); }
VBMPI_ALIAS(Status_f082c)
int PMPI_Status_f2f08(const MPI_Fint *f, MPI_F08_status *f08) {
  memcpy(f08, f, sizeof *f08);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_f2f08)
int PMPI_Status_f082f(const MPI_F08_status *f08, MPI_Fint *f) {
  memcpy(f, f08, sizeof *f08);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_f082f)

int PMPI_Status_set_cancelled(MPI_Status *status, int flag) {
  status->vb_cancelled = flag;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Status_set_cancelled)
