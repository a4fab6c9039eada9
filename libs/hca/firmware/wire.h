/*
 * The engine of a link: what the holder of its io_lock does. One turn reads what the stream has, checks and executes whole frames, lets QPs that
 * wait put theirs into the ring, seals as many as the peer's credit allows, and writes them. It never waits.
 *
 * Credit counts units of 32 bytes from the start of the connection. A receiver grants as much as its inbound buffer takes; grants travel
 * in every header, and in a frame of the link's own when there is nothing else to send, which needs no credit.
 */
#ifndef VBF_WIRE_H
#define VBF_WIRE_H

#include "datagram.h"
#include "mac.h"

#define WINDOW_UNITS (768u * 1024u / VBF_UNIT)
#define READ_LEAST (128u * 1024u) /* room behind what is there, before a read */

#define WIRE_BUSY 1u    /* something was done */
#define WIRE_BROKEN 2u  /* the link is broken: see its fault */
#define WIRE_LEARN 4u   /* a domain's memory is not known here yet */

/* Functions of a link's stream: (address in the adapter memory, bytes) -> bytes moved, or a negative error of WASI. */
typedef int32_t (*stream_function)(uint32_t, uint32_t);
#define WASI_EAGAIN 6
#define WASI_EINTR 27
#define STREAM(link, number) ((stream_function)(uintptr_t)(own_table() + VBF_DOMAINS * VBF_PEER_FUNCTIONS + link_number(link) * 2 + (number)))
#define STREAM_READ(link) STREAM(link, 0)
#define STREAM_WRITE(link) STREAM(link, 1)

static inline uint32_t frame_bytes(const struct vbf_frame *f) { return (uint32_t)sizeof *f + padded(f->length); }

static void seal(struct vbf_link *link, struct vbf_frame *f) {
  link->rx_granted = link->rx_consumed + WINDOW_UNITS;
  f->grant = link->rx_granted;
  f->tag = mac_tag(&link->tx_keys, link->tx_count++, (const uint64_t *)f, (const uint8_t *)(f + 1), padded(f->length));
  link->frames_sent++;
}

/* Moves `bytes` to the stream; how many it took. */
static uint32_t stream_write(struct vbf_link *link, const void *from, uint32_t bytes) {
  int32_t result = STREAM_WRITE(link)((uint32_t)(uintptr_t)from, bytes);
  if (result > 0 && (uint32_t)result <= bytes) {
    link->bytes_sent += (uint32_t)result;
    return (uint32_t)result;
  }
  if (result != -WASI_EAGAIN && result != -WASI_EINTR && result != 0) link_break(link, VBF_FAULT_IO, (uint32_t)-result);
  return 0;
}

/* Seals what the credit allows. */
static void seal_frames(struct vbf_link *link) {
  uint32_t head = load32(&link->tx_head);
  while (link->tx_sealed != head) {
    if (link->tx_sealed == load32(&link->tx_pad)) {
      link->tx_sealed = (link->tx_sealed | (VBF_TX_BYTES - 1)) + 1;
      continue;
    }
    struct vbf_frame *f = (struct vbf_frame *)(tx_ring(link) + (link->tx_sealed & (VBF_TX_BYTES - 1)));
    uint32_t bytes = frame_bytes(f);
    if ((int32_t)(link->tx_granted - link->tx_used) < (int32_t)(bytes / VBF_UNIT)) return;
    link->tx_used += bytes / VBF_UNIT;
    seal(link, f);
    link->tx_sealed += bytes;
  }
}

/* A frame of the link's own, when one is due: between two others. */
static bool send_small(struct vbf_link *link) {
  if (link->small_left == 0) {
    bool credit = (int32_t)(link->rx_consumed + WINDOW_UNITS - link->rx_granted) >= (int32_t)(WINDOW_UNITS / 2);
    if (!credit && !link->owe_ping && !link->owe_pong) return false;
    struct vbf_frame *f = (struct vbf_frame *)link->small;
    uint64_t *words = (uint64_t *)f;
    for (int i = 0; i < 8; i++) words[i] = 0;
    f->opcode = link->owe_ping ? VBF_OP_PING : link->owe_pong ? VBF_OP_PONG : VBF_OP_CREDIT;
    if (link->owe_ping) link->owe_ping = 0;
    else link->owe_pong = 0;
    seal(link, f);
    link->small_left = sizeof *f;
  }
  uint32_t took = stream_write(link, link->small + sizeof(struct vbf_frame) - link->small_left, link->small_left);
  link->small_left -= took;
  return took != 0;
}

