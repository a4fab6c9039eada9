/* What a request does at the receiver, when both ends are in this memory. */
#ifndef VBF_DELIVER_H
#define VBF_DELIVER_H

#include "gather.h"

/* The receiver's QP fails. What no completion of its own tells it, an asynchronous event does (vol. 1, section 11.6.3.1). */
static __attribute__((noinline)) uint8_t refuse(struct vbf_qp *peer, uint8_t status) {
  peer->rx_errors++;
  if (status == VB_WC_REM_ACCESS_ERR) qp_raise(peer, VBF_RAISE_ACCESS);
  if (status == VB_WC_REM_INV_REQ_ERR) qp_raise(peer, VBF_RAISE_REQUEST);
  if (status == VB_WC_REM_OP_ERR) qp_raise(peer, VBF_RAISE_FATAL);
  qp_fail(peer);
  return status;
}

/* A SEND at the receiver. */
static inline __attribute__((always_inline)) uint8_t deliver_send(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  uint8_t flags = (uint8_t)((r->flags & VB_SEND_SOLICITED) << 1);
  if (r->opcode != VB_WR_SEND) flags |= r->opcode == VB_WR_SEND_IMM ? VB_CQE_F_IMM : VB_CQE_F_INVALIDATED;
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
static inline __attribute__((always_inline)) uint8_t deliver_write(struct vbf_qp *qp, struct vbf_qp *peer, const struct request *r) {
  if (UNLIKELY((peer->access & VB_ACCESS_REMOTE_WRITE) == 0)) return refuse(peer, VB_WC_REM_ACCESS_ERR);
  if (r->bytes) {
    if (UNLIKELY(!tpt_allows_remote(r->rkey, peer, VB_ACCESS_REMOTE_WRITE, r->remote_addr, r->bytes))) return refuse(peer, VB_WC_REM_ACCESS_ERR);
    struct segment to = {(uint32_t)r->remote_addr, (uint32_t)r->bytes};
    scatter(peer->slot, &to, qp->slot, r->list, r->bytes);
  }
  if (r->opcode == VB_WR_RDMA_WRITE_IMM &&
      UNLIKELY(!rq_complete(peer, VB_WC_RECV_RDMA_IMM, VB_WC_SUCCESS, (uint8_t)(VB_CQE_F_IMM | (r->flags & VB_SEND_SOLICITED) << 1), (uint32_t)r->bytes, r->imm, qp->lid, 0)))
    return refuse(peer, VB_WC_REM_OP_ERR);
  return VB_WC_SUCCESS;
}

/* Whether a READ or an atomic may touch the responder's memory (InfiniBand vol. 1, section 9.7.4.1): a status, or success. */
static uint8_t may_fetch(const struct vbf_qp *peer, uint8_t opcode, uint32_t rkey, uint64_t addr, uint64_t bytes) {
  uint32_t right = opcode == VB_WR_RDMA_READ ? VB_ACCESS_REMOTE_READ : VB_ACCESS_REMOTE_ATOMIC;
  if (right == VB_ACCESS_REMOTE_ATOMIC && (addr & 7) != 0) return VB_WC_REM_INV_REQ_ERR;
  if ((peer->access & right) == 0 || (bytes != 0 && !tpt_allows_remote(rkey, peer, right, addr, bytes))) return VB_WC_REM_ACCESS_ERR;
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

#endif
