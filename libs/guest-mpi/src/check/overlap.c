/* Buffers of simultaneous requests (MPI-3.1, section 3.7.2): nobody may write what another request reads or writes. */
#include <stdio.h>

#include "check.h"
#include "env/error.h"
#include "pt2pt/request.h"

/* Requests that the user holds, and whose bytes are consecutive: of other types only the bounds are known, and columns of a matrix have overlapping bounds. */
static bool counts(const struct vbmpi_request *request) {
  return (request->kind == VBMPI_REQUEST_SEND || request->kind == VBMPI_REQUEST_RECV) && request->holds_comm &&
         request->layout.contiguous && request->count > 0 && request->layout.size > 0 && request->wanted_peer != MPI_PROC_NULL;
}

static uintptr_t beginning(const struct vbmpi_request *request) { return (uintptr_t)request->buffer + (uintptr_t)request->layout.true_lb; }
static uintptr_t end(const struct vbmpi_request *request) { return beginning(request) + request->count * request->layout.size; }

void vbmpi_check_overlap(const struct vbmpi_request *request) {
  if (!counts(request)) return;
  for (uint32_t i = VBMPI_SENT_INDEX + 1; i < vbmpi_request_limit; i++) {
    const struct vbmpi_request *other = vbmpi_request_at(i);
    if (other == 0 || other == request || !other->active || other->complete || !counts(other)) continue;
    if (request->kind == VBMPI_REQUEST_SEND && other->kind == VBMPI_REQUEST_SEND) continue;
    if (beginning(request) >= end(other) || beginning(other) >= end(request)) continue;
    char place[256];
    vbmpi_describe_site(place, sizeof place, &other->site);
    vbmpi_fatal(MPI_ERR_BUFFER, request->kind == VBMPI_REQUEST_SEND ? "a send" : "a receive", "its buffer overlaps that of a %s that is not complete%s%s",
                other->kind == VBMPI_REQUEST_SEND ? "send" : "receive", *place ? ", started" : "", place);
  }
}
