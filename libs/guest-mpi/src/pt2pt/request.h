/*
 * Requests: one communication, from its start until the user has seen its end (MPI-3.1, section 3.7).
 *
 * Life of a request:   inactive (persistent only) -> active -> complete -> freed, or inactive again
 * A request comes from a pool; nothing is allocated per message. Handles index a table of chunks, so that a stale or invented handle
 * is an MPI_ERR_REQUEST and never a wild pointer.
 */
#ifndef VBMPI_REQUEST_H
#define VBMPI_REQUEST_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "check/check.h"
#include "comm/comm.h"
#include "datatype/datatype.h"

enum vbmpi_request_kind { VBMPI_REQUEST_FREE, VBMPI_REQUEST_SEND, VBMPI_REQUEST_RECV, VBMPI_REQUEST_SCHEDULE, VBMPI_REQUEST_GENERAL };
enum vbmpi_send_mode { VBMPI_STANDARD, VBMPI_BUFFERED, VBMPI_SYNCHRONOUS, VBMPI_READY };

/* What a request that could not be posted yet will post: the next step of its protocol. */
enum vbmpi_step {
  VBMPI_STEP_NONE,
  VBMPI_STEP_EAGER,      /* header and payload */
  VBMPI_STEP_RTS,        /* request to send */
  VBMPI_STEP_CTS,        /* clear to send, by the receiver */
  VBMPI_STEP_WRITE,      /* RDMA WRITE with immediate */
  VBMPI_STEP_ACK,        /* a synchronous eager message was matched */
  VBMPI_STEP_GATE,       /* nothing, and nobody behind it either: the channel is stopped */
};

struct vbmpi_request {
  struct vbmpi_request *next, *previous;   /* in a matching list, a pending list or the pool's free list */
  uint32_t index;
  uint8_t kind;
  uint8_t mode;
  uint8_t step;
  bool complete;
  bool persistent;
  bool active;
  bool cancelled;
  bool freed;            /* by the user, before its end */
  bool on_user_list;     /* the user holds a handle */
  bool plain;            /* its end lets go of its communicator and of nothing else */
  bool holds_comm;       /* and counts as a reference of its communicator and datatype */
  bool posted;           /* in the matching lists */
  bool copied;           /* a send whose data was copied already */
  struct vbmpi_comm *comm;
  int peer;              /* rank in MPI_COMM_WORLD, MPI_ANY_SOURCE or MPI_PROC_NULL */
  int wanted_peer;       /* as the user asked; `peer` becomes the sender once it is known */
  int tag;
  uint16_t context;
  int error;
  void *buffer;          /* the user's */
  size_t count;
  MPI_Datatype type;
  struct vbmpi_layout layout;
  uint8_t *data;         /* consecutive bytes: the user's, or a packed copy */
  size_t bytes;          /* of the message (send), of room (receive) */
  void *bounce;          /* packed copy, freed with the request */
  size_t bounce_bytes;
  uint64_t order;        /* posting order of receives */
  int status_source;     /* rank in the communicator */
  int status_tag;
  size_t status_bytes;
  uint32_t remote_request;
  uint32_t remote_rkey;
  uint64_t remote_addr;
  size_t transfer;       /* bytes of the RDMA WRITE */
  size_t truncated;      /* length of a message that did not fit */
  size_t written;        /* bytes of it that are posted, when it needs several */
  void *bsend;           /* its piece of the attached buffer */
  const char *name;      /* of a schedule's call, or "a generalized request" */
  struct vbmpi_schedule *schedule;
  struct vbmpi_site site;          /* where it was made, when the program is checked */
  struct vbmpi_partitions *partitions;   /* of a partitioned communication; NULL otherwise */
  struct vbmpi_general *general;   /* the user's functions of a generalized request */
};

/* What a partitioned request has more than a persistent one (partitioned.c). */
struct vbmpi_partitions {
  void (*start)(struct vbmpi_request *request);
  int count;
  int ready;
  uint8_t marked[];   /* by partition: ready to be sent */
};

extern struct vbmpi_request *vbmpi_free_requests;
extern struct vbmpi_request **vbmpi_request_chunks;
#define VBMPI_REQUEST_CHUNK 256u
/* Above every index that was ever handed out. */
extern uint32_t vbmpi_request_limit;
/* The request of sends that were complete at once. It is nobody's, never freed, and always complete. */
#define VBMPI_SENT_INDEX 1u
#define VBMPI_SENT VBMPI_HANDLE(VBMPI_KIND_REQUEST, VBMPI_SENT_INDEX)

/* Fills the pool. In MPI_Init, and whenever it is empty. */
void vbmpi_requests_grow(void);

/* From the pool; never NULL: without memory the job ends with a message. */
static inline struct vbmpi_request *vbmpi_request_new(enum vbmpi_request_kind kind) {
  if (__builtin_expect(vbmpi_free_requests == 0, 0)) vbmpi_requests_grow();
  struct vbmpi_request *request = vbmpi_free_requests;
  vbmpi_free_requests = request->next;
  request->kind = (uint8_t)kind;
  request->mode = VBMPI_STANDARD;
  request->step = VBMPI_STEP_NONE;
  request->complete = request->persistent = request->cancelled = request->freed = request->on_user_list = request->plain = request->holds_comm = request->posted =
      request->copied = false;
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
static inline void vbmpi_request_free(struct vbmpi_request *request) {
  if (__builtin_expect(request->bounce != 0, 0)) {
    free(request->bounce);
    request->bounce = 0;
  }
  request->kind = VBMPI_REQUEST_FREE;
  request->next = vbmpi_free_requests;
  vbmpi_free_requests = request;
}
static inline struct vbmpi_request *vbmpi_request_at(uint32_t index) {
  if (index == 0 || index >= vbmpi_request_limit) return 0;
  struct vbmpi_request *request = &vbmpi_request_chunks[index / VBMPI_REQUEST_CHUNK][index % VBMPI_REQUEST_CHUNK];
  return request->kind == VBMPI_REQUEST_FREE ? 0 : request;
}
static inline MPI_Request vbmpi_request_handle(const struct vbmpi_request *request) {
  return VBMPI_HANDLE(VBMPI_KIND_REQUEST, request->index);
}
/* NULL for handles that are not a live request of the user. */
static inline struct vbmpi_request *vbmpi_request_of(MPI_Request handle) {
  if (VBMPI_KIND(handle) != VBMPI_KIND_REQUEST) return 0;
  struct vbmpi_request *request = vbmpi_request_at(VBMPI_INDEX(handle));
  return request && request->on_user_list ? request : 0;
}

/* Lets go of the communicator, the datatype and the buffered piece that a user's request holds, and frees it. */
void vbmpi_request_drop(struct vbmpi_request *request);

/* Marks the end of the transfer: unpacks, releases what it held, and frees it when the user has let go of it. */
void vbmpi_request_complete_slowly(struct vbmpi_request *request);
static inline void vbmpi_request_complete(struct vbmpi_request *request) {
  request->complete = true;
  if (__builtin_expect(request->bounce != 0 || request->freed, 0)) vbmpi_request_complete_slowly(request);
}
static inline void vbmpi_request_status(const struct vbmpi_request *request, MPI_Status *status) {
  if (status == MPI_STATUS_IGNORE) return;
  status->MPI_SOURCE = request->status_source;
  status->MPI_TAG = request->status_tag;
  status->vb_cancelled = request->cancelled;
  status->vb_bytes = (long long)request->status_bytes;
}
void vbmpi_status_empty(MPI_Status *status);

#endif
