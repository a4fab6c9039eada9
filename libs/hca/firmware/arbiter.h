/*
 * Whose turn it is when a port or a domain has a limit of rate (InfiniBand vol. 1, section 7.6.9): deficit round robin over the domains of a port by their weights, and
 * within a domain over its QPs by the weights of their virtual lanes. The clock is virtual: credit grows with the host's ticks, in bytes.
 *
 * A doorbell copies at once only where there is no limit. With one it says what is posted, and its thread carries out requests of its own domain for as long as it is
 * that domain's turn; what is another's turn is left to that domain or to the host's main thread, which goes round at each tick. So no
 * guest's thread ever works on a connection that is not its own.
 */
#ifndef VBF_ARBITER_H
#define VBF_ARBITER_H

#include "engage.h"

#define QUANTUM 4096         /* bytes, for each unit of weight */
#define MESSAGE_COST 64      /* bytes that a message costs beside its payload */
#define BURST_MS 20u         /* credit that can be saved up */

static bool backlogged(const struct vbf_qp *qp) {
  if (qp->qpn == 0 || (qp->slow & VBF_SLOW_SHAPED) == 0 || (qp->slow & VBF_SLOW_HELD) || qp->state != VB_QPS_RTS || qp->waiting != 0) return false;
  return (qp->link != 0 ? qp->sq_next : qp->sq_head) != qp->sq_tail;
}

/* The next QP of the domain behind `after` that has something to send, or null. */
static struct vbf_qp *next_backlogged(uint32_t slot, uint32_t after) {
  uint32_t high = load32(&header()->qp_high);
  for (uint32_t i = 1; i <= high; i++) {
    struct vbf_qp *qp = qp_at((after + i) % high);
    if (qp->slot == slot && backlogged(qp)) return qp;
  }
  return 0;
}

void slow_run(struct vbf_qp *qp);
void slow_push(const struct vbf_qp *qp);

/* Carries out one request: what it costs. */
static int32_t serve(struct vbf_qp *qp) {
  struct vbf_thread *me = self();
  lock_take(&qp->sq_lock);
  int32_t cost = 0;
  if (backlogged(qp) && reachable(qp->slot, qp->epoch)) {
    uint64_t bytes = qp->tx_bytes;
    uint32_t tail = qp->sq_tail;
    qp->sq_tail = (qp->link != 0 ? qp->sq_next : qp->sq_head) + 1;
    me->arbitrating = 1;
    slow_run(qp);
    me->arbitrating = 0;
    qp->sq_tail = tail;
    cost = (int32_t)(qp->tx_bytes - bytes) + MESSAGE_COST;
  }
  lock_drop(&qp->sq_lock);
  slow_push(qp);
  return cost;
}

static void grow(int32_t *credit, uint32_t rate, uint32_t ms) {
  int64_t most = (int64_t)rate * BURST_MS, sum = *credit + (int64_t)rate * ms;
  if (most > INT32_MAX) most = INT32_MAX;
  *credit = (int32_t)(sum > most ? most : sum);
}

static bool of_port(const struct vbf_domain *d, const struct vbf_port *port) {
  return (d->epoch & 1) != 0 && port_at(d->port - 1) == port;
}

static void refill(struct vbf_port *port) {
  uint32_t now = header()->now_ms, ms = now - port->refilled;
  if (ms == 0) return;
  if (ms > BURST_MS) ms = BURST_MS;
  port->refilled = now;
  grow(&port->credit, port->rate, ms);
  for (uint32_t slot = 0; slot < VBF_DOMAINS; slot++)
    if (of_port(domain_at(slot), port)) grow(&domain_at(slot)->credit, domain_at(slot)->rate, ms);
}

static inline bool port_open(const struct vbf_port *port) { return port->rate == 0 || port->credit > 0; }
static inline bool domain_open(const struct vbf_domain *d) { return d->rate == 0 || d->credit > 0; }

/* One turn of a domain, until its share or somebody's credit is used up, or there is nothing to send. True when something was sent, or when the share
 * was used up before: then it saves up for a message larger than a turn. */
static bool domain_turn(struct vbf_port *port, struct vbf_domain *d, uint32_t slot) {
  bool sent = d->deficit <= 0;
  struct vbf_qp *qp = qp_at(d->turn);
  while (d->deficit > 0 && port_open(port) && domain_open(d)) {
    if (qp->slot != slot || !backlogged(qp) || qp->deficit <= 0) {
      if (qp->slot == slot && !backlogged(qp)) qp->deficit = 0;
      qp = next_backlogged(slot, d->turn);
      if (qp == 0) {
        d->deficit = 0; /* who has nothing to send saves nothing up */
        return sent;
      }
      d->turn = (uint32_t)(qp - (struct vbf_qp *)VBF_QP_ADDR);
      qp->deficit += (int32_t)(QUANTUM * qp->weight);
      continue;
    }
    int32_t cost = serve(qp);
    if (cost == 0) return sent;
    sent = true;
    qp->deficit -= cost;
    d->deficit -= cost;
    if (port->rate != 0) port->credit -= cost;
    if (d->rate != 0) d->credit -= cost;
  }
  return sent;
}

/* Goes round the domains of a port for as long as there is credit. Who finds it taken leaves it to the next doorbell or tick. */
static __attribute__((noinline)) void arbitrate(struct vbf_port *port) {
  if (!lock_try(&port->lock)) return;
  refill(port);
  bool any = true;
  while (any && port_open(port)) {
    any = false;
    for (uint32_t i = 0; i < VBF_DOMAINS && port_open(port); i++) {
      uint32_t slot = (port->turn + (port->resting ? 0 : 1)) % VBF_DOMAINS;
      struct vbf_domain *d = domain_at(slot);
      if (!of_port(d, port)) {
        port->turn = slot;
        port->resting = 0;
        continue;
      }
      bool wants = domain_open(d) && next_backlogged(slot, d->turn) != 0;
      if (wants && own_slot() < VBF_DOMAINS && slot != own_slot()) goto out; /* another's turn */
      port->turn = slot;
      if (!port->resting) d->deficit = wants ? d->deficit + (int32_t)(QUANTUM * d->weight) : 0;
      port->resting = 0;
      if (wants) any |= domain_turn(port, d, slot);
      if (!port_open(port) && d->deficit > 0) port->resting = 1; /* goes on here when there is credit again */
    }
  }
out:
  lock_drop(&port->lock);
}

/* At each tick. */
static void arbitrate_all(void) {
  if (load32(&header()->shaped) == 0) return;
  for (uint32_t i = 0; i < VBF_PORTS && port_at(i)->state != 0; i++) arbitrate(port_at(i));
}

#endif
