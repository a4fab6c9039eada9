#include "device.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/error.h"
#include "wait.h"

struct vbmpi_device vbmpi_device;

#define CARD_VERSION 1u
/* First words of every card; queue pair numbers follow, as many as fit, over as many exchanges as it takes. */
struct card {
  uint32_t version;
  uint32_t lid;
  uint32_t host;
  uint32_t slots;
  uint32_t buffer_bytes;
};
#define QPNS_PER_CARD ((VB_CARD_MAX - sizeof(struct card)) / sizeof(uint32_t))

static void *aligned(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  if (memory == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Init", "no memory for %zu bytes of message buffers", bytes);
  memset(memory, 0, bytes);
  return memory;
}

static void command(uint32_t opcode, const void *in, size_t bytes, void *out, const char *what) {
  int32_t result = vb_hypercall(VB_HC_HCA_COMMAND, opcode, (uint32_t)(uintptr_t)in, (uint32_t)bytes, (uint32_t)(uintptr_t)out);
  if (result < 0) vbmpi_fatal(MPI_ERR_OTHER, "MPI_Init", "the adapter refuses to %s (error %d)", what, (int)result);
}

static uint32_t power_of_two(uint32_t least) {
  uint32_t value = 1;
  while (value < least) value *= 2;
  return value;
}

/* How much to buffer: about 8 MiB for all peers, at least 16 messages and at most 64 for each (R11: VERBENA_EAGER_MAX, in bytes); and
 * the longest RDMA WRITE (VERBENA_RDMA_MAX, in bytes). */
static void choose_sizes(struct vbmpi_device *device) {
  const char *wish = getenv("VERBENA_EAGER_MAX");
  long eager = wish ? strtol(wish, 0, 10) : device->size > 64 ? 2048 : 8192;
  if (eager < 0) eager = 0;
  if (eager > (1 << 20)) eager = 1 << 20;
  device->eager_max = (size_t)eager;
  const char *piece = getenv("VERBENA_RDMA_MAX");
  long most = piece ? strtol(piece, 0, 10) : 1 << 30;
  device->write_max = most >= 4096 && most <= 1 << 30 ? (size_t)most : 1u << 30;
  size_t bytes = sizeof(struct vbmpi_header) + (device->eager_max > 128 ? device->eager_max : 128);
  device->buffer_bytes = (bytes + 63) & ~(size_t)63;
  uint32_t slots = 64;
  while (slots > 16 && slots * device->buffer_bytes * (size_t)device->size > (8u << 20)) slots /= 2;
  device->slots = slots;
  device->give_back = (slots - VBMPI_RESERVED) / 2;
  device->piggyback = (slots - VBMPI_RESERVED) / 4;
  device->unexpected_max = (size_t)(vb_boot_info()->memory_bytes / 8);
  if (device->unexpected_max > (64u << 20)) device->unexpected_max = 64u << 20;
}

/* Twice what can be outstanding: requests are posted again before the adapter has been told that their completions were read. */
static uint32_t create_cq(struct vb_cqe **ring, uint32_t *mask, uint32_t outstanding) {
  uint32_t entries = power_of_two(2 * outstanding);
  *ring = aligned(entries * sizeof(struct vb_cqe));
  *mask = entries - 1;
  struct vb_create_cq_in in = {.ring_addr = (uintptr_t)*ring, .entries = entries};
  struct vb_cmd_handle out;
  command(VB_CMD_CREATE_CQ, &in, sizeof in, &out, "create a completion queue");
  return out.handle;
}

static uint32_t register_lkey(void *memory, size_t bytes) {
  struct vb_reg_mr_in in = {.pd = vbmpi_device.pd, .access = VB_ACCESS_LOCAL_WRITE, .addr = (uintptr_t)memory, .length = bytes};
  struct vb_reg_mr_out out;
  command(VB_CMD_REG_MR, &in, sizeof in, &out, "register message buffers");
  vbmpi_page()->registrations++;
  return out.lkey;
}

static void create_send_buffers(struct vbmpi_device *device) {
  uint32_t total = 64;
  device->send_buffers = aligned(total * device->buffer_bytes);
  device->free_buffers = malloc(total * sizeof *device->free_buffers);
  if (device->free_buffers == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Init", "no memory for message buffers");
  for (uint32_t i = 0; i < total; i++) device->free_buffers[i] = (uint16_t)i;
  device->free_buffers_used = device->send_buffers_total = total;
  device->buffers_lkey = register_lkey(device->send_buffers, total * device->buffer_bytes);
}

/* Receive requests never change: request i of the ring always fills buffer i, and its wr_id says whose it is. */
static void fill_receive_ring(struct vbmpi_peer *peer, int rank) {
  for (uint32_t i = 0; i < vbmpi_device.slots; i++) {
    struct vb_recv_wqe *wqe = (struct vb_recv_wqe *)(peer->rq + i * VBMPI_RQ_STRIDE);
    struct vb_sge *sge = (struct vb_sge *)(wqe + 1);
    wqe->wr_id = ((uint64_t)(uint32_t)rank << 32) | i;
    wqe->num_sge = 1;
    sge->addr = (uintptr_t)(peer->buffers + i * vbmpi_device.buffer_bytes);
    sge->length = (uint32_t)vbmpi_device.buffer_bytes;
    sge->lkey = vbmpi_device.recv_lkey;
  }
}

static void create_peers(struct vbmpi_device *device) {
  size_t each = device->slots * device->buffer_bytes;
  size_t others = (size_t)device->size - 1;
  uint8_t *buffers = aligned(others * each);
  uint8_t *rings = aligned(others * (VBMPI_SQ_ENTRIES * VBMPI_SQ_STRIDE + device->slots * VBMPI_RQ_STRIDE));
  device->recv_lkey = register_lkey(buffers, others * each);
  for (int rank = 0; rank < device->size; rank++) {
    if (rank == device->rank) continue;
    struct vbmpi_peer *peer = &device->peers[rank];
    peer->buffers = buffers;
    peer->sq = rings;
    peer->rq = rings + VBMPI_SQ_ENTRIES * VBMPI_SQ_STRIDE;
    buffers += each;
    rings += VBMPI_SQ_ENTRIES * VBMPI_SQ_STRIDE + device->slots * VBMPI_RQ_STRIDE;
    memset(peer->sq_buffer, 0xff, sizeof peer->sq_buffer);
    struct vb_create_qp_in in = {
        .pd = device->pd, .send_cq = device->send_cq, .recv_cq = device->recv_cq, .flags = VB_QP_SCATTER_TO_CQE,
        .sq_addr = (uintptr_t)peer->sq, .rq_addr = (uintptr_t)peer->rq,
        .sq_entries = VBMPI_SQ_ENTRIES, .sq_stride = VBMPI_SQ_STRIDE, .rq_entries = device->slots, .rq_stride = VBMPI_RQ_STRIDE};
    struct vb_create_qp_out out;
    command(VB_CMD_CREATE_QP, &in, sizeof in, &out, "create a queue pair");
    peer->qpn = out.qpn;
    struct vb_modify_qp_in init = {.qpn = out.qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_ACCESS, .state = VB_QPS_INIT,
                                   .access = VB_ACCESS_LOCAL_WRITE | VB_ACCESS_REMOTE_WRITE};
    command(VB_CMD_MODIFY_QP, &init, sizeof init, 0, "initialise a queue pair");
    fill_receive_ring(peer, rank);
    peer->rq_tail = device->slots;
    peer->credits = device->slots - VBMPI_RESERVED;
    vb_uar_write(VB_UAR_RQ, peer->qpn, peer->rq_tail);
  }
}

static void exchange(const void *card, size_t bytes, uint8_t *all, size_t capacity) {
  int32_t got = vb_hypercall_block(VB_HC_RENDEZVOUS, (uint32_t)(uintptr_t)card, (uint32_t)bytes, (uint32_t)(uintptr_t)all, (uint32_t)capacity);
  if (got != (int32_t)capacity) vbmpi_fatal(MPI_ERR_OTHER, "MPI_Init", "the exchange of addresses between the ranks failed (result %d)", (int)got);
}

static void connect_peer(int rank, uint32_t dest_qpn) {
  struct vbmpi_peer *peer = &vbmpi_device.peers[rank];
  struct vb_modify_qp_in in = {.qpn = peer->qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_DEST, .state = VB_QPS_RTR,
                               .dest_lid = peer->lid, .dest_qpn = dest_qpn};
  command(VB_CMD_MODIFY_QP, &in, sizeof in, 0, "connect a queue pair");
  in.attr_mask = VB_ATTR_STATE | VB_ATTR_RETRY;
  in.state = VB_QPS_RTS;
  in.retry_count = 7;
  in.rnr_retry = 7;
  command(VB_CMD_MODIFY_QP, &in, sizeof in, 0, "open a queue pair for sending");
}

/* Exchange n carries the numbers of the queue pairs for ranks [n * QPNS_PER_CARD, ...): all cards have the same length. */
static void exchange_cards(struct vbmpi_device *device) {
  size_t rounds = ((size_t)device->size + QPNS_PER_CARD - 1) / QPNS_PER_CARD;
  for (size_t round = 0; round < rounds; round++) {
    size_t first = round * QPNS_PER_CARD;
    size_t qpns = (size_t)device->size - first < QPNS_PER_CARD ? (size_t)device->size - first : QPNS_PER_CARD;
    size_t bytes = sizeof(struct card) + qpns * sizeof(uint32_t);
    uint8_t mine[VB_CARD_MAX];
    struct card card = {.version = CARD_VERSION, .lid = vb_boot_info()->lid, .host = vb_boot_info()->host_index, .slots = device->slots,
                        .buffer_bytes = (uint32_t)device->buffer_bytes};
    memcpy(mine, &card, sizeof card);
    for (size_t i = 0; i < qpns; i++) memcpy(mine + sizeof card + i * 4, &device->peers[first + i].qpn, 4);
    uint8_t *all = aligned(bytes * (size_t)device->size);
    exchange(mine, bytes, all, bytes * (size_t)device->size);
    for (int rank = 0; rank < device->size; rank++) {
      const uint8_t *theirs = all + bytes * (size_t)rank;
      memcpy(&card, theirs, sizeof card);
      if (card.version != CARD_VERSION || card.slots != device->slots || card.buffer_bytes != device->buffer_bytes)
        vbmpi_fatal(MPI_ERR_OTHER, "MPI_Init", "rank %d was built or configured differently: the ranks must run one program with one environment", rank);
      device->peers[rank].lid = card.lid;
      device->peers[rank].host = card.host;
      size_t me = (size_t)device->rank;
      if (rank == device->rank || me < first || me >= first + qpns) continue;
      uint32_t qpn;
      memcpy(&qpn, theirs + sizeof card + (me - first) * 4, 4);
      connect_peer(rank, qpn);
    }
    free(all);
  }
}

void vbmpi_device_open(void) {
  struct vbmpi_device *device = &vbmpi_device;
  volatile struct vb_boot_info *boot = vb_boot_info();
  if (boot->magic != VB_BOOT_MAGIC || boot->abi_version != VB_ABI_VERSION)
    vbmpi_fatal(MPI_ERR_OTHER, "MPI_Init", "this program was built for version %u of the guest interface", VB_ABI_VERSION);
  device->rank = (int)boot->rank;
  device->size = (int)boot->size;
  device->peers = calloc((size_t)device->size, sizeof *device->peers);
  if (device->peers == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Init", "no memory for %d connections", device->size);
  choose_sizes(device);
  device->peers[device->rank].host = boot->host_index;
  if (device->size > 1) {
    struct vb_cmd_handle pd;
    command(VB_CMD_ALLOC_PD, 0, 0, &pd, "allocate a protection domain");
    device->pd = pd.handle;
    device->recv_cq = create_cq(&device->recv_ring, &device->recv_mask, (uint32_t)(device->size - 1) * device->slots);
    device->send_cq = create_cq(&device->send_ring, &device->send_mask, (uint32_t)(device->size - 1) * VBMPI_SQ_ENTRIES);
    create_send_buffers(device);
    create_peers(device);
    exchange_cards(device);
    /* The second meeting keeps anyone from sending before everyone can receive. */
    struct vb_device_info info;
    command(VB_CMD_QUERY_DEVICE, 0, 0, &info, "say what it is");
    device->links = (info.flags & VB_DEVICE_LINKS) != 0;
    uint32_t ready = 1;
    uint8_t *all = aligned((size_t)device->size * 4);
    exchange(&ready, sizeof ready, all, (size_t)device->size * 4);
    free(all);
  }
  vbmpi_calibrate_spin();
}
