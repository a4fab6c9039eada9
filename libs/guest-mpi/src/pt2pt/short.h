/*
 * Sends that need no request of their own: a short message of a basic type, on a connection with room for it, is complete when it is posted. MPI_Isend hands out the
 * one request that is always complete.
 */
#ifndef VBMPI_SHORT_H
#define VBMPI_SHORT_H

#include "device/device.h"
#include "request.h"
#include "trace/trace.h"

static inline void vbmpi_count_sent(int world, size_t bytes) {
  vbmpi_count_peer(world, bytes);
  volatile struct vb_status_page *page = vbmpi_page();
  page->activity++;
  page->messages_sent++;
  page->bytes_sent += bytes;
}

static inline void vbmpi_count_received(size_t bytes) {
  volatile struct vb_status_page *page = vbmpi_page();
  page->activity++;
  page->messages_received++;
  page->bytes_received += bytes;
}

/* Posts `bytes` consecutive bytes to a rank of MPI_COMM_WORLD; false when that takes a request: the message is too long, has to wait, or goes to this rank. */
static inline bool vbmpi_send_short(int world, int context, int tag, const void *buf, size_t bytes) {
  struct vbmpi_peer *peer = &vbmpi_device.peers[world];
  /* A rank has no credits with itself. */
  if (!vbmpi_can_post(peer)) return false;
  /* A channel takes longer ones as well: it copies them to the receiver's buffers. */
  if (bytes > VBMPI_INLINE_PAYLOAD && (!peer->channel || peer->choked || bytes > vbmpi_device.eager_max)) return false;
  struct vbmpi_header header = {.kind = VBMPI_EAGER, .context = (uint16_t)context, .tag = tag, .length = (uint32_t)bytes};
  vbmpi_post_inline(peer, &header, buf, bytes);
  vbmpi_count_sent(world, bytes);
  return true;
}

/* The same from the arguments of a call, as far as they are beyond doubt; false for all that has to be looked at more closely. */
static inline bool vbmpi_send_short_typed(const struct vbmpi_comm *comm, const void *buf, int count, MPI_Datatype type, int dest, int tag) {
  if ((unsigned)dest >= (unsigned)comm->size || !vbmpi_basic_exists(type) || tag < 0 || (unsigned)count > 1u << 20) return false;
  size_t bytes = (size_t)(unsigned)count * vbmpi_basic_size(type);
  if ((buf == 0 && bytes != 0) || buf == MPI_IN_PLACE) return false;
  return vbmpi_send_short(comm->group->world[dest], comm->context, tag, buf, bytes);
}

#endif
