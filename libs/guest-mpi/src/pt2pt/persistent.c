/* Starting persistent requests (MPI-3.1, section 3.9). */
#include "check.h"

static int start_one(MPI_Request *handle, const char *function) {
  struct vbmpi_request *request = handle ? vbmpi_request_of(*handle) : 0;
  if (request == 0 || !request->persistent) return vbmpi_fail(0, MPI_ERR_REQUEST, function, "not a persistent request");
  if (request->active) return vbmpi_fail(request->comm, MPI_ERR_REQUEST, function, "the request is active already: wait for it first");
  return vbmpi_start_user(request, function);
}

int PMPI_Start(MPI_Request *request) {
  VBMPI_MAIN_CHECK("MPI_Start")
  return start_one(request, "MPI_Start");
}
VBMPI_ALIAS(Start)

int PMPI_Startall(int count, MPI_Request requests[]) {
  VBMPI_MAIN_CHECK("MPI_Startall")
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, "MPI_Startall", "negative count %d", count);
  for (int i = 0; i < count; i++) {
    int result = start_one(&requests[i], "MPI_Startall");
    if (result) return result;
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Startall)
