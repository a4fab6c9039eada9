#include <string.h>

#include "channel.h"
#include "device.h"
#include "env/error.h"
#include "pt2pt/request.h"

/* Gives receive requests back to the adapter before the credits for them go to the peer. */
static inline uint8_t take_owed(struct vbmpi_peer *peer) {
  uint32_t owed = peer->owed;
  if (owed < vbmpi_device.piggyback) return 0;
  if (owed > 255) owed = 255;
  peer->owed -= owed;
  peer->rq_tail += owed;
  if (!peer->channel) vb_uar_write(VB_UAR_RQ, peer->qpn, peer->rq_tail);
  return (uint8_t)owed;
}

static inline void stamp(struct vbmpi_peer *peer, struct vbmpi_header *header) {
  header->credits = take_owed(peer);
  header->sequence = peer->sent++;
  if (__builtin_expect(vbmpi_device.unexpected_bytes > vbmpi_device.unexpected_max, 0)) header->kind |= VBMPI_CHOKED;
}

static inline struct vb_send_wqe *next_wqe(struct vbmpi_peer *peer, uint8_t opcode, uint8_t flags) {
  struct vb_send_wqe *wqe = (struct vb_send_wqe *)(peer->sq + (peer->sq_tail & (VBMPI_SQ_ENTRIES - 1)) * VBMPI_SQ_STRIDE);
  wqe->opcode = opcode;
  if (++peer->unsignaled >= VBMPI_SIGNAL_EVERY) flags |= VB_SEND_SIGNALED;
  if (flags & VB_SEND_SIGNALED) {
    peer->unsignaled = 0;
    vbmpi_device.signaled++;
  }
  wqe->flags = flags;
  return wqe;
}

static inline void ring(struct vbmpi_peer *peer) {
  peer->sq_tail++;
  vb_uar_write(VB_UAR_SQ, peer->qpn, peer->sq_tail);
}

/* wr_id of a send: the peer, and the slot count after it, by which completions free everything up to it. */
static inline uint64_t send_id(const struct vbmpi_peer *peer) {
  return ((uint64_t)(uint32_t)(peer - vbmpi_device.peers) << 32) | (peer->sq_tail + 1);
}

void vbmpi_post_inline(struct vbmpi_peer *peer, struct vbmpi_header *header, const void *payload, size_t bytes) {
  if (header->kind < VBMPI_CREDIT) peer->credits--;
  stamp(peer, header);
  if (peer->channel) {
    vbmpi_channel_post(peer, header, payload, bytes);
    return;
  }
  struct vb_send_wqe *wqe = next_wqe(peer, VB_WR_SEND, VB_SEND_INLINE);
  wqe->wr_id = send_id(peer);
  wqe->num_sge = 0;
  wqe->inline_len = (uint32_t)(sizeof *header + bytes);
  uint8_t *data = (uint8_t *)wqe + VB_SEND_WQE_HEADER;
  memcpy(data, header, sizeof *header);
  if (bytes == 8) {
    memcpy(data + sizeof *header, payload, 8);
  } else if (bytes != 0) {
    memcpy(data + sizeof *header, payload, bytes);
  }
  ring(peer);
}

bool vbmpi_post_buffered(struct vbmpi_peer *peer, struct vbmpi_header *header, const void *payload, size_t bytes) {
  if (peer->channel) {
    peer->credits--;
    stamp(peer, header);
    vbmpi_channel_post(peer, header, payload, bytes);
    return true;
  }
  if (vbmpi_device.free_buffers_used == 0) return false;
  uint16_t number = vbmpi_device.free_buffers[--vbmpi_device.free_buffers_used];
  uint8_t *buffer = vbmpi_device.send_buffers + number * vbmpi_device.buffer_bytes;
  peer->credits--;
  stamp(peer, header);
  memcpy(buffer, header, sizeof *header);
  memcpy(buffer + sizeof *header, payload, bytes);
  peer->sq_buffer[peer->sq_tail & (VBMPI_SQ_ENTRIES - 1)] = number;
  struct vb_send_wqe *wqe = next_wqe(peer, VB_WR_SEND, VB_SEND_SIGNALED);
  wqe->wr_id = send_id(peer);
  wqe->num_sge = 1;
  wqe->inline_len = 0;
  struct vb_sge *sge = (struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER);
  sge->addr = (uintptr_t)buffer;
  sge->length = (uint32_t)(sizeof *header + bytes);
  sge->lkey = vbmpi_device.send_lkey;
  ring(peer);
  return true;
}

