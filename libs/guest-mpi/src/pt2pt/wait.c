/* Waiting for requests (MPI-3.1, sections 3.7.3 and 3.7.5). */
#include "complete.h"

int PMPI_Wait(MPI_Request *handle, MPI_Status *status) {
  VBMPI_MAIN_CHECK("MPI_Wait")
  int result;
  struct vbmpi_request *request = vbmpi_request_checked(*handle, "MPI_Wait", &result);
  if (result) return result;
  if (vbmpi_request_idle(request)) {
    vbmpi_status_empty(status);
    return MPI_SUCCESS;
  }
  vbmpi_call = "MPI_Wait";
  vbmpi_wait_request(request);
  return vbmpi_request_finish(request, handle, status, "MPI_Wait");
}
VBMPI_ALIAS(Wait)

/* Retires requests of a list, in turn, into statuses; what MPI_Waitall and MPI_Testall say when one of them failed. */
struct retirement {
  struct vbmpi_comm *failed;
  int error;
};

static inline void retire_one(struct retirement *all, MPI_Request *handle, MPI_Status *status) {
  if (*handle == VBMPI_SENT && status == MPI_STATUS_IGNORE) {
    *handle = MPI_REQUEST_NULL;
    return;
  }
  struct vbmpi_request *request = vbmpi_request_of(*handle);
  if (vbmpi_request_idle(request)) {
    vbmpi_status_empty(status);
    return;
  }
  struct vbmpi_comm *comm = request->comm;
  int result = vbmpi_request_retire(request, handle, status);
  if (status) status->MPI_ERROR = result;
  if (__builtin_expect(result != MPI_SUCCESS, 0)) *all = (struct retirement){comm, result};
}

static int verdict(const struct retirement *all, const char *function) {
  if (__builtin_expect(all->error == MPI_SUCCESS, 1)) return MPI_SUCCESS;
  return vbmpi_fail(all->failed, MPI_ERR_IN_STATUS, function, "%s", vbmpi_error_text(all->error));
}

int PMPI_Waitall(int count, MPI_Request requests[], MPI_Status statuses[]) {
  VBMPI_MAIN_CHECK("MPI_Waitall")
  int result = vbmpi_requests_check(count, requests, "MPI_Waitall");
  if (result) return result;
  struct vbmpi_wait_list list = {.count = count, .requests = requests};
  vbmpi_call = "MPI_Waitall";
  struct retirement all = {0, MPI_SUCCESS};
  for (int i = 0; i < count; i++) {
    if (requests[i] != VBMPI_SENT) {
      struct vbmpi_request *request = vbmpi_request_of(requests[i]);
      uint32_t spins = 0;
      while (!vbmpi_request_idle(request) && !request->complete) vbmpi_wait_turn(&spins, vbmpi_describe_waitall, &list);
    }
    retire_one(&all, &requests[i], statuses ? &statuses[i] : MPI_STATUS_IGNORE);
  }
  return verdict(&all, "MPI_Waitall");
}
VBMPI_ALIAS(Waitall)

int PMPI_Testall(int count, MPI_Request requests[], int *flag, MPI_Status statuses[]) {
  VBMPI_MAIN_CHECK("MPI_Testall")
  int result = vbmpi_requests_check(count, requests, "MPI_Testall");
  if (result) return result;
  vbmpi_progress();
  *flag = 0;
  for (int i = 0; i < count; i++) {
    struct vbmpi_request *request = vbmpi_request_of(requests[i]);
    if (vbmpi_request_idle(request) || request->complete) continue;
    vbmpi_tested_in_vain();
    return MPI_SUCCESS;
  }
  *flag = 1;
  vbmpi_tested_well();
  struct retirement all = {0, MPI_SUCCESS};
  for (int i = 0; i < count; i++) retire_one(&all, &requests[i], statuses ? &statuses[i] : MPI_STATUS_IGNORE);
  return verdict(&all, "MPI_Testall");
}
VBMPI_ALIAS(Testall)

/* The first complete request of a list; -1 when none is, -2 when none is active. The search begins at a different place each time, so
 * that a busy request early in the list cannot starve the others. */
static int find_complete(int count, const MPI_Request requests[]) {
  static unsigned turn;
  bool active = false;
  unsigned start = count > 0 ? turn++ % (unsigned)count : 0;
  for (int n = 0; n < count; n++) {
    int i = (int)((start + (unsigned)n) % (unsigned)count);
    struct vbmpi_request *request = vbmpi_request_of(requests[i]);
    if (vbmpi_request_idle(request)) continue;
    if (request->complete) return i;
    active = true;
  }
  return active ? -1 : -2;
}