static bool wire_send(struct vbf_link *link) {
  bool busy = false;
  for (;;) {
    if (link->small_left != 0 || load32(&link->tx_tail) == link->tx_sealed) {
      busy |= send_small(link);
      if (link->small_left != 0) return busy;
    }
    seal_frames(link);
    uint32_t tail = link->tx_tail, pad = load32(&link->tx_pad), limit = link->tx_sealed;
    if ((pad & 1) == 0 && tail == pad && tail != limit) {
      tail = (tail | (VBF_TX_BYTES - 1)) + 1;
      pad = 1; /* before the tail: as soon as that has moved, a producer may set another */
      store32(&link->tx_pad, pad);
      store32(&link->tx_tail, tail);
    }
    if (tail == limit) return busy;
    uint32_t to_end = VBF_TX_BYTES - (tail & (VBF_TX_BYTES - 1)), bytes = limit - tail;
    if ((pad & 1) == 0 && pad - tail < bytes) bytes = pad - tail;
    if (bytes > to_end) bytes = to_end;
    uint32_t took = stream_write(link, tx_ring(link) + (tail & (VBF_TX_BYTES - 1)), bytes);
    if (took == 0) return busy;
    store32(&link->tx_tail, tail + took);
    busy = true;
    if (took != bytes) return busy;
  }
}

/*
 * Who sends next when more wait than the ring has room for: deficit round robin over the domains of the link by their weights, and within a domain over its QPs, each of
 * which sends for one turn (remote.h) by the weight of its virtual lane. Whoever rings a doorbell meanwhile sends at once only while its domain's share of the round lasts.
 */
#define LINK_QUANTUM 65536 /* bytes, for each unit of a domain's weight */
#define MOST_ROUNDS 64u    /* before others that need the link's lock get it */

/* The next round begins: who has used up his share gets another. */
static void wire_share(struct vbf_link *link) {
  lock_take(&link->tx_lock);
  for (uint32_t slot = 0; slot < VBF_DOMAINS; slot++) {
    const struct vbf_domain *d = domain_at(slot);
    if (link->share[slot] <= 0) link->share[slot] += (int32_t)(LINK_QUANTUM * (d->weight ? d->weight : 1));
  }
  lock_drop(&link->tx_lock);
}

#define PASS_IDLE 0u       /* nobody could send anything */
#define PASS_BUSY 1u
#define PASS_FULL 2u       /* there is no more room */

/* One turn of a QP that waits: PASS_*. Who cannot now waits on; `*left` says that somebody does. */
static uint32_t pending_turn(struct vbf_link *link, struct vbf_qp *qp, bool *left) {
  bool share_left = link->share[qp->slot % VBF_DOMAINS] > 0 || load32(&qp->owe) != 0;
  /* Of another partition, where only the link worker can read; or its thread is at it, and may leave the rest to us. */
  if (!share_left || !reachable(qp->slot, qp->epoch) || !lock_try(&qp->sq_lock)) {
    pend(qp);
    *left = true;
    return PASS_IDLE;
  }
  uint32_t head = link->tx_head;
  enum sent sent = qp->link == link_number(link) + 1 ? remote_run(qp) : SENT_ALL;
  lock_drop(&qp->sq_lock);
  flush_deferred();
  if (sent == RING_FULL) return PASS_FULL;
  *left |= sent != SENT_ALL;
  return link->tx_head != head ? PASS_BUSY : PASS_IDLE;
}

/* All QPs that wait, once, beginning behind the one that was last. */
static uint32_t pending_pass(struct vbf_link *link, bool *left) {
  uint32_t high = load32(&header()->qp_high), words = (high + 31) / 32, start = link->pend_next < high ? link->pend_next : 0, done = PASS_IDLE;
  for (uint32_t i = 0; i <= words; i++) {
    uint32_t word = (start / 32 + i) % words, mask = i == 0 ? ~0u << (start % 32) : i == words ? ~(~0u << (start % 32)) : ~0u;
    uint32_t bits = load32(&link->pend[word]) & mask ? __atomic_fetch_and(&link->pend[word], ~mask, __ATOMIC_SEQ_CST) & mask : 0;
    for (; bits != 0; bits &= bits - 1) {
      struct vbf_qp *qp = qp_at(word * 32 + (uint32_t)__builtin_ctz(bits));
      if (qp->qpn == 0 || qp->link != link_number(link) + 1) continue;
      uint32_t turn = pending_turn(link, qp, left);
      if (turn == PASS_FULL) {
        bits &= bits - 1;
        if (bits != 0) __atomic_fetch_or(&link->pend[word], bits, __ATOMIC_SEQ_CST);
        link->pend_next = (uint32_t)(qp - (struct vbf_qp *)VBF_QP_ADDR) + 1;
        return PASS_FULL;
      }
      done |= turn;
    }
  }
  return done;
}

/* Lets QPs that wait use the ring, round by round. True when somebody did. */
static bool wire_pending(struct vbf_link *link) {
  if (load32(&link->pend_any) == 0) return false;
  uint32_t head = link->tx_head, pass = PASS_BUSY;
  bool left = true, shared = false;
  for (uint32_t i = 0; left && i < MOST_ROUNDS && pass != PASS_FULL; i++) {
    left = false;
    store32(&link->pend_any, 0);
    pass = pending_pass(link, &left);
    if (pass == PASS_FULL) store32(&link->pend_any, 1);
    if (pass == PASS_IDLE && left) { /* all that wait have used up their share, or cannot send from here */
      if (shared) break;
      wire_share(link);
    }
    shared = pass == PASS_IDLE;
  }
  if (!left && pass != PASS_FULL) store32(&link->crowded, 0);
  else if (shared && own_slot() < VBF_DOMAINS) wire_ring();
  return link->tx_head != head;
}