bool vbmpi_post_direct(struct vbmpi_peer *peer, const struct vbmpi_direct *direct) {
  size_t bytes = direct->bytes;
  if (peer->pending_first != 0 || bytes > vbmpi_device.write_max) return false;
  if (peer->channel) {
    if (direct->reads) {
      vbmpi_channel_get(peer, direct->key, (uint32_t)direct->offset, direct->data, (uint32_t)bytes);
    } else {
      vbmpi_channel_put(peer, direct->key, (uint32_t)direct->offset, direct->data, (uint32_t)bytes);
    }
    return true;
  }
  if (!vbmpi_has_slot(peer)) return false;
  bool in_request = !direct->reads && bytes <= VBMPI_INLINE_MAX;
  uint32_t lkey = in_request ? 0 : vbmpi_register(direct->data, bytes)->lkey;
  struct vb_send_wqe *wqe = next_wqe(peer, direct->reads ? VB_WR_RDMA_READ : VB_WR_RDMA_WRITE, VB_SEND_SIGNALED | (in_request ? VB_SEND_INLINE : 0));
  wqe->wr_id = send_id(peer);
  wqe->num_sge = in_request ? 0 : 1;
  wqe->inline_len = in_request ? (uint32_t)bytes : 0;
  wqe->remote_addr = direct->address + direct->offset;
  wqe->rkey = direct->key;
  if (in_request) {
    memcpy((uint8_t *)wqe + VB_SEND_WQE_HEADER, direct->data, bytes);
  } else {
    *(struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER) = (struct vb_sge){.addr = (uintptr_t)direct->data, .length = (uint32_t)bytes, .lkey = lkey};
    peer->sq_write[peer->sq_tail & (VBMPI_SQ_ENTRIES - 1)] = VBMPI_DIRECT;
    vbmpi_transfers++;
  }
  ring(peer);
  return true;
}

static void post_piece(struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t lkey, uint8_t opcode, uint8_t flags, size_t bytes, uint32_t immediate) {
  struct vb_send_wqe *wqe = next_wqe(peer, opcode, flags);
  wqe->wr_id = send_id(peer);
  wqe->num_sge = bytes ? 1 : 0;
  wqe->inline_len = 0;
  wqe->imm = immediate;
  wqe->remote_addr = request->remote_addr + request->written;
  wqe->rkey = request->remote_rkey;
  struct vb_sge *sge = (struct vb_sge *)((uint8_t *)wqe + VB_SEND_WQE_HEADER);
  sge->addr = (uintptr_t)request->data + request->written;
  sge->length = (uint32_t)bytes;
  sge->lkey = lkey;
  request->written += bytes;
}

bool vbmpi_post_write(struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t lkey, uint32_t immediate) {
  if (peer->channel) {
    vbmpi_channel_write(peer, request, immediate);
    return true;
  }
  while (request->transfer - request->written > vbmpi_device.write_max) {
    if (peer->sq_tail - peer->sq_head >= VBMPI_SQ_ENTRIES) return false;
    post_piece(peer, request, lkey, VB_WR_RDMA_WRITE, VB_SEND_SIGNALED, vbmpi_device.write_max, 0);
    ring(peer);
  }
  if (peer->sq_tail - peer->sq_head >= VBMPI_SQ_ENTRIES) return false;
  peer->credits--;
  post_piece(peer, request, lkey, VB_WR_RDMA_WRITE_IMM, VB_SEND_SIGNALED, request->transfer - request->written, immediate);
  peer->sq_write[peer->sq_tail & (VBMPI_SQ_ENTRIES - 1)] = request->index;
  ring(peer);
  return true;
}
