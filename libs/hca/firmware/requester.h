/* The sending side: takes work requests from a send queue in order and carries each out at both ends. */
#ifndef VBF_REQUESTER_H
#define VBF_REQUESTER_H

#include "deliver.h"
#include "link.h"
#include "partition.h"

static inline bool receives(uint32_t state) { return state >= VB_QPS_RTR && state <= VB_QPS_SQE; }

/* With a peer that cannot send yet, or one of other membership in the partition. */
static __attribute__((noinline)) bool connected_oddly(const struct vbf_qp *qp, struct vbf_qp *peer) {
  if (peer->qpn != qp->dest_qpn || peer->lid != qp->dest_lid || peer->dest_qpn != qp->qpn || peer->dest_lid != qp->lid) return false;
  if (!pkeys_match(peer->pkey, qp->pkey) || !receives(peer->state)) return false;
  if (peer->state == VB_QPS_RTR && peer->rx_messages == 0 && reachable(peer->slot, peer->epoch)) qp_raise(peer, VBF_RAISE_ESTABLISHED);
  return true;
}

static inline bool connected(const struct vbf_qp *qp, struct vbf_qp *peer) {
  return LIKELY(peer->qpn == qp->dest_qpn && peer->lid == qp->dest_lid && peer->dest_qpn == qp->qpn && peer->dest_lid == qp->lid && peer->pkey == qp->pkey &&
                peer->state - VB_QPS_RTS <= VB_QPS_SQE - VB_QPS_RTS) ||
         connected_oddly(qp, peer);
}

/* The other side exists and may still come: it has been created and not connected, or it was connected since we looked. */
static inline bool may_come(const struct vbf_qp *qp, struct vbf_qp *peer) {
  bool there = peer->qpn == qp->dest_qpn && peer->lid == qp->dest_lid && pkeys_match(peer->pkey, qp->pkey);
  return there && (load32(&peer->state) <= VB_QPS_INIT || connected(qp, peer));
}

static inline __attribute__((always_inline)) enum outcome request_run(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r, uint8_t *status) {
  if (UNLIKELY(!connected(qp, peer))) {
    *status = VB_WC_RETRY_EXC_ERR;
    return may_come(qp, peer) ? WAIT_ANSWER : FAILED;
  }
  if (UNLIKELY(!reachable(peer->slot, peer->epoch))) {
    *status = VB_WC_FATAL_ERR;
    return FAILED;
  }
  if (UNLIKELY(r->opcode >= VB_WR_RDMA_READ)) {
    *status = deliver_fetch(qp, peer, r);
  } else {
    if (r->opcode != VB_WR_RDMA_WRITE && UNLIKELY(!rq_ready(peer))) return WAIT_RNR;
    *status = r->opcode <= VB_WR_SEND_IMM ? deliver_send(qp, peer, r) : deliver_write(qp, peer, r);
  }
  if (UNLIKELY(*status != VB_WC_SUCCESS)) return FAILED;
  peer->rx_messages++;
  peer->rx_bytes += r->bytes;
  return DONE;
}

/* Operations on memory windows: of the own side, or with a message. `status` is what came of reading the request so far. */
static __attribute__((noinline)) enum outcome request_special(struct vbf_qp *qp, struct vbf_qp *peer, struct request *r, uint8_t *status) {
  if (*status != VB_WC_LOC_QP_OP_ERR || r->opcode < VB_WR_SEND_INV || r->opcode > VB_WR_BIND_MW) return FAILED;
  if (r->opcode != VB_WR_SEND_INV) {
    *status = request_local(qp, r);
    return *status == VB_WC_SUCCESS ? DONE : FAILED;
  }
  if ((*status = request_gather_as(r, qp, VB_WR_SEND)) != VB_WC_SUCCESS) return FAILED;
  *status = VB_WC_RETRY_EXC_ERR;
  if (!connected(qp, peer)) return may_come(qp, peer) ? WAIT_ANSWER : FAILED;
  if (!reachable(peer->slot, peer->epoch)) return FAILED;
  if (!rq_ready(peer)) return WAIT_RNR;
  *status = window_invalidate(peer, r->imm) ? deliver_send(qp, peer, r) : refuse(peer, VB_WC_REM_ACCESS_ERR);
  if (*status != VB_WC_SUCCESS) return FAILED;
  peer->rx_messages++;
  peer->rx_bytes += r->bytes;
  return DONE;
}

/* Packets beyond the first that a message is cut into (vol. 1, section 9.7.2). */
static inline uint64_t more_packets(const struct vbf_qp *qp, uint64_t bytes) { return bytes == 0 ? 0 : (bytes - 1) >> qp->path_mtu; }
static inline uint32_t packets_of(const struct vbf_qp *qp, uint64_t bytes) { return 1 + (uint32_t)more_packets(qp, bytes); }

