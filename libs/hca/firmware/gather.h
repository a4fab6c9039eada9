/* A work request as the adapter has read it: once, with its gather list checked. */
#ifndef VBF_GATHER_H
#define VBF_GATHER_H

#include "window.h"

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

static uint8_t request_local(struct vbf_qp *qp, const struct request *r) {
  if (r->opcode == VB_WR_LOCAL_INV) return window_withdraw(qp, r->imm);
  struct vb_sge *range = (struct vb_sge *)self()->scratch;
  if (r->num_sge != 1) return VB_WC_LOC_QP_OP_ERR;
  fetch(range, qp->slot, r->wqe + VB_SEND_WQE_HEADER, sizeof *range);
  struct vb_sge own = *range;
  return window_bind(qp, r->rkey, r->imm, &own);
}

static inline bool is_fetch(uint8_t opcode) { return opcode >= VB_WR_RDMA_READ && opcode <= VB_WR_ATOMIC_FADD; }

/* Fills the gather list and checks it; a status other than success says what is wrong. */
static inline __attribute__((always_inline)) uint8_t request_gather(struct request *r, const struct vbf_qp *qp) {
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

/* The same for a request that carries its payload as another opcode does. */
static __attribute__((noinline)) uint8_t request_gather_as(struct request *r, const struct vbf_qp *qp, uint8_t opcode) {
  uint8_t own = r->opcode;
  r->opcode = opcode;
  uint8_t status = request_gather(r, qp);
  r->opcode = own;
  return status;
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

#endif
