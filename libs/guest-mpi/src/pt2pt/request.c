#include "request.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "check/check.h"
#include "coll/schedule.h"
#include "env/error.h"

#define CHUNK 256u

static struct vbmpi_request **chunks;
static uint32_t chunks_used, chunks_capacity;
static struct vbmpi_request *free_list;

/* Another chunk of requests; index 0 is the null handle and is never handed out. */
static void grow(void) {
  if (chunks_used == chunks_capacity) {
    uint32_t capacity = chunks_capacity ? chunks_capacity * 2 : 16;
    struct vbmpi_request **more = realloc(chunks, capacity * sizeof *more);
    if (more == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for more requests than %u", chunks_used * CHUNK);
    chunks = more;
    chunks_capacity = capacity;
  }
  struct vbmpi_request *chunk = calloc(CHUNK, sizeof *chunk);
  if (chunk == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for more requests than %u", chunks_used * CHUNK);
  for (uint32_t i = CHUNK; i-- > 0;) {
    chunk[i].index = chunks_used * CHUNK + i;
    if (chunk[i].index == 0) continue;
    chunk[i].next = free_list;
    free_list = &chunk[i];
  }
  chunks[chunks_used++] = chunk;
}

struct vbmpi_request *vbmpi_request_new(enum vbmpi_request_kind kind) {
  if (__builtin_expect(free_list == 0, 0)) grow();
  struct vbmpi_request *request = free_list;
  free_list = request->next;
  request->kind = (uint8_t)kind;
  request->mode = VBMPI_STANDARD;
  request->step = VBMPI_STEP_NONE;
  request->complete = request->persistent = request->cancelled = request->freed = request->on_user_list = request->holds_comm = request->posted = request->copied = false;
  request->active = true;
  request->comm = 0;
  request->error = MPI_SUCCESS;
  request->bounce = 0;
  request->type = MPI_DATATYPE_NULL;
  request->bsend = 0;
  request->partitions = 0;
  request->name = 0;
  request->truncated = 0;
  request->status_source = MPI_ANY_SOURCE;
  request->status_tag = MPI_ANY_TAG;
  request->status_bytes = 0;
  if (__builtin_expect(vbmpi_checking, 0)) request->site = vbmpi_site;
  return request;
}

void vbmpi_request_free(struct vbmpi_request *request) {
  if (request->bounce) {
    free(request->bounce);
    request->bounce = 0;
  }
  request->kind = VBMPI_REQUEST_FREE;
  request->next = free_list;
  free_list = request;
}

void vbmpi_request_drop(struct vbmpi_request *request) {
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

struct vbmpi_request *vbmpi_request_at(uint32_t index) {
  if (index == 0 || index >= chunks_used * CHUNK) return 0;
  struct vbmpi_request *request = &chunks[index / CHUNK][index % CHUNK];
  return request->kind == VBMPI_REQUEST_FREE ? 0 : request;
}

uint32_t vbmpi_request_limit(void) { return chunks_used * CHUNK; }

struct vbmpi_request *vbmpi_request_of(MPI_Request handle) {
  if (VBMPI_KIND(handle) != VBMPI_KIND_REQUEST) return 0;
  struct vbmpi_request *request = vbmpi_request_at(VBMPI_INDEX(handle));
  return request && request->on_user_list ? request : 0;
}

void vbmpi_request_complete(struct vbmpi_request *request) {
  request->complete = true;
  if (__builtin_expect(request->bounce != 0, 0)) {
    free(request->bounce);
    request->bounce = 0;
  }
  if (__builtin_expect(request->freed, 0)) {
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

void vbmpi_request_status(const struct vbmpi_request *request, MPI_Status *status) {
  if (status == MPI_STATUS_IGNORE) return;
  status->MPI_SOURCE = request->status_source;
  status->MPI_TAG = request->status_tag;
  status->vb_cancelled = request->cancelled;
  status->vb_bytes = (long long)request->status_bytes;
}
