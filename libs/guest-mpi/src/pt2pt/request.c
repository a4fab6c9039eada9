#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "check/check.h"
#include "coll/schedule.h"
#include "env/error.h"

#define CHUNK VBMPI_REQUEST_CHUNK

struct vbmpi_request *vbmpi_free_requests;
struct vbmpi_request **vbmpi_request_chunks;
uint32_t vbmpi_request_limit;
static uint32_t capacity;   /* of chunks */

static void no_memory(void) {
  vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for more requests than %u", vbmpi_request_limit);
}

/* Another chunk of requests. Index 0 is the null handle and is never handed out, nor is that of the sends that are complete at once. */
void vbmpi_requests_grow(void) {
  uint32_t used = vbmpi_request_limit / CHUNK;
  if (used == capacity) {
    uint32_t wanted = capacity ? capacity * 2 : 16;
    struct vbmpi_request **more = realloc(vbmpi_request_chunks, wanted * sizeof *more);
    if (more == 0) no_memory();
    vbmpi_request_chunks = more;
    capacity = wanted;
  }
  struct vbmpi_request *chunk = calloc(CHUNK, sizeof *chunk);
  if (chunk == 0) no_memory();
  for (uint32_t i = CHUNK; i-- > 0;) {
    chunk[i].index = used * CHUNK + i;
    if (chunk[i].index <= VBMPI_SENT_INDEX) continue;
    chunk[i].next = vbmpi_free_requests;
    vbmpi_free_requests = &chunk[i];
  }
  if (used == 0) {
    struct vbmpi_request *sent = &chunk[VBMPI_SENT_INDEX];
    sent->kind = VBMPI_REQUEST_SEND;
    sent->complete = sent->active = sent->on_user_list = true;
    sent->status_source = MPI_ANY_SOURCE;
    sent->status_tag = MPI_ANY_TAG;
  }
  vbmpi_request_chunks[used] = chunk;
  vbmpi_request_limit += CHUNK;
}

void vbmpi_request_drop(struct vbmpi_request *request) {
  if (request->index == VBMPI_SENT_INDEX) return;
  if (request->kind == VBMPI_REQUEST_SCHEDULE) vbmpi_schedule_free(request->schedule);
  if (request->kind == VBMPI_REQUEST_GENERAL) vbmpi_general_free(request->general);
  free(request->partitions);
  if (request->bsend) vbmpi_bsend_release(request->bsend);
  if (request->holds_comm) {
    vbmpi_type_release(request->type);
    vbmpi_comm_release(request->comm);
  }
  vbmpi_request_free(request);
}

void vbmpi_request_complete_slowly(struct vbmpi_request *request) {
  if (request->bounce) {
    free(request->bounce);
    request->bounce = 0;
  }
  if (request->freed) {
    request->freed = false;
    vbmpi_request_drop(request);
  }
}

void vbmpi_status_empty(MPI_Status *status) {
  if (status == MPI_STATUS_IGNORE) return;
  status->MPI_SOURCE = MPI_ANY_SOURCE;
  status->MPI_TAG = MPI_ANY_TAG;
  status->MPI_ERROR = MPI_SUCCESS;
  status->vb_cancelled = 0;
  status->vb_bytes = 0;
}
