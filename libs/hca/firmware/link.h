/*
 * Links to other processes: frames, the outbound ring, and the list of QPs that wait for room in it.
 *
 * Any thread puts frames into a link's ring under tx_lock. Whoever holds io_lock seals them (number, credit, tag), writes them to the stream, and
 * executes what comes (wire.h). A frame has a header of 64 bytes; its payload is padded with zeros to a multiple of 32.
 */
#ifndef VBF_LINK_H
#define VBF_LINK_H

#include "lock.h"

#define VBF_SEGMENT 4096u   /* payload of a frame, at most: the largest path MTU */
#define VBF_UNIT 32u        /* in which credit counts */
#define VBF_CONTROL_ROOM 8192u /* of the ring, which requests leave to acknowledgements */

/* Frames of a request carry its VB_WR_* opcode. */
#define VBF_OP_ACK 64u
#define VBF_OP_RNR 65u        /* no receive request is posted: wait for READY, then send from `ack` on */
#define VBF_OP_NAK 66u        /* the request numbered `ack` failed at the receiver with the status `imm` */
#define VBF_OP_READY 67u      /* the QP is connected, or has receive requests again */
#define VBF_OP_PROBE 68u      /* answer with what you have */
#define VBF_OP_RESEND 69u     /* packets are missing: send from `psn` on (a NAK for a PSN sequence error) */
#define VBF_OP_NOT_READY 70u  /* the QP exists, and is not connected yet */
#define VBF_OP_GONE 71u       /* there is no such QP, or it is connected to another, or in error */
#define VBF_OP_DATA 72u       /* a packet of the answer to a READ or an atomic */
#define VBF_OP_DATAGRAM 73u   /* one packet of an unreliable datagram, with the Q_Key as `rkey` */
#define VBF_OP_CREDIT 80u
#define VBF_OP_PING 81u
#define VBF_OP_PONG 82u
#define VBF_OP_PAD 127u       /* fills the ring's end; never on the wire */

#define VBF_FRAME_ACK_REQUESTED 1u
#define VBF_FRAME_SOLICITED 2u
#define VBF_FRAME_IMM 4u       /* of a datagram */

struct vbf_frame {
  uint16_t length;        /* of the payload, without padding */
  uint8_t opcode;
  uint8_t flags;
  uint16_t src_lid, dest_lid;
  uint32_t dest_qpn, src_qpn;
  uint16_t pkey;
  uint8_t sl;
  uint8_t mtu;            /* log2 of the sender's path MTU */
  uint32_t psn;           /* 24 bits: of this packet; in what answers, the one that is expected */
  uint32_t ack_psn;       /* 24 bits: of the packet behind the last message that was executed */
  uint32_t total;         /* bytes of the message */
  uint32_t imm;
  uint32_t rkey;
  uint32_t ack;           /* how many messages of the other direction were executed */
  uint32_t grant;         /* the sender of this frame takes up to here, in units */
  uint64_t remote_addr;
  uint64_t tag;
};
_Static_assert(sizeof(struct vbf_frame) == 64, "a frame's header is one cache line");
_Static_assert(sizeof(struct vbf_link) <= VBF_LINK_STRIDE, "a link fits its place");

static inline struct vbf_link *link_at(uint32_t number) { return (struct vbf_link *)(uintptr_t)(VBF_LINK_ADDR + (number % VBF_LINKS) * VBF_LINK_STRIDE); }
static inline uint32_t link_number(const struct vbf_link *link) { return ((uint32_t)(uintptr_t)link - VBF_LINK_ADDR) / VBF_LINK_STRIDE; }
static inline struct vbf_link *link_of(const struct vbf_qp *qp) { return link_at(qp->link - 1); }
static inline uint8_t *tx_ring(const struct vbf_link *link) { return (uint8_t *)(uintptr_t)(VBF_RING_ADDR + link_number(link) * VBF_RING_STRIDE); }
static inline uint8_t *rx_buffer(const struct vbf_link *link) { return tx_ring(link) + VBF_TX_BYTES; }
static inline uint32_t padded(uint32_t bytes) { return (bytes + 31) & ~31u; }

