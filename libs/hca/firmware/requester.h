/* The sending side: takes work requests from a send queue in order and carries each out at both ends. */
#ifndef VBF_REQUESTER_H
#define VBF_REQUESTER_H

#include "flush.h"
#include "link.h"

#define MAX_MESSAGE (1ull << 30)

/* One work request, read once. */
struct request {
  uint64_t wr_id;
  uint8_t opcode, flags;
  uint32_t num_sge, imm, rkey, inline_len;
  uint64_t remote_addr;
  uint32_t wqe;
  uint64_t bytes;
  struct segment list[MAX_SGE];
  uint64_t compare_add, swap; /* of an atomic */
};

static inline void request_read(struct request *r, const struct vbf_qp *qp, uint32_t number) {
  uint32_t at = qp->sq_addr + (number & qp->sq_mask) * qp->sq_stride;
  uint64_t words[4];
  if (LIKELY(qp->slot == own_slot())) {
    for (int i = 0; i < 4; i++) words[i] = own_load64(at + 8 * i);
  } else {
    PEER_READ(qp->slot)((uint32_t)(uintptr_t)self()->scratch, at, 32);
    for (int i = 0; i < 4; i++) words[i] = ((uint64_t *)self()->scratch)[i];
  }
  r->wqe = at;
  r->wr_id = words[0];
  r->opcode = (uint8_t)words[1];
  r->flags = (uint8_t)(words[1] >> 8);
  r->num_sge = (uint16_t)(words[1] >> 16);
  r->imm = (uint32_t)(words[1] >> 32);
  r->remote_addr = words[2];
  r->rkey = (uint32_t)words[3];
  r->inline_len = (uint32_t)(words[3] >> 32);
}

/* An atomic has one entry of 8 bytes, and its operands behind it. */
static __attribute__((noinline)) uint8_t request_operands(struct request *r, const struct vbf_qp *qp, uint32_t room) {
  if (r->num_sge != 1 || room < sizeof(struct vb_sge) + sizeof(struct vb_atomic)) return VB_WC_LOC_QP_OP_ERR;
  if (r->bytes != 8) return VB_WC_LOC_LEN_ERR;
  struct vb_atomic *operands = (struct vb_atomic *)self()->scratch;
  fetch(operands, qp->slot, r->wqe + VB_SEND_WQE_HEADER + (uint32_t)sizeof(struct vb_sge), sizeof *operands);
  r->compare_add = operands->compare_add;
  r->swap = operands->swap;
  return VB_WC_SUCCESS;
}

/* Fills the gather list and checks it; a status other than success says what is wrong. */
static inline uint8_t request_gather(struct request *r, const struct vbf_qp *qp) {
  uint32_t room = qp->sq_stride - VB_SEND_WQE_HEADER;
  if (UNLIKELY(r->opcode < VB_WR_SEND || r->opcode > VB_WR_ATOMIC_FADD)) return VB_WC_LOC_QP_OP_ERR;
  if (r->flags & VB_SEND_INLINE) {
    if (UNLIKELY(r->opcode >= VB_WR_RDMA_READ)) return VB_WC_LOC_QP_OP_ERR;
    if (UNLIKELY(r->inline_len > room)) return VB_WC_LOC_LEN_ERR;
    r->list[0] = (struct segment){r->wqe + VB_SEND_WQE_HEADER, r->inline_len};
    r->bytes = r->inline_len;
    return VB_WC_SUCCESS;
  }
  if (UNLIKELY(r->num_sge * sizeof(struct vb_sge) > room || r->num_sge > MAX_SGE)) return VB_WC_LOC_QP_OP_ERR;
  struct vb_sge *list = (struct vb_sge *)self()->scratch;
  if (r->num_sge) fetch(list, qp->slot, r->wqe + VB_SEND_WQE_HEADER, r->num_sge * (uint32_t)sizeof *list);
  r->bytes = 0;
  uint32_t rights = r->opcode >= VB_WR_RDMA_READ ? VB_ACCESS_LOCAL_WRITE : 0; /* what comes back is written there */
  for (uint32_t i = 0; i < r->num_sge; i++) {
    if (UNLIKELY(list[i].length && !tpt_allows(list[i].lkey, qp->slot, qp->pd, rights, list[i].addr, list[i].length))) return VB_WC_LOC_PROT_ERR;
    r->list[i] = (struct segment){(uint32_t)list[i].addr, list[i].length};
    r->bytes += list[i].length;
  }
  if (UNLIKELY(r->opcode >= VB_WR_ATOMIC_CAS)) return request_operands(r, qp, room);
  return UNLIKELY(r->bytes > MAX_MESSAGE) ? VB_WC_LOC_LEN_ERR : VB_WC_SUCCESS;
}