static __attribute__((noinline)) void count_packets(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  uint64_t packets = more_packets(qp, r->bytes);
  bool read = r->opcode == VB_WR_RDMA_READ; /* what is read travels the other way */
  if (read) {
    peer->tx_packets += packets, qp->rx_packets += packets;
    /* They take sequence numbers of the READ's own direction (section 9.7.2). */
    qp->tx_skew += (uint32_t)packets, peer->rx_skew += (uint32_t)packets;
    qp->rx_skew -= (uint32_t)packets, peer->tx_skew -= (uint32_t)packets;
  } else {
    qp->tx_packets += packets, peer->rx_packets += packets;
  }
}

/* Its completion queue is. */
static __attribute__((noinline)) void qp_broken(struct vbf_qp *qp) {
  qp_raise(qp, VBF_RAISE_FATAL);
  qp_fail(qp);
}

static inline __attribute__((always_inline)) void request_complete(struct vbf_qp *qp, const struct request *r, uint8_t status) {
  if ((r->flags & VB_SEND_SIGNALED) == 0 && status == VB_WC_SUCCESS) {
    qp->sq_head++;
    return;
  }
  struct completion c = {.wr_id = r->wr_id, .qpn = qp->qpn, .byte_len = (uint32_t)r->bytes, .opcode = r->opcode, .status = status};
  if (UNLIKELY(!cq_complete(qp->send_cq, &c, &qp->sq_head))) qp_broken(qp);
}

static __attribute__((noinline)) void request_wait(struct vbf_qp *qp, enum outcome why) {
  uint32_t kind = why == WAIT_RNR ? VBF_WAIT_RNR : VBF_WAIT_ANSWER;
  if (qp->waiting != kind) {
    qp->wait_since = header()->now_ms;
    qp->tx_waits++;
  }
  store32(&qp->waiting, kind);
}

/* Runs a send queue until it is empty, waits or fails. The caller holds sq_lock, and calls flush_deferred after it. */
static inline __attribute__((always_inline)) void send_queue_run(struct vbf_qp *qp) {
  while (qp->sq_head != qp->sq_tail) {
    if (UNLIKELY(qp->state != VB_QPS_RTS)) return;
    struct vbf_qp *peer = qp_at(qp->dest_qpn);
    struct request r;
    request_read(&r, qp, qp->sq_head);
    uint8_t status = request_gather(&r, qp);
    enum outcome outcome = LIKELY(status == VB_WC_SUCCESS) ? request_run(qp, peer, &r, &status) : request_special(qp, peer, &r, &status);
    if (LIKELY(outcome == DONE)) {
      qp->tx_messages++;
      qp->tx_bytes += r.bytes;
      if (UNLIKELY(r.bytes > 256)) count_packets(qp, peer, &r);
      request_complete(qp, &r, VB_WC_SUCCESS);
      if (UNLIKELY(qp->waiting != 0)) qp->waiting = 0;
      if (!peer->next_valid && qp->sq_head == qp->sq_tail) rq_prefetch(peer);
      continue;
    }
    if (outcome == FAILED) {
      request_complete(qp, &r, status);
      qp_fail(qp);
      return;
    }
    if (outcome == WAIT_RNR && qp->rnr_retry == 0) {
      request_complete(qp, &r, VB_WC_RNR_RETRY_EXC_ERR);
      qp_fail(qp);
      return;
    }
    request_wait(qp, outcome);
    return;
  }
}

/* The same, for whoever is in no hurry: the doorbell has a copy of its own. */
static __attribute__((noinline)) void send_queue_go_on(struct vbf_qp *qp) { send_queue_run(qp); }

/* The other side has changed (receive requests posted, connection opened): goes on with whatever its requester waits to do. */
void slow_resume(struct vbf_qp *qp);
static __attribute__((noinline)) void resume_requester_of(struct vbf_qp *responder) {
  if (responder->link != 0) return remote_owe(responder, VBF_OWE_READY);
  if (responder->dest_qpn == 0) return;
  struct vbf_qp *qp = qp_at(responder->dest_qpn);
  if (qp->qpn != responder->dest_qpn || qp->dest_qpn != responder->qpn || !pkeys_match(qp->pkey, responder->pkey)) return;
  if (!reachable(qp->slot, qp->epoch)) return;
  if (qp->slow != 0) return slow_resume(qp);
  lock_take(&qp->sq_lock);
  if (qp->state == VB_QPS_RTS) send_queue_go_on(qp);
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

#endif
