#include "match.h"

#include <stdlib.h>
#include <string.h>

#include "env/error.h"

#define SMALL_DATA 64u

struct unexpected_queue {
  struct vbmpi_unexpected *first, *last;
};

struct vbmpi_receives vbmpi_posted[VBMPI_BUCKETS];
struct vbmpi_receives vbmpi_wildcards;
static struct unexpected_queue unexpected[VBMPI_BUCKETS];
static struct unexpected_queue arrivals;
uint32_t vbmpi_unexpected;
static struct vbmpi_unexpected *small_pool;
static uint64_t orders;

static inline bool has_wildcard(const struct vbmpi_request *request) { return request->peer == MPI_ANY_SOURCE || request->tag == MPI_ANY_TAG; }

static inline struct vbmpi_receives *queue_of(const struct vbmpi_request *request) {
  return has_wildcard(request) ? &vbmpi_wildcards : &vbmpi_posted[vbmpi_bucket_of(request->context, request->peer, request->tag)];
}

void vbmpi_post_receive(struct vbmpi_request *request) {
  struct vbmpi_receives *queue = queue_of(request);
  request->order = ++orders;
  request->posted = true;
  request->next = 0;
  request->previous = queue->last;
  if (queue->last) {
    queue->last->next = request;
  } else {
    queue->first = request;
  }
  queue->last = request;
}

void vbmpi_unpost_receive(struct vbmpi_request *request) { vbmpi_unlink_receive(queue_of(request), request); }

struct vbmpi_request *vbmpi_match_slowly(struct vbmpi_receives *queue, uint16_t context, int source, int tag) {
  struct vbmpi_request *exact = queue->first;
  while (exact && !(exact->context == context && exact->peer == source && exact->tag == tag)) exact = exact->next;
  struct vbmpi_request *wild = vbmpi_wildcards.first;
  while (wild && !(wild->context == context && (wild->peer == MPI_ANY_SOURCE || wild->peer == source) &&
                   (wild->tag == MPI_ANY_TAG || wild->tag == tag)))
    wild = wild->next;
  if (wild && (exact == 0 || wild->order < exact->order)) {
    vbmpi_unlink_receive(&vbmpi_wildcards, wild);
    return wild;
  }
  if (exact) vbmpi_unlink_receive(queue, exact);
  return exact;
}

struct vbmpi_unexpected *vbmpi_search_unexpected(uint16_t context, int source, int tag) {
  struct vbmpi_unexpected *message;
  if (source != MPI_ANY_SOURCE && tag != MPI_ANY_TAG) {
    message = unexpected[vbmpi_bucket_of(context, source, tag)].first;
    while (message && !(message->context == context && message->source == source && message->tag == tag)) message = message->hash_next;
    return message;
  }
  message = arrivals.first;
  while (message && !(message->context == context && (source == MPI_ANY_SOURCE || message->source == source) &&
                      (tag == MPI_ANY_TAG || message->tag == tag)))
    message = message->next;
  return message;
}

static struct vbmpi_unexpected *allocate(size_t bytes) {
  struct vbmpi_unexpected *message = small_pool;
  if (bytes <= SMALL_DATA && message) {
    small_pool = message->next;
    return message;
  }
  bool small = bytes <= SMALL_DATA;
  message = malloc(sizeof *message + (small ? SMALL_DATA : bytes));
  if (message == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory left for messages that arrived before their receive");
  message->small = small;
  return message;
}

struct vbmpi_unexpected *vbmpi_add_unexpected(uint16_t context, int source, const struct vbmpi_header *header, const void *data, size_t bytes) {
  struct vbmpi_unexpected *message = allocate(bytes);
  message->context = context;
  message->kind = header->kind & VBMPI_KIND_MASK;
  message->source = source;
  message->tag = header->tag;
  message->length = header->length;
  message->sender = header->sender;
  message->local = 0;
  message->index = 0;
  if (bytes) memcpy(message->data, data, bytes);
  vbmpi_device.unexpected_bytes += sizeof *message + bytes;
  vbmpi_device.windows_busy = vbmpi_device.windows_progress != 0;
  struct unexpected_queue *queue = &unexpected[vbmpi_bucket_of(context, source, header->tag)];
  message->hash_next = 0;
  message->hash_previous = queue->last;
  if (queue->last) {
    queue->last->hash_next = message;
  } else {
    queue->first = message;
  }
  queue->last = message;
  message->next = 0;
  message->previous = arrivals.last;
  if (arrivals.last) {
    arrivals.last->next = message;
  } else {
    arrivals.first = message;
  }
  arrivals.last = message;
  vbmpi_unexpected++;
  return message;
}

void vbmpi_take_unexpected(struct vbmpi_unexpected *message) {
  vbmpi_unexpected--;
  struct unexpected_queue *queue = &unexpected[vbmpi_bucket_of(message->context, message->source, message->tag)];
  if (message->hash_previous) {
    message->hash_previous->hash_next = message->hash_next;
  } else {
    queue->first = message->hash_next;
  }
  if (message->hash_next) {
    message->hash_next->hash_previous = message->hash_previous;
  } else {
    queue->last = message->hash_previous;
  }
  if (message->previous) {
    message->previous->next = message->next;
  } else {
    arrivals.first = message->next;
  }
  if (message->next) {
    message->next->previous = message->previous;
  } else {
    arrivals.last = message->previous;
  }
}

void vbmpi_free_unexpected(struct vbmpi_unexpected *message) {
  size_t bytes = message->kind == VBMPI_RTS || message->local ? 0 : message->length;
  vbmpi_device.unexpected_bytes -= sizeof *message + bytes;
  if (message->small) {
    message->next = small_pool;
    small_pool = message;
  } else {
    free(message);
  }
}