/* Packet sequence numbers have 24 bits; of two of them the one that is less than half the circle ahead is the later (vol. 1, section 9.7.2). */
#define VBF_PSN_MASK 0xffffffu
#define VBF_PSN_HALF 0x800000u
static inline uint32_t psn_add(uint32_t psn, uint32_t packets) { return (psn + packets) & VBF_PSN_MASK; }
static inline uint32_t psn_from(uint32_t from, uint32_t to) { return (to - from) & VBF_PSN_MASK; }

/* Which link leads to a LID, counted from 1; 0: none. */
static inline uint32_t route_to(uint32_t lid) { return ((const uint8_t *)(uintptr_t)VBF_ROUTE_ADDR)[lid & 0xffff]; }

static __attribute__((noinline)) void link_break(struct vbf_link *link, uint32_t fault, uint32_t detail) {
  if (link->state != VBF_LINK_UP) return;
  link->fault = fault;
  link->fault_detail = detail;
  store32(&link->state, VBF_LINK_BROKEN);
}

/* Tells the link worker that there is something to do. */
static inline void wire_ring(void) {
  __atomic_fetch_add(&header()->bell, 1, __ATOMIC_SEQ_CST);
  if (load32(&header()->asleep) != 0) __builtin_wasm_memory_atomic_notify((int *)&header()->bell, 1);
}

/* Remembers that a QP has something to send. */
static inline void pend(const struct vbf_qp *qp) {
  struct vbf_link *link = link_of(qp);
  uint32_t index = (uint32_t)(qp - (struct vbf_qp *)VBF_QP_ADDR);
  __atomic_fetch_or(&link->pend[index / 32], 1u << (index % 32), __ATOMIC_SEQ_CST);
  store32(&link->pend_any, 1);
}

/* Opens the stream of a link's present connection on this thread; 0 when that cannot be. The only call that leaves WebAssembly for set-up: once for
 * each connection and thread. */
__attribute__((import_module("host"), import_name("connect"))) uint32_t host_connect(uint32_t link);

/* Learns the memories of domains that have come since this thread last looked. For datagrams, which go to QPs that no set-up command has named: once for
 * each new domain. */
__attribute__((import_module("host"), import_name("learn"))) void host_learn(void);

/* Whether this thread can move bytes of the link. The caller holds io_lock, so that the connection stays. */
static inline bool has_stream(const struct vbf_link *link) {
  uint32_t *mine = &self()->streams[link_number(link)];
  if (LIKELY(*mine == link->generation)) return true;
  if (host_connect(link_number(link)) == 0) return false;
  *mine = link->generation;
  return true;
}

static __attribute__((noinline)) void remote_owe(struct vbf_qp *qp, uint32_t what) {
  __atomic_fetch_or(&qp->owe, what, __ATOMIC_SEQ_CST);
  pend(qp);
  wire_ring();
}

/* Room for a frame in the ring, or null; the caller holds tx_lock. `spare` bytes stay free behind it. */
static struct vbf_frame *frame_begin(struct vbf_link *link, uint32_t payload, uint32_t spare) {
  uint32_t bytes = (uint32_t)sizeof(struct vbf_frame) + padded(payload), head = link->tx_head;
  uint32_t at = head & (VBF_TX_BYTES - 1), to_end = VBF_TX_BYTES - at;
  uint32_t need = bytes > to_end ? bytes + to_end : bytes;
  if (load32(&link->state) != VBF_LINK_UP || need + spare > VBF_TX_BYTES - (head - load32(&link->tx_tail))) return 0;
  if (bytes > to_end) {
    store32(&link->tx_pad, head);
    store32(&link->tx_head, head + to_end);
    at = 0;
  }
  struct vbf_frame *frame = (struct vbf_frame *)(tx_ring(link) + at);
  uint64_t *words = (uint64_t *)frame;
  for (int i = 0; i < 8; i++) words[i] = 0;
  frame->length = (uint16_t)payload;
  if (payload & 31) { /* the padding, before the payload is written over it */
    uint64_t *last = (uint64_t *)((uint8_t *)(frame + 1) + (payload & ~31u));
    for (int i = 0; i < 4; i++) last[i] = 0;
  }
  return frame;
}

static inline void frame_commit(struct vbf_link *link, const struct vbf_frame *frame) {
  store32(&link->tx_head, link->tx_head + (uint32_t)sizeof *frame + padded(frame->length));
}

#endif
