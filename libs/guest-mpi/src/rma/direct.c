/* Puts and gets that the adapter, or the channel of a neighbour, carries out without the target: it has granted its window when that was made (R5, R44). */
#include <stdlib.h>

#include "coll/coll.h"
#include "device/channel.h"
#include "device/device.h"
#include "device/wait.h"
#include "pt2pt/short.h"
#include "rma.h"

/* What a process tells another about its window. */
struct permit {
  uint32_t allowed;
  uint32_t key;           /* an rkey, or the number of a grant */
  uint32_t incarnation;   /* for which that holds: all ranks change their adapters together, but perhaps between this and its arrival */
};

static struct vbmpi_peer *peer_of(const struct vbmpi_win *win, int rank) { return &vbmpi_device.peers[win->comm->group->world[rank]]; }

static bool has_adapter_peer(const struct vbmpi_win *win) {
  for (int rank = 0; rank < win->comm->size; rank++)
    if (rank != win->comm->rank && !peer_of(win, rank)->channel) return true;
  return false;
}

void vbmpi_rma_grant(struct vbmpi_win *win) {
  int size = win->comm->size;
  struct permit *permits = vbmpi_scratch(2 * (size_t)size * sizeof *permits), *theirs = permits + size;
  uint32_t key = 0, incarnation = vbmpi_device.incarnation;
  bool has_memory = win->flavor != MPI_WIN_FLAVOR_DYNAMIC && win->size > 0;
  if (has_memory && has_adapter_peer(win)) win->grant = vbmpi_grant_new(win->base, (size_t)win->size, &key);
  for (int rank = 0; rank < size; rank++) {
    struct vbmpi_rma_side *side = &win->sides[rank];
    permits[rank] = (struct permit){win->grant != 0, key, incarnation};
    if (rank == win->comm->rank || !peer_of(win, rank)->channel) continue;
    side->lent = has_memory && vbmpi_channel_lend(peer_of(win, rank), win->base, (size_t)win->size, &side->lent_number);
    permits[rank] = (struct permit){side->lent, side->lent_number, incarnation};
  }
  struct vbmpi_blocks out = vbmpi_equal_blocks(permits, sizeof *permits, MPI_BYTE), in = vbmpi_equal_blocks(theirs, sizeof *theirs, MPI_BYTE);
  win->incarnation = incarnation;
  vbmpi_alltoall_pairwise(&out, &in, win->comm);
  for (int rank = 0; rank < size; rank++) {
    win->sides[rank].permitted = rank != win->comm->rank && theirs[rank].allowed;
    win->sides[rank].key = theirs[rank].key;
    win->sides[rank].incarnation = theirs[rank].incarnation;
  }
  free(permits);
}

void vbmpi_rma_withdraw(struct vbmpi_win *win) {
  if (win->grant) vbmpi_grant_end(win->grant);
  for (int rank = 0; rank < win->comm->size && win->incarnation == vbmpi_device.incarnation; rank++)
    if (win->sides[rank].lent) vbmpi_channel_revoke(win->sides[rank].lent_number);
}

static bool is_full(const struct vbmpi_peer *peer) { return !peer->channel && !vbmpi_has_slot(peer) && peer->pending_first == 0; }

/* The adapter's side of both; the caller counts. */
static bool move(struct vbmpi_win *win, int rank, void *data, size_t bytes, uint64_t address, bool reads) {
  struct vbmpi_rma_side *side = &win->sides[rank];
  if (!side->permitted || bytes == 0 || side->incarnation != vbmpi_device.incarnation) return false;
  /* A full send queue empties by itself; a channel that is stopped takes messages, which wait. */
  uint32_t spins = 0;
  while (is_full(peer_of(win, rank))) vbmpi_wait_turn(&spins, vbmpi_rma_describe, win);
  if (side->incarnation != vbmpi_device.incarnation) return false;
  struct vbmpi_peer *peer = peer_of(win, rank);
  struct vbmpi_direct direct = {.data = data, .bytes = bytes, .address = side->base, .offset = address - side->base, .key = side->key, .reads = reads};
  if (!vbmpi_post_direct(peer, &direct)) return false;
  side->moved = peer->sq_tail;
  return true;
}

bool vbmpi_rma_put(struct vbmpi_win *win, int rank, const void *data, size_t bytes, uint64_t address) {
  if (!move(win, rank, (void *)(uintptr_t)data, bytes, address, false)) return false;
  vbmpi_count_sent(win->comm->group->world[rank], bytes);
  return true;
}

bool vbmpi_rma_get(struct vbmpi_win *win, int rank, void *data, size_t bytes, uint64_t address) {
  if (!move(win, rank, data, bytes, address, true)) return false;
  vbmpi_count_received(bytes);
  return true;
}

/* Whatever was moved by an adapter that is not there any more was complete before it went. */
bool vbmpi_rma_is_moved(const struct vbmpi_win *win, int rank) {
  const struct vbmpi_rma_side *side = &win->sides[rank];
  if (!side->permitted || side->incarnation != vbmpi_device.incarnation) return true;
  const struct vbmpi_peer *peer = peer_of(win, rank);
  return peer->channel || (int32_t)(peer->sq_head - side->moved) >= 0;
}
