#include "connect.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "coll/locality.h"
#include "device.h"
#include "env/error.h"

#define CARD_VERSION 2u
/* First words of every card; a line for each peer follows, as many as fit, over as many exchanges as it takes. */
struct card {
  uint32_t version;
  uint32_t lid;
  uint32_t host;
  uint32_t slots;
  uint32_t buffer_bytes;
  uint32_t domain_slot;
  uint32_t channels;   /* 1: this VM has channels to those of its host */
};
struct line {
  uint32_t qpn;
  uint32_t sent;   /* messages to that peer in the life of this process: it must have received as many */
};
#define LINES_PER_CARD ((VB_CARD_MAX - sizeof(struct card)) / sizeof(struct line))

/* The call that an error is told of. */
static const char *function = "MPI_Init";

static int32_t try_command(uint32_t opcode, const void *in, size_t bytes, void *out) {
  return vb_hypercall(VB_HC_HCA_COMMAND, opcode, (uint32_t)(uintptr_t)in, (uint32_t)bytes, (uint32_t)(uintptr_t)out);
}

static void command(uint32_t opcode, const void *in, size_t bytes, void *out, const char *what) {
  int32_t result = try_command(opcode, in, bytes, out);
  if (result < 0) vbmpi_fatal(MPI_ERR_OTHER, function, "the adapter refuses to %s (error %d)", what, (int)result);
}

static uint32_t create_cq(struct vb_cqe *ring, uint32_t mask) {
  memset(ring, 0, (mask + (size_t)1) * sizeof *ring);
  struct vb_create_cq_in in = {.ring_addr = (uintptr_t)ring, .entries = mask + 1};
  struct vb_cmd_handle out;
  command(VB_CMD_CREATE_CQ, &in, sizeof in, &out, "create a completion queue");
  return out.handle;
}

