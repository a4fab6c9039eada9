/* Generalized requests (MPI-3.1, section 12.2): the user's own operations, completed by MPI_Grequest_complete. */
#include <stdlib.h>

#include "complete.h"

struct vbmpi_general {
  MPI_Grequest_query_function *query;
  MPI_Grequest_free_function *release;
  MPI_Grequest_cancel_function *cancel;
  void *extra;
};

int PMPI_Grequest_start(MPI_Grequest_query_function *query, MPI_Grequest_free_function *release, MPI_Grequest_cancel_function *cancel, void *extra,
                        MPI_Request *handle) {
  VBMPI_MAIN_CHECK("MPI_Grequest_start")
  struct vbmpi_general *general = malloc(sizeof *general);
  if (general == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Grequest_start", "no memory");
  *general = (struct vbmpi_general){query, release, cancel, extra};
  struct vbmpi_request *request = vbmpi_request_new(VBMPI_REQUEST_GENERAL);
  request->comm = vbmpi_comm_of(MPI_COMM_WORLD);
  request->general = general;
  request->name = "a generalized request";
  request->on_user_list = true;
  *handle = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Grequest_start)

int PMPI_Grequest_complete(MPI_Request handle) {
  VBMPI_MAIN_CHECK("MPI_Grequest_complete")
  /* The user may have freed the handle: the operation still ends here. */
  struct vbmpi_request *request = VBMPI_KIND(handle) == VBMPI_KIND_REQUEST ? vbmpi_request_at(VBMPI_INDEX(handle)) : 0;
  if (request == 0 || request->kind != VBMPI_REQUEST_GENERAL || request->complete)
    return vbmpi_fail(0, MPI_ERR_REQUEST, "MPI_Grequest_complete", "not a generalized request under way");
  vbmpi_request_complete(request);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Grequest_complete)

int vbmpi_general_query(const struct vbmpi_request *request, MPI_Status *status) {
  MPI_Status unused;
  if (status == MPI_STATUS_IGNORE) status = &unused;
  vbmpi_status_empty(status);
  return request->general->query ? request->general->query(request->general->extra, status) : MPI_SUCCESS;
}

int vbmpi_general_cancel(struct vbmpi_request *request) {
  struct vbmpi_general *general = request->general;
  return general->cancel ? general->cancel(general->extra, request->complete) : MPI_SUCCESS;
}

void vbmpi_general_free(struct vbmpi_general *general) {
  if (general->release) general->release(general->extra);
  free(general);
}
