/*
 * RDMA READ and atomics over a link, at both ends. The requester sends nothing behind one before its data is there (VBF_WAIT_DATA), so the responder has at
 * most one to answer. A READ may be answered again after a connection broke; an atomic is executed once, and its result kept for that case.
 */
#ifndef VBF_FETCH_H
#define VBF_FETCH_H

/* One frame, with the operands of an atomic as payload; what comes back completes the request. */
static bool send_fetch(struct vbf_link *link, struct vbf_qp *qp, const struct request *r) {
  uint32_t bytes = r->opcode == VB_WR_RDMA_READ ? 0 : (uint32_t)sizeof(struct vb_atomic);
  struct vbf_frame *frame = frame_begin(link, bytes, VBF_CONTROL_ROOM);
  if (frame == 0) return false;
  frame_address(frame, qp, r->opcode);
  frame->psn = qp->fetch_psn = qp->tx_psn;
  frame->total = (uint32_t)r->bytes;
  frame->rkey = r->rkey;
  frame->remote_addr = r->remote_addr;
  struct vb_atomic *operands = (struct vb_atomic *)(frame + 1);
  if (bytes) *operands = (struct vb_atomic){.compare_add = r->compare_add, .swap = r->swap};
  frame_commit(link, frame);
  qp->tx_psn = psn_add(qp->tx_psn, r->opcode == VB_WR_RDMA_READ ? packets_of(qp, r->bytes) : 1);
  qp->read_offset = 0;
  store32(&qp->waiting, VBF_WAIT_DATA);
  return true;
}

/* What the last atomic found. */
static bool send_result(struct vbf_link *link, struct vbf_qp *qp) {
  struct vbf_frame *frame = frame_begin(link, 8, 0);
  if (frame == 0) return false;
  frame_address(frame, qp, VBF_OP_DATA);
  frame->psn = qp->atomic_psn;
  frame->total = 8;
  *(uint64_t *)(frame + 1) = qp->atomic_result;
  frame_commit(link, frame);
  __atomic_fetch_and(&qp->owe, ~VBF_OWE_RESULT, __ATOMIC_SEQ_CST);
  return true;
}

/* What is asked for, from out_offset on; false when the ring is full. The right is looked at again for each frame: the region may be gone. */
static bool send_data(struct vbf_link *link, struct vbf_qp *qp) {
  uint32_t psn = qp->out_again ? qp->atomic_psn : qp->rx_psn, mtu = 1u << qp->path_mtu;
  do {
    uint32_t left = qp->out_length - qp->out_offset, bytes = left < mtu ? left : mtu, at = qp->out_addr + qp->out_offset;
    if (bytes != 0 && !tpt_allows_remote(qp->out_rkey, qp, VB_ACCESS_REMOTE_READ, at, bytes)) {
      __atomic_fetch_and(&qp->owe, ~VBF_OWE_DATA, __ATOMIC_SEQ_CST);
      qp->nak = VB_WC_REM_ACCESS_ERR;
      __atomic_fetch_or(&qp->owe, VBF_OWE_NAK, __ATOMIC_SEQ_CST);
      pend(qp);
      qp_fail(qp);
      return true;
    }
    struct vbf_frame *frame = frame_begin(link, bytes, VBF_CONTROL_ROOM);
    if (frame == 0) return false;
    frame_address(frame, qp, VBF_OP_DATA);
    frame->psn = psn_add(psn, qp->out_offset >> qp->path_mtu);
    frame->total = qp->out_length;
    if (bytes) gather_bytes((uint8_t *)(frame + 1), qp->slot, at, bytes);
    frame_commit(link, frame);
    qp->out_offset += bytes;
  } while (qp->out_offset != qp->out_length);
  __atomic_fetch_and(&qp->owe, ~VBF_OWE_DATA, __ATOMIC_SEQ_CST);
  if (!qp->out_again) {
    qp->tx_packets += more_packets(qp, qp->out_length);
    qp->rx_psn = qp->rx_ack_psn = psn_add(qp->rx_psn, packets_of(qp, qp->out_length));
    qp->rx_msn++;
    qp->rx_messages++;
  }
  return true;
}

/* Answers to fetches, as there is room. */
static bool send_answers(struct vbf_link *link, struct vbf_qp *qp) {
  uint32_t owed = load32(&qp->owe);
  if ((owed & VBF_OWE_RESULT) && !send_result(link, qp)) return false;
  return (owed & VBF_OWE_DATA) == 0 || send_data(link, qp);
}

#endif
