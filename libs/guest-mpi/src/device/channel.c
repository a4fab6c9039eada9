#include "channel.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "env/error.h"
#include "pt2pt/protocol.h"
#include "pt2pt/request.h"
#include "quiesce.h"

_Static_assert(sizeof(struct vb_ivc_entry) == 128, "an entry of a ring is two cache lines");
_Static_assert(sizeof(struct vbmpi_header) == VB_IVC_HEADER, "a channel's header is the device's");

/* Where the messages of one neighbour come in. */
struct way {
  struct vb_ivc_entry *ring;
  uint32_t count;   /* of those taken */
  int rank;
};

static struct way *ways;   /* vbmpi_device.channels of them */
static uint8_t free_grants[VB_IVC_GRANTS];
static uint32_t free_count;

static int32_t open_slot(uint32_t slot) {
  struct vb_cmd_handle in = {.handle = slot};
  return vb_hypercall(VB_HC_HCA_COMMAND, VB_CMD_OPEN_CHANNEL, (uint32_t)(uintptr_t)&in, sizeof in, 0);
}

bool vbmpi_channel_prepare(void) {
  struct vbmpi_device *device = &vbmpi_device;
  for (int i = 0; i < device->channels; i++) free(ways[i].ring);
  free(ways);
  ways = 0;
  for (int rank = 0; rank < device->size; rank++) device->peers[rank].channel = false;
  device->channels = 0;
  device->has_channels = open_slot(vb_boot_info()->domain_slot) == 0;
  if (!device->has_channels) return false;
  ways = vbmpi_aligned((size_t)device->size * sizeof *ways);
  free_count = VB_IVC_GRANTS;
  for (uint32_t i = 0; i < VB_IVC_GRANTS; i++) free_grants[i] = (uint8_t)i;
  return true;
}

static void must(int32_t result, const char *what, int rank) {
  if (__builtin_expect(result < 0, 0))
    vbmpi_fatal(MPI_ERR_OTHER, vbmpi_collective_or_call(), "the channel to rank %d refuses to %s (error %d)", rank, what, (int)result);
}

void vbmpi_channel_open(int rank) {
  struct vbmpi_device *device = &vbmpi_device;
  struct vbmpi_peer *peer = &device->peers[rank];
  struct way *way = &ways[device->channels++];
  /* At most `slots` messages of a peer are unread, and `slots` is a power of two. */
  *way = (struct way){.ring = vbmpi_aligned(device->slots * sizeof *way->ring), .rank = rank};
  must(open_slot(peer->slot), "open", rank);
  must(vb_ivc_buffers(peer->slot, (uint32_t)(uintptr_t)peer->buffers, (uint32_t)(device->slots * device->buffer_bytes)), "take buffers", rank);
  must(vb_ivc_ring(peer->slot, (uint32_t)(uintptr_t)way->ring, device->slots), "take a ring", rank);
  peer->channel = true;
}

/* Whether the word that it leaves has come from a rank, be it unread. */
static bool leaves(int rank) {
  const struct vbmpi_device *device = &vbmpi_device;
  if (vbmpi_has_left(&device->peers[rank])) return true;
  for (int i = 0; i < device->channels; i++) {
    if (ways[i].rank != rank) continue;
    for (uint32_t count = ways[i].count; count - ways[i].count < device->slots; count++) {
      const struct vb_ivc_entry *entry = &ways[i].ring[count & (device->slots - 1)];
      if (__atomic_load_n(&entry->generation, __ATOMIC_ACQUIRE) != count + 1) break;
      const struct vbmpi_header *header = (const struct vbmpi_header *)entry->message;
      if ((header->kind & VBMPI_KIND_MASK) == VBMPI_MARK && vbmpi_means_end((uint32_t)header->tag)) return true;
    }
  }
  return false;
}

void vbmpi_channel_post(struct vbmpi_peer *peer, const struct vbmpi_header *header, const void *payload, size_t bytes) {
  /* At most `slots` messages are unread, so the buffer of one that was read is free. */
  uint32_t offset = (header->sequence % vbmpi_device.slots) * (uint32_t)vbmpi_device.buffer_bytes;
  int32_t result = vb_ivc_post(peer->slot, header, payload, (uint32_t)bytes, offset);
  /* Who has left after MPI_Finalize waits for nothing more. */
  int rank = (int)(peer - vbmpi_device.peers);
  if (__builtin_expect(result == VB_ENODEV && (vbmpi_device.finalizing || leaves(rank)), 0)) return;
  must(result, "take a message", rank);
}

void vbmpi_channel_write(struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t immediate) {
  if (request->transfer)
    must(vb_ivc_write(peer->slot, request->remote_rkey, 0, request->data, (uint32_t)request->transfer), "take data", (int)(peer - vbmpi_device.peers));
  struct vbmpi_header header = {.kind = VBMPI_WRITTEN, .receiver = immediate};
  vbmpi_post_inline(peer, &header, 0, 0);
  vbmpi_on_write_done(request->index);
}

bool vbmpi_may_write(const struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t *key) {
  if (!peer->channel) {
    *key = vbmpi_register(request->data, request->transfer)->rkey;
    return true;
  }
  if (free_count == 0) return false;
  *key = request->remote_rkey = free_grants[--free_count];
  must(vb_ivc_grant(*key, peer->slot, (uint32_t)(uintptr_t)request->data, (uint32_t)request->transfer), "grant memory", (int)(peer - vbmpi_device.peers));
  return true;
}

void vbmpi_channel_revoke(uint32_t grant) {
  vb_ivc_grant(grant, 0, 0, 0);
  free_grants[free_count++] = (uint8_t)grant;
}

bool vbmpi_channel_lend(const struct vbmpi_peer *peer, const void *address, size_t bytes, uint32_t *grant) {
  if (free_count <= VB_IVC_GRANTS / 2) return false;
  *grant = free_grants[--free_count];
  must(vb_ivc_share(*grant, peer->slot, (uint32_t)(uintptr_t)address, (uint32_t)bytes), "share memory", (int)(peer - vbmpi_device.peers));
  return true;
}

void vbmpi_channel_put(struct vbmpi_peer *peer, uint32_t grant, uint32_t offset, const void *data, uint32_t bytes) {
  must(vb_ivc_write(peer->slot, grant, offset, data, bytes), "take data", (int)(peer - vbmpi_device.peers));
}

void vbmpi_channel_get(struct vbmpi_peer *peer, uint32_t grant, uint32_t offset, void *data, uint32_t bytes) {
  must(vb_ivc_read(peer->slot, grant, offset, data, bytes), "give data", (int)(peer - vbmpi_device.peers));
}

bool vbmpi_channel_poll(void) {
  struct vbmpi_device *device = &vbmpi_device;
  bool any = false;
  for (int i = 0; i < device->channels; i++) {
    struct way *way = &ways[i];
    for (int burst = 0; burst < 64; burst++) {
      const struct vb_ivc_entry *entry = &way->ring[way->count & (device->slots - 1)];
      if (__atomic_load_n(&entry->generation, __ATOMIC_ACQUIRE) != way->count + 1) break;
      const uint8_t *payload = entry->offset < 0 ? entry->message + VB_IVC_HEADER : device->peers[way->rank].buffers + entry->offset;
      way->count++;
      vbmpi_take_message(way->rank, (const struct vbmpi_header *)entry->message, payload, entry->bytes);
      any = true;
    }
  }
  return any;
}
