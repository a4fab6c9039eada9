/* Who works on links: guests that post or wait, and the link worker; and what happens when a connection comes or goes. */
#ifndef VBF_ENGAGE_H
#define VBF_ENGAGE_H

#include "wire.h"

/*
 * The guest's part. A thread that has just posted, or that waits for a completion, does what the link worker would do: that saves waking
 * a thread, and on a machine with no core to spare it saves waiting for one. Whatever it cannot do it leaves to the worker.
 */

/* Sends what is in the ring. */
static __attribute__((noinline)) void guest_push(struct vbf_link *link) {
  if (load32(&link->state) != VBF_LINK_UP || !lock_try(&link->io_lock)) return wire_ring();
  bool done = load32(&link->state) == VBF_LINK_UP && has_stream(link);
  if (done) {
    wire_send(link);
    if (load32(&link->crowded) != 0 && link->state == VBF_LINK_UP && wire_pending(link)) wire_send(link);
    done = load32(&link->crowded) == 0 && link->state == VBF_LINK_UP && load32(&link->tx_tail) == load32(&link->tx_head);
  }
  lock_drop(&link->io_lock);
  if (!done) wire_ring();
}

/* One turn of one of the domain's links; the next one next time. */
static __attribute__((noinline)) void guest_poll(uint64_t links) {
  struct vbf_thread *me = self();
  uint64_t behind = links >> (me->poll_next % VBF_LINKS);
  uint32_t number = behind ? me->poll_next % VBF_LINKS + (uint32_t)__builtin_ctzll(behind) : (uint32_t)__builtin_ctzll(links);
  struct vbf_link *link = link_at(number);
  me->poll_next = number + 1;
  if (load32(&link->io_lock) != 0 && load32(&header()->asleep) != 0) return wire_ring(); /* the worker dozes over it */
  uint32_t result = wire_run(link);
  __atomic_fetch_add(&header()->guest_polls, 1, __ATOMIC_RELAXED);
  if (UNLIKELY(result & ~WIRE_BUSY)) wire_ring();
}

/* The link worker waits in its event loop, which reads in the firmware's place: nobody else may. False when somebody is at work. */
static uint32_t wire_hold(void) {
  uint32_t high = load32(&header()->link_high);
  for (uint32_t i = 0; i < high; i++) {
    if (lock_try(&link_at(i)->io_lock)) continue;
    while (i-- != 0) lock_drop(&link_at(i)->io_lock);
    return 0;
  }
  return high + 1;
}

static void wire_release(uint32_t held) {
  for (uint32_t i = 0; i + 1 < held; i++) lock_drop(&link_at(i)->io_lock);
}

/* All QPs of a link, each under its lock. */
static void wire_each(uint32_t number, void (*action)(struct vbf_qp *)) {
  uint32_t high = load32(&header()->qp_high);
  for (uint32_t i = 0; i < high; i++) {
    struct vbf_qp *qp = qp_at(i);
    if (qp->link != number + 1 || qp->qpn == 0) continue;
    lock_take(&qp->sq_lock);
    if (qp->link == number + 1 && reachable(qp->slot, qp->epoch)) action(qp);
    lock_drop(&qp->sq_lock);
    flush_deferred();
  }
}

static void start_again(struct vbf_qp *qp) {
  remote_rewind(qp);
  qp->waiting = 0;
  qp->rx_refused = 0;
  __atomic_fetch_and(&qp->owe, ~(VBF_OWE_DATA | VBF_OWE_RESULT), __ATOMIC_SEQ_CST); /* they will be asked for again */
  owe(qp, VBF_OWE_READY);
}

/* So many bytes of the connection lie in the inbound buffer already. Everybody may read from the stream as soon as the link is up. */
static void wire_up(uint32_t number, uint32_t received) {
  struct vbf_link *link = link_at(number);
  lock_take(&link->io_lock);
  lock_take(&link->tx_lock);
  link->rx_done = link->small_left = 0;
  link->rx_fill = received;
  link->tx_head = link->tx_tail = link->tx_sealed = 0;
  link->tx_pad = 1;
  store32(&link->crowded, 0);
  link->tx_used = link->rx_consumed = 0;
  link->tx_granted = link->rx_granted = WINDOW_UNITS;
  link->tx_count = link->rx_count = 0;
  link->owe_ping = link->owe_pong = 0;
  link->fault = VBF_FAULT_NONE;
  link->generation++;
  self()->streams[number] = link->generation;
  store32(&link->state, VBF_LINK_UP);
  lock_drop(&link->tx_lock);
  wire_each(number, start_again);
  lock_drop(&link->io_lock);
}

/* After this nobody touches the stream, so that it can be closed. */
static void wire_down(struct vbf_link *link) {
  lock_take(&link->io_lock);
  store32(&link->state, VBF_LINK_DOWN);
  link->down_since = header()->now_ms;
  lock_drop(&link->io_lock);
}

static void fail_lost(struct vbf_qp *qp) {
  if (receives(qp->state)) remote_failed(qp, VB_WC_RETRY_EXC_ERR);
}

/* The process at the other end is another one now, which knows none of our connections. */
static void wire_lost(uint32_t number) { wire_each(number, fail_lost); }

#endif