/* The first 32 bytes of the message, with zeros behind its end. */
static inline void request_words(const struct request *r, uint32_t slot, uint64_t data[4]) {
  if (LIKELY(slot == own_slot() && (r->flags & VB_SEND_INLINE))) {
    for (uint32_t i = 0; i < 4; i++) {
      uint64_t word = r->bytes > 8 * i ? own_load64(r->list[0].addr + 8 * i) : 0;
      uint64_t rest = r->bytes > 8 * i ? r->bytes - 8 * i : 8;
      data[i] = rest >= 8 ? word : word & ((1ull << (8 * rest)) - 1);
    }
    return;
  }
  uint64_t *scratch = (uint64_t *)self()->scratch;
  for (int i = 0; i < 4; i++) scratch[i] = 0;
  uint32_t at = 0;
  for (uint32_t i = 0; at < r->bytes; i++) {
    if (r->list[i].length) fetch((uint8_t *)scratch + at, slot, r->list[i].addr, r->list[i].length);
    at += r->list[i].length;
  }
  for (int i = 0; i < 4; i++) data[i] = scratch[i];
}

static inline uint8_t refuse(struct vbf_qp *peer, uint8_t status) {
  peer->rx_errors++;
  qp_fail(peer);
  return status;
}

/* A SEND at the receiver. */
static inline uint8_t deliver_send(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  uint8_t flags = r->opcode == VB_WR_SEND_IMM ? VB_CQE_F_IMM : 0;
  uint64_t data[4] = {0, 0, 0, 0};
  if (r->bytes <= VB_CQE_INLINE && (peer->flags & VB_QP_SCATTER_TO_CQE)) {
    request_words(r, qp->slot, data);
    flags |= VB_CQE_F_INLINE;
  } else {
    struct segment to[MAX_SGE];
    uint64_t room;
    int count = rq_segments(peer, to, &room);
    if (UNLIKELY(count < 0)) {
      rq_complete(peer, VB_WC_RECV, VB_WC_LOC_PROT_ERR, 0, 0, 0, qp->lid, 0);
      return refuse(peer, VB_WC_REM_OP_ERR);
    }
    if (UNLIKELY(r->bytes > room)) {
      rq_complete(peer, VB_WC_RECV, VB_WC_LOC_LEN_ERR, 0, 0, 0, qp->lid, 0);
      return refuse(peer, VB_WC_REM_INV_REQ_ERR);
    }
    if (LIKELY(count == 1 && r->num_sge <= 1)) {
      if (r->bytes) move(peer->slot, to[0].addr, qp->slot, r->list[0].addr, (uint32_t)r->bytes);
    } else {
      scatter(peer->slot, to, qp->slot, r->list, r->bytes);
    }
  }
  if (UNLIKELY(!rq_complete(peer, VB_WC_RECV, VB_WC_SUCCESS, flags, (uint32_t)r->bytes, r->imm, qp->lid, data))) return refuse(peer, VB_WC_REM_OP_ERR);
  return VB_WC_SUCCESS;
}

/* An RDMA WRITE at the receiver. A write of nothing needs no key (InfiniBand vol. 1, section 9.4.3). */
static inline uint8_t deliver_write(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  if (UNLIKELY((peer->access & VB_ACCESS_REMOTE_WRITE) == 0)) return refuse(peer, VB_WC_REM_ACCESS_ERR);
  if (r->bytes) {
    if (UNLIKELY(!tpt_allows(r->rkey, peer->slot, peer->pd, VB_ACCESS_REMOTE_WRITE, r->remote_addr, r->bytes))) return refuse(peer, VB_WC_REM_ACCESS_ERR);
    struct segment to = {(uint32_t)r->remote_addr, (uint32_t)r->bytes};
    scatter(peer->slot, &to, qp->slot, r->list, r->bytes);
  }
  if (r->opcode == VB_WR_RDMA_WRITE_IMM &&
      UNLIKELY(!rq_complete(peer, VB_WC_RECV_RDMA_IMM, VB_WC_SUCCESS, VB_CQE_F_IMM, (uint32_t)r->bytes, r->imm, qp->lid, 0)))
    return refuse(peer, VB_WC_REM_OP_ERR);
  return VB_WC_SUCCESS;
}

