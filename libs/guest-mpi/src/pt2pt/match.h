/*
 * Matching (MPI-3.1, section 3.5).
 *
 * Receives that name source and tag hang in a hash table by (context, source, tag); those with a wildcard in one list. A message is
 * given to the older of the first fit of both, so both lookups are constant time while no wildcard is posted. Unexpected messages hang
 * in a hash table of their own and in one list by arrival, which receives with a wildcard and probes search. Every list is in order, so
 * messages of one sender on one communicator never overtake one another. Sources are ranks in MPI_COMM_WORLD, which makes a message
 * for a communicator that this process has not created yet an ordinary unexpected message.
 */
#ifndef VBMPI_MATCH_H
#define VBMPI_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "request.h"

struct vbmpi_unexpected {
  struct vbmpi_unexpected *hash_next, *hash_previous;
  struct vbmpi_unexpected *next, *previous;   /* by arrival */
  uint16_t context;
  uint8_t kind;              /* VBMPI_EAGER, VBMPI_EAGER_SYNC or VBMPI_RTS */
  bool small;                /* from the pool of small ones */
  int source;
  int tag;
  uint32_t length;
  uint32_t sender;           /* request at the sender */
  struct vbmpi_request *local;   /* a message to oneself that stays in the sender's buffer */
  uint32_t index;            /* as MPI_Message, when MPI_Mprobe took it */
  uint8_t data[];
};

#define VBMPI_BUCKETS 1024u
/* Posted receives in order. */
struct vbmpi_receives {
  struct vbmpi_request *first, *last;
};
extern struct vbmpi_receives vbmpi_posted[VBMPI_BUCKETS];
extern struct vbmpi_receives vbmpi_wildcards;
/* Unexpected messages. */
extern uint32_t vbmpi_unexpected;

static inline uint32_t vbmpi_bucket_of(uint16_t context, int source, int tag) {
  uint32_t hash = (uint32_t)context * 0x9e3779b1u + (uint32_t)source * 0x85ebca6bu + (uint32_t)tag * 0xc2b2ae35u;
  return (hash ^ (hash >> 15)) & (VBMPI_BUCKETS - 1);
}

static inline void vbmpi_unlink_receive(struct vbmpi_receives *queue, struct vbmpi_request *request) {
  if (request->previous) {
    request->previous->next = request->next;
  } else {
    queue->first = request->next;
  }
  if (request->next) {
    request->next->previous = request->previous;
  } else {
    queue->last = request->previous;
  }
  request->posted = false;
}

struct vbmpi_request *vbmpi_match_slowly(struct vbmpi_receives *queue, uint16_t context, int source, int tag);
/* Finds and takes the receive for a message; NULL when none is posted. */
static inline struct vbmpi_request *vbmpi_match_posted(uint16_t context, int source, int tag) {
  struct vbmpi_receives *queue = &vbmpi_posted[vbmpi_bucket_of(context, source, tag)];
  struct vbmpi_request *first = queue->first;
  if (__builtin_expect(vbmpi_wildcards.first == 0 && first && first->context == context && first->peer == source && first->tag == tag, 1)) {
    vbmpi_unlink_receive(queue, first);
    return first;
  }
  return vbmpi_match_slowly(queue, context, source, tag);
}
void vbmpi_post_receive(struct vbmpi_request *request);
void vbmpi_unpost_receive(struct vbmpi_request *request);

/* The oldest unexpected message for (context, source, tag), wildcards allowed; NULL when there is none. */
struct vbmpi_unexpected *vbmpi_search_unexpected(uint16_t context, int source, int tag);
static inline struct vbmpi_unexpected *vbmpi_find_unexpected(uint16_t context, int source, int tag) {
  return vbmpi_unexpected == 0 ? 0 : vbmpi_search_unexpected(context, source, tag);
}
struct vbmpi_unexpected *vbmpi_add_unexpected(uint16_t context, int source, const struct vbmpi_header *header, const void *data, size_t bytes);
void vbmpi_take_unexpected(struct vbmpi_unexpected *message);   /* off the lists */
void vbmpi_free_unexpected(struct vbmpi_unexpected *message);

#endif