/* Acknowledgements that could wait, and found no other frame to travel with. */
static void wire_acknowledge(struct vbf_link *link) {
  if (link->lazy == 0) return;
  link->lazy = 0;
  uint32_t high = load32(&header()->qp_high);
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_qp *qp = qp_at(i);
    if (qp->link == link_number(link) + 1 && (load32(&qp->owe) & VBF_OWE_ACK)) owe(qp, VBF_OWE_ACK_NOW);
  }
}

static enum heard hear(struct vbf_link *link, const struct vbf_frame *f) {
  switch (f->opcode) {
    case VBF_OP_PING: link->owe_pong = 1; return HEARD;
    case VBF_OP_CREDIT:
    case VBF_OP_PONG: return HEARD;
  }
  if (route_to(f->src_lid) != link_number(link) + 1) {
    link_break(link, VBF_FAULT_LID, f->src_lid);
    return HEARD;
  }
  if (f->opcode >= VBF_OP_ACK && f->opcode <= VBF_OP_GONE) return hear_control(link, f);
  if (f->opcode == VBF_OP_DATA) return hear_data(link, f);
  if (f->opcode == VBF_OP_DATAGRAM) return hear_datagram(f, (const uint8_t *)(f + 1));
  return hear_request(link, f, (const uint8_t *)(f + 1));
}

/* Executes the whole frames that are there. WIRE_* bits. */
static uint32_t wire_receive(struct vbf_link *link) {
  uint8_t *buffer = rx_buffer(link);
  uint32_t result = 0;
  while (link->state == VBF_LINK_UP && link->rx_fill - link->rx_done >= sizeof(struct vbf_frame)) {
    const struct vbf_frame *f = (const struct vbf_frame *)(buffer + link->rx_done);
    uint32_t bytes = frame_bytes(f);
    if (f->length > VBF_SEGMENT) {
      link_break(link, VBF_FAULT_FRAME, f->length);
      break;
    }
    if (link->rx_fill - link->rx_done < bytes) break;
    if (mac_tag(&link->rx_keys, link->rx_count, (const uint64_t *)f, (const uint8_t *)(f + 1), padded(f->length)) != f->tag) {
      link_break(link, VBF_FAULT_TAG, (uint32_t)link->rx_count);
      break;
    }
    enum heard heard = hear(link, f);
    if (heard == HEARD_LATER) return result | WIRE_LEARN;
    if (heard == HEARD_BAD) {
      link_break(link, VBF_FAULT_FRAME, f->opcode);
      break;
    }
    link->tx_granted = f->grant;
    link->rx_count++;
    link->frames_received++;
    link->rx_done += bytes;
    if (f->opcode < VBF_OP_CREDIT) link->rx_consumed += bytes / VBF_UNIT;
    result |= WIRE_BUSY;
  }
  return result;
}

static bool wire_read(struct vbf_link *link) {
  uint8_t *buffer = rx_buffer(link);
  if (link->rx_done == link->rx_fill) {
    link->rx_done = link->rx_fill = 0;
  } else if (VBF_RX_BYTES - link->rx_fill < READ_LEAST) {
    __builtin_memmove(buffer, buffer + link->rx_done, link->rx_fill - link->rx_done);
    link->rx_fill -= link->rx_done;
    link->rx_done = 0;
  }
  uint32_t room = VBF_RX_BYTES - link->rx_fill;
  if (room == 0) return false;
  int32_t result = STREAM_READ(link)((uint32_t)(uintptr_t)(buffer + link->rx_fill), room);
  if (result > 0 && (uint32_t)result <= room) {
    link->rx_fill += (uint32_t)result;
    link->bytes_received += (uint32_t)result;
    return true;
  }
  if (result == 0) link_break(link, VBF_FAULT_CLOSED, 0);
  else if (result != -WASI_EAGAIN && result != -WASI_EINTR) link_break(link, VBF_FAULT_IO, (uint32_t)-result);
  return false;
}

static uint32_t wire_run(struct vbf_link *link) {
  if (load32(&link->state) != VBF_LINK_UP || !lock_try(&link->io_lock)) return 0;
  uint32_t result = 0;
  if (load32(&link->state) == VBF_LINK_UP && has_stream(link)) {
    if (wire_read(link) || link->rx_done != link->rx_fill) result |= wire_receive(link);
    if (wire_pending(link)) result |= WIRE_BUSY;
    if (link->state == VBF_LINK_UP && wire_send(link)) result |= WIRE_BUSY;
  }
  if (link->state == VBF_LINK_BROKEN) result |= WIRE_BROKEN;
  lock_drop(&link->io_lock);
  return result;
}

static uint32_t wire_spin(uint32_t turns) {
  uint32_t high = load32(&header()->link_high), result = 0;
  while (turns-- != 0 && (result & ~WIRE_BUSY) == 0) {
    for (uint32_t i = 0; i < high; i++) result |= wire_run(link_at(i));
  }
  return result;
}

#endif