/* Whether a READ or an atomic may touch the responder's memory (InfiniBand vol. 1, section 9.7.4.1): a status, or success. */
static uint8_t may_fetch(const struct vbf_qp *peer, uint8_t opcode, uint32_t rkey, uint64_t addr, uint64_t bytes) {
  uint32_t right = opcode == VB_WR_RDMA_READ ? VB_ACCESS_REMOTE_READ : VB_ACCESS_REMOTE_ATOMIC;
  if (right == VB_ACCESS_REMOTE_ATOMIC && (addr & 7) != 0) return VB_WC_REM_INV_REQ_ERR;
  if ((peer->access & right) == 0 || (bytes != 0 && !tpt_allows(rkey, peer->slot, peer->pd, right, addr, bytes))) return VB_WC_REM_ACCESS_ERR;
  return VB_WC_SUCCESS;
}

/* An RDMA READ or an atomic between two domains of this process. */
static __attribute__((noinline)) uint8_t deliver_fetch(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  uint8_t status = may_fetch(peer, r->opcode, r->rkey, r->remote_addr, r->bytes);
  if (status != VB_WC_SUCCESS) return refuse(peer, status);
  if (r->opcode == VB_WR_RDMA_READ) {
    struct segment from = {(uint32_t)r->remote_addr, (uint32_t)r->bytes};
    scatter(qp->slot, r->list, peer->slot, &from, r->bytes);
    return VB_WC_SUCCESS;
  }
  uint64_t *old = (uint64_t *)self()->scratch;
  *old = atomic_at(peer->slot, (uint32_t)r->remote_addr, r->opcode == VB_WR_ATOMIC_CAS, r->compare_add, r->swap);
  scatter_bytes(qp->slot, r->list[0].addr, (const uint8_t *)old, 8);
  return VB_WC_SUCCESS;
}

static inline bool connected(const struct vbf_qp *qp, const struct vbf_qp *peer) {
  return peer->qpn == qp->dest_qpn && peer->lid == qp->dest_lid && peer->dest_qpn == qp->qpn && peer->dest_lid == qp->lid && peer->pkey == qp->pkey &&
         (peer->state == VB_QPS_RTS || peer->state == VB_QPS_RTR);
}

/* The other side exists and may still come: it has been created and not connected, or it was connected since we looked. */
static inline bool may_come(const struct vbf_qp *qp, const struct vbf_qp *peer) {
  bool there = peer->qpn == qp->dest_qpn && peer->lid == qp->dest_lid && peer->pkey == qp->pkey;
  return there && (load32(&peer->state) <= VB_QPS_INIT || connected(qp, peer));
}

static inline enum outcome request_run(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r, uint8_t *status) {
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

static inline void request_complete(struct vbf_qp *qp, const struct request *r, uint8_t status) {
  if ((r->flags & VB_SEND_SIGNALED) == 0 && status == VB_WC_SUCCESS) {
    qp->sq_head++;
    return;
  }
  struct completion c = {.wr_id = r->wr_id, .qpn = qp->qpn, .byte_len = (uint32_t)r->bytes, .opcode = r->opcode, .status = status};
  if (UNLIKELY(!cq_complete(qp->send_cq, &c, &qp->sq_head))) qp_fail(qp);
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
static inline void send_queue_run(struct vbf_qp *qp) {
  while (qp->sq_head != qp->sq_tail) {
    if (UNLIKELY(qp->state != VB_QPS_RTS)) return;
    struct vbf_qp *peer = qp_at(qp->dest_qpn);
    struct request r;
    request_read(&r, qp, qp->sq_head);
    uint8_t status = request_gather(&r, qp);
    enum outcome outcome = LIKELY(status == VB_WC_SUCCESS) ? request_run(qp, peer, &r, &status) : FAILED;
    if (LIKELY(outcome == DONE)) {
      qp->tx_messages++;
      qp->tx_bytes += r.bytes;
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

/* The other side has changed (receive requests posted, connection opened): goes on with whatever its requester waits to do. */
static __attribute__((noinline)) void resume_requester_of(struct vbf_qp *responder) {
  if (responder->link != 0) return remote_owe(responder, VBF_OWE_READY);
  if (responder->dest_qpn == 0) return;
  struct vbf_qp *qp = qp_at(responder->dest_qpn);
  if (qp->qpn != responder->dest_qpn || qp->dest_qpn != responder->qpn || qp->pkey != responder->pkey) return;
  if (!reachable(qp->slot, qp->epoch)) return;
  lock_take(&qp->sq_lock);
  if (qp->state == VB_QPS_RTS) send_queue_run(qp);
  lock_drop(&qp->sq_lock);
  flush_deferred();
}

#endif