int PMPI_Waitany(int count, MPI_Request requests[], int *index, MPI_Status *status) {
  VBMPI_MAIN_CHECK("MPI_Waitany")
  int result = vbmpi_requests_check(count, requests, "MPI_Waitany");
  if (result) return result;
  struct vbmpi_wait_list list = {.count = count, .requests = requests};
  vbmpi_call = "MPI_Waitany";
  uint32_t spins = 0;
  int found;
  while ((found = find_complete(count, requests)) == -1) vbmpi_wait_turn(&spins, vbmpi_describe_waitall, &list);
  if (found < 0) {
    *index = MPI_UNDEFINED;
    vbmpi_status_empty(status);
    return MPI_SUCCESS;
  }
  *index = found;
  return vbmpi_request_finish(vbmpi_request_of(requests[found]), &requests[found], status, "MPI_Waitany");
}
VBMPI_ALIAS(Waitany)

int PMPI_Testany(int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status) {
  VBMPI_MAIN_CHECK("MPI_Testany")
  int result = vbmpi_requests_check(count, requests, "MPI_Testany");
  if (result) return result;
  vbmpi_progress();
  int found = find_complete(count, requests);
  *index = MPI_UNDEFINED;
  *flag = found != -1;
  if (found == -1) {
    vbmpi_tested_in_vain();
    return MPI_SUCCESS;
  }
  vbmpi_tested_well();
  if (found == -2) {
    vbmpi_status_empty(status);
    return MPI_SUCCESS;
  }
  *index = found;
  return vbmpi_request_finish(vbmpi_request_of(requests[found]), &requests[found], status, "MPI_Testany");
}
VBMPI_ALIAS(Testany)

/* Retires every complete request of a list. */
static int retire_some(int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[], const char *function) {
  int n = 0, error = MPI_SUCCESS;
  struct vbmpi_comm *failed = 0;
  for (int i = 0; i < count; i++) {
    struct vbmpi_request *request = vbmpi_request_of(requests[i]);
    if (vbmpi_request_idle(request) || !request->complete) continue;
    struct vbmpi_comm *comm = request->comm;
    MPI_Status *status = statuses ? &statuses[n] : MPI_STATUS_IGNORE;
    int result = vbmpi_request_retire(request, &requests[i], status);
    if (status) status->MPI_ERROR = result;
    if (result) {
      error = result;
      failed = comm;
    }
    indices[n++] = i;
  }
  *done = n;
  if (error == MPI_SUCCESS) return MPI_SUCCESS;
  return vbmpi_fail(failed, MPI_ERR_IN_STATUS, function, "%s", vbmpi_error_text(error));
}

int PMPI_Waitsome(int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]) {
  VBMPI_MAIN_CHECK("MPI_Waitsome")
  int result = vbmpi_requests_check(count, requests, "MPI_Waitsome");
  if (result) return result;
  struct vbmpi_wait_list list = {.count = count, .requests = requests};
  vbmpi_call = "MPI_Waitsome";
  uint32_t spins = 0;
  int found;
  while ((found = find_complete(count, requests)) == -1) vbmpi_wait_turn(&spins, vbmpi_describe_waitall, &list);
  if (found < 0) {
    *done = MPI_UNDEFINED;
    return MPI_SUCCESS;
  }
  return retire_some(count, requests, done, indices, statuses, "MPI_Waitsome");
}
VBMPI_ALIAS(Waitsome)

int PMPI_Testsome(int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]) {
  VBMPI_MAIN_CHECK("MPI_Testsome")
  int result = vbmpi_requests_check(count, requests, "MPI_Testsome");
  if (result) return result;
  vbmpi_progress();
  int found = find_complete(count, requests);
  if (found == -1) {
    *done = 0;
    vbmpi_tested_in_vain();
    return MPI_SUCCESS;
  }
  vbmpi_tested_well();
  if (found == -2) {
    *done = MPI_UNDEFINED;
    return MPI_SUCCESS;
  }
  return retire_some(count, requests, done, indices, statuses, "MPI_Testsome");
}
VBMPI_ALIAS(Testsome)

int PMPI_Test(MPI_Request *handle, int *flag, MPI_Status *status) {
  VBMPI_MAIN_CHECK("MPI_Test")
  int result;
  struct vbmpi_request *request = vbmpi_request_checked(*handle, "MPI_Test", &result);
  if (result) return result;
  *flag = 1;
  if (vbmpi_request_idle(request)) {
    vbmpi_status_empty(status);
    return MPI_SUCCESS;
  }
  if (!request->complete) vbmpi_progress();
  if (!request->complete) {
    *flag = 0;
    vbmpi_tested_in_vain();
    return MPI_SUCCESS;
  }
  vbmpi_tested_well();
  return vbmpi_request_finish(request, handle, status, "MPI_Test");
}
VBMPI_ALIAS(Test)