static struct vb_reg_mr_out register_buffers(void *memory, size_t bytes) {
  struct vb_reg_mr_in in = {.pd = vbmpi_device.pd, .access = VB_ACCESS_LOCAL_WRITE, .addr = (uintptr_t)memory, .length = bytes};
  struct vb_reg_mr_out out;
  command(VB_CMD_REG_MR, &in, sizeof in, &out, "register message buffers");
  vbmpi_page()->registrations++;
  return out;
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

static void create_qp(struct vbmpi_device *device, int rank) {
  struct vbmpi_peer *peer = &device->peers[rank];
  struct vb_create_qp_in in = {
      .pd = device->pd, .send_cq = device->send_cq, .recv_cq = device->recv_cq, .flags = VB_QP_SCATTER_TO_CQE,
      .sq_addr = (uintptr_t)peer->sq, .rq_addr = (uintptr_t)peer->rq,
      .sq_entries = VBMPI_SQ_ENTRIES, .sq_stride = VBMPI_SQ_STRIDE, .rq_entries = device->slots, .rq_stride = VBMPI_RQ_STRIDE};
  struct vb_create_qp_out out;
  command(VB_CMD_CREATE_QP, &in, sizeof in, &out, "create a queue pair");
  peer->qpn = out.qpn;
  struct vb_modify_qp_in init = {.qpn = out.qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_ACCESS, .state = VB_QPS_INIT,
                                 .access = VB_ACCESS_LOCAL_WRITE | VB_ACCESS_REMOTE_WRITE | VB_ACCESS_REMOTE_READ};
  command(VB_CMD_MODIFY_QP, &init, sizeof init, 0, "initialise a queue pair");
  peer->sq_head = peer->sq_tail = peer->unsignaled = peer->owed = 0;
  memset(peer->sq_buffer, 0xff, sizeof peer->sq_buffer);
  memset(peer->sq_write, 0, sizeof peer->sq_write);
  fill_receive_ring(peer, rank);
  peer->rq_tail = device->slots;
  peer->credits = device->slots - VBMPI_RESERVED;
  vb_uar_write(VB_UAR_RQ, peer->qpn, peer->rq_tail);
}

static void create_all(struct vbmpi_device *device) {
  struct vb_cmd_handle pd;
  command(VB_CMD_ALLOC_PD, 0, 0, &pd, "allocate a protection domain");
  device->pd = pd.handle;
  device->recv_cq = create_cq(device->recv_ring, device->recv_mask);
  device->send_cq = create_cq(device->send_ring, device->send_mask);
  device->recv_count = device->send_count = device->recv_told = device->send_told = device->signaled = 0;
  struct vb_reg_mr_out send = register_buffers(device->send_buffers, VBMPI_SEND_BUFFERS * device->buffer_bytes);
  struct vb_reg_mr_out recv = register_buffers(device->recv_buffers, ((size_t)device->size - 1) * device->slots * device->buffer_bytes);
  device->send_mr = send.handle;
  device->send_lkey = send.lkey;
  device->recv_mr = recv.handle;
  device->recv_lkey = recv.lkey;
  for (uint32_t i = 0; i < VBMPI_SEND_BUFFERS; i++) device->free_buffers[i] = (uint16_t)i;
  device->free_buffers_used = VBMPI_SEND_BUFFERS;
  for (int rank = 0; rank < device->size; rank++)
    if (rank != device->rank) create_qp(device, rank);
  struct vb_device_info info;
  command(VB_CMD_QUERY_DEVICE, 0, 0, &info, "say what it is");
  device->links = (info.flags & VB_DEVICE_LINKS) != 0;
}

/* After a move there is nothing to destroy, and every command is refused; who has stayed gives back what it had. */
static void destroy_all(struct vbmpi_device *device) {
  if (device->size == 1) return;
  for (int rank = 0; rank < device->size; rank++)
    if (rank != device->rank) try_command(VB_CMD_DESTROY_QP, &(struct vb_cmd_handle){.handle = device->peers[rank].qpn}, sizeof(struct vb_cmd_handle), 0);
  vbmpi_register_forget();
  const struct { uint32_t opcode, handle; } rest[] = {{VB_CMD_DEREG_MR, device->send_mr}, {VB_CMD_DEREG_MR, device->recv_mr},
                                                      {VB_CMD_DESTROY_CQ, device->send_cq}, {VB_CMD_DESTROY_CQ, device->recv_cq},
                                                      {VB_CMD_DEALLOC_PD, device->pd}};
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
    try_command(rest[i].opcode, &(struct vb_cmd_handle){.handle = rest[i].handle}, sizeof(struct vb_cmd_handle), 0);
}

static void exchange(const void *card, size_t bytes, uint8_t *all, size_t capacity) {
  int32_t got = vb_hypercall_block(VB_HC_RENDEZVOUS, (uint32_t)(uintptr_t)card, (uint32_t)bytes, (uint32_t)(uintptr_t)all, (uint32_t)capacity);
  if (got != (int32_t)capacity) vbmpi_fatal(MPI_ERR_OTHER, function, "the exchange of addresses between the ranks failed (result %d)", (int)got);
}

static void connect_peer(int rank, const struct line *line) {
  struct vbmpi_peer *peer = &vbmpi_device.peers[rank];
  if (line->sent != peer->received)
    vbmpi_fatal(MPI_ERR_INTERN, function, "rank %d has sent %u messages, and %u have arrived", rank, line->sent, peer->received);
  struct vb_modify_qp_in in = {.qpn = peer->qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_DEST, .state = VB_QPS_RTR,
                               .dest_lid = peer->lid, .dest_qpn = line->qpn};
  command(VB_CMD_MODIFY_QP, &in, sizeof in, 0, "connect a queue pair");
  in.attr_mask = VB_ATTR_STATE | VB_ATTR_RETRY;
  in.state = VB_QPS_RTS;
  in.retry_count = 7;
  in.rnr_retry = 7;
  command(VB_CMD_MODIFY_QP, &in, sizeof in, 0, "open a queue pair for sending");
}

/* Exchange n carries the lines for ranks [n * LINES_PER_CARD, ...): all cards have the same length. */
static void exchange_cards(struct vbmpi_device *device) {
  size_t rounds = ((size_t)device->size + LINES_PER_CARD - 1) / LINES_PER_CARD;
  for (size_t round = 0; round < rounds; round++) {
    size_t first = round * LINES_PER_CARD, me = (size_t)device->rank;
    size_t lines = (size_t)device->size - first < LINES_PER_CARD ? (size_t)device->size - first : LINES_PER_CARD;
    size_t bytes = sizeof(struct card) + lines * sizeof(struct line);
    uint8_t mine[VB_CARD_MAX];
    struct card card = {.version = CARD_VERSION, .lid = vb_boot_info()->lid, .host = vb_boot_info()->host_index, .slots = device->slots,
                        .buffer_bytes = (uint32_t)device->buffer_bytes,
                        .domain_slot = vb_boot_info()->domain_slot, .channels = device->has_channels};
    memcpy(mine, &card, sizeof card);
    for (size_t i = 0; i < lines; i++) {
      struct line line = {.qpn = device->peers[first + i].qpn, .sent = device->peers[first + i].sent};
      memcpy(mine + sizeof card + i * sizeof line, &line, sizeof line);
    }
    uint8_t *all = vbmpi_aligned(bytes * (size_t)device->size);
    exchange(mine, bytes, all, bytes * (size_t)device->size);
    for (int rank = 0; rank < device->size; rank++) {
      const uint8_t *theirs = all + bytes * (size_t)rank;
      memcpy(&card, theirs, sizeof card);
      /* No card: that process has left the job. */
      device->peers[rank].gone = card.version == 0;
      if (device->peers[rank].gone) continue;
      if (card.version != CARD_VERSION || card.slots != device->slots || card.buffer_bytes != device->buffer_bytes)
        vbmpi_fatal(MPI_ERR_OTHER, function, "rank %d was built or configured differently: the ranks must run one program with one environment", rank);
      device->peers[rank].lid = card.lid;
      device->peers[rank].host = card.host;
      device->peers[rank].slot = card.domain_slot;
      if (round == 0 && rank != device->rank && device->has_channels && card.channels && card.host == vb_boot_info()->host_index)
        vbmpi_channel_open(rank);
      if (rank == device->rank || me < first || me >= first + lines) continue;
      struct line line;
      memcpy(&line, theirs + sizeof card + (me - first) * sizeof line, sizeof line);
      connect_peer(rank, &line);
    }
    free(all);
  }
}

void vbmpi_connect(const char *name) {
  struct vbmpi_device *device = &vbmpi_device;
  function = name;
  create_all(device);
  vbmpi_channel_prepare();
  exchange_cards(device);
  /* The second meeting keeps anyone from sending before everyone can receive, and agrees from which collectives on the new places hold. */
  struct vbmpi_begun *all = vbmpi_aligned((size_t)device->size * sizeof *all), most = vbmpi_begun;
  most.links = device->links;
  exchange(&most, sizeof most, (uint8_t *)all, (size_t)device->size * sizeof *all);
  for (int rank = 0; rank < device->size; rank++)
    for (uint32_t i = 0; i < VBMPI_PLACES_BUCKETS; i++)
      if (all[rank].most[i] > most.most[i]) most.most[i] = all[rank].most[i];
  for (int rank = 0; rank < device->size; rank++) most.links |= all[rank].links;
  free(all);
  vbmpi_places_changed(&most);
}

void vbmpi_reconnect(void) {
  if (vbmpi_device.size > 1) vbmpi_take_late();
  vbmpi_device.incarnation++;
  destroy_all(&vbmpi_device);
  vbmpi_device_grow();
  vbmpi_connect(vbmpi_collective_or_call());
}
