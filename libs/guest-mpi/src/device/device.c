/* The sizes and the memory of this process's channels, once for its life; connect.c makes the adapter use them. */
#include "device.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "coll/locality.h"
#include "connect.h"
#include "env/error.h"
#include "wait.h"

struct vbmpi_device vbmpi_device;

void *vbmpi_aligned(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  if (memory == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Init", "no memory for %zu bytes of message buffers", bytes);
  memset(memory, 0, bytes);
  return memory;
}

static uint32_t power_of_two(uint32_t least) {
  uint32_t value = 1;
  while (value < least) value *= 2;
  return value;
}

/* How much to buffer: about 8 MiB for all peers, at least 16 messages and at most 128 for each (R11: VERBENA_EAGER_MAX, in bytes); and
 * the longest RDMA WRITE (VERBENA_RDMA_MAX, in bytes). */
static void choose_sizes(struct vbmpi_device *device) {
  const char *wish = getenv("VERBENA_EAGER_MAX");
  /* All processes must choose the same, those that are spawned later too. */
  uint32_t first = vb_boot_info()->first_size;
  long eager = wish ? strtol(wish, 0, 10) : first > 64 ? 2048 : 8192;
  if (eager < 0) eager = 0;
  if (eager > (1 << 20)) eager = 1 << 20;
  device->eager_max = (size_t)eager;
  const char *piece = getenv("VERBENA_RDMA_MAX");
  long most = piece ? strtol(piece, 0, 10) : 1 << 30;
  device->write_max = most >= 4096 && most <= 1 << 30 ? (size_t)most : 1u << 30;
  size_t bytes = sizeof(struct vbmpi_header) + (device->eager_max > 128 ? device->eager_max : 128);
  device->buffer_bytes = (bytes + 63) & ~(size_t)63;
  uint32_t slots = 128;
  while (slots > 16 && slots * device->buffer_bytes * (size_t)first > (8u << 20)) slots /= 2;
  device->slots = slots;
  device->give_back = (slots - VBMPI_RESERVED) / 2;
  device->piggyback = (slots - VBMPI_RESERVED) / 4;
  device->unexpected_max = (size_t)(vb_boot_info()->memory_bytes / 8);
  if (device->unexpected_max > (64u << 20)) device->unexpected_max = 64u << 20;
}

/* Twice what can be outstanding: requests are posted again before the adapter has been told that their completions were read. */
static struct vb_cqe *cq_ring(uint32_t *mask, uint32_t outstanding) {
  uint32_t entries = power_of_two(2 * outstanding);
  *mask = entries - 1;
  return vbmpi_aligned(entries * sizeof(struct vb_cqe));
}

static void create_memory(struct vbmpi_device *device) {
  size_t others = (size_t)device->size - 1, each = device->slots * device->buffer_bytes;
  size_t ring_bytes = VBMPI_SQ_ENTRIES * VBMPI_SQ_STRIDE + device->slots * VBMPI_RQ_STRIDE;
  device->recv_ring = cq_ring(&device->recv_mask, (uint32_t)others * device->slots);
  device->send_ring = cq_ring(&device->send_mask, (uint32_t)others * VBMPI_SQ_ENTRIES);
  device->send_buffers = vbmpi_aligned(VBMPI_SEND_BUFFERS * device->buffer_bytes);
  device->recv_buffers = vbmpi_aligned(others * each);
  device->rings = vbmpi_aligned(others * ring_bytes);
  uint8_t *buffers = device->recv_buffers, *rings = device->rings;
  for (int rank = 0; rank < device->size; rank++) {
    if (rank == device->rank) continue;
    struct vbmpi_peer *peer = &device->peers[rank];
    peer->buffers = buffers;
    peer->sq = rings;
    peer->rq = rings + VBMPI_SQ_ENTRIES * VBMPI_SQ_STRIDE;
    buffers += each;
    rings += ring_bytes;
  }
}

void vbmpi_device_grow(void) {
  struct vbmpi_device *device = &vbmpi_device;
  int size = (int)vb_boot_info()->size;
  if (size <= device->size) return;
  struct vbmpi_peer *peers = realloc(device->peers, (size_t)size * sizeof *peers);
  if (peers == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %d connections", size);
  memset(peers + device->size, 0, (size_t)(size - device->size) * sizeof *peers);
  device->peers = peers;
  device->size = size;
  free(device->recv_ring);
  free(device->send_ring);
  free(device->send_buffers);
  free(device->recv_buffers);
  free(device->rings);
  create_memory(device);
  /* One that was alone has not measured it, and cannot do so within progress. */
  if (device->poll_ps == 0) device->poll_ps = 20000;
}

void vbmpi_device_open(void) {
  struct vbmpi_device *device = &vbmpi_device;
  volatile struct vb_boot_info *boot = vb_boot_info();
  if (boot->magic != VB_BOOT_MAGIC || boot->abi_version != VB_ABI_VERSION)
    vbmpi_fatal(MPI_ERR_OTHER, "MPI_Init", "this program was built for version %u of the guest interface", VB_ABI_VERSION);
  device->rank = (int)boot->rank;
  device->size = (int)boot->size;
  device->world_first = (int)boot->world_first;
  device->world_size = (int)boot->world_size;
  device->peers = calloc((size_t)device->size, sizeof *device->peers);
  if (device->peers == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Init", "no memory for %d connections", device->size);
  choose_sizes(device);
  device->peers[device->rank].host = boot->host_index;
  if (device->size > 1) {
    create_memory(device);
    vbmpi_connect("MPI_Init");
  } else {
    vbmpi_places_changed(&vbmpi_begun);
  }
  vbmpi_calibrate_spin();
}
