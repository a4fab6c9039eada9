/*
 * Unreliable service within this memory (InfiniBand vol. 1, sections 9.8.2 and 9.8.3): what the receiver cannot take is gone, and the sender does not learn
 * of it. A datagram is addressed by its work request; its receiver has many senders, so the receive queue has a lock of its own.
 */
#ifndef VBF_DATAGRAM_H
#define VBF_DATAGRAM_H

#include "hear.h"

#define UD_QPN(address) ((uint32_t)(address))
#define UD_LID(address) ((uint32_t)((address) >> 32) & 0xffffu)
#define UD_SL(address) ((uint32_t)((address) >> 48) & 15u)

/* A datagram on its way: from a domain of this process (`from`), or from a frame (`payload`). */
struct datagram {
  uint32_t src_lid, src_qpn, dest_lid, dest_qpn, pkey, qkey, sl, imm, bytes;
  uint8_t flags;           /* VB_CQE_F_* */
  uint32_t from_slot;
  const struct segment *from;
  const uint8_t *payload;
  const struct vbf_group *group; /* to which it goes, or null */
  uint64_t guid;                 /* of its sender's port, with a group */
};

/* QP 1 stands for the queue pair that serves a port's general services (vol. 1, section 3.9): it can be addressed by who knows the LID alone. */
#define GENERAL_SERVICES 1u
static __attribute__((noinline)) uint32_t general_services(uint32_t lid) {
  for (uint32_t i = 0; i < VBF_PORTS && port_at(i)->state != 0; i++)
    if (port_at(i)->lid == lid) return load32(&port_at(i)->general_qpn);
  return 0;
}
static inline uint32_t served_by(uint32_t lid, uint32_t qpn) { return UNLIKELY(qpn == GENERAL_SERVICES) ? general_services(lid) : qpn; }

/* Whether the QP is one that this datagram may reach; wrong keys are counted at the port (vol. 1, sections 10.2.5 and 10.9.4). */
static bool datagram_admitted(struct vbf_qp *qp, const struct datagram *d) {
  if (qp->qpn != d->dest_qpn || d->dest_qpn == 0 || qp->type != VB_QPT_UD || qp->lid != d->dest_lid || !receives(qp->state)) return false;
  struct vbf_port *port = port_at(domain_at(qp->slot)->port - 1);
  if (port->state != VB_PORT_ACTIVE) return false;
  if (!pkeys_match(qp->pkey, d->pkey)) {
    __atomic_fetch_add(&port->pkey_violations, 1, __ATOMIC_SEQ_CST);
    return false;
  }
  if (qp->qkey != d->qkey) {
    __atomic_fetch_add(&port->qkey_violations, 1, __ATOMIC_SEQ_CST);
    return false;
  }
  return true;
}

/* Cuts `skip` bytes off the front of a list; how many entries are left. */
static uint32_t skip_front(struct segment *list, uint32_t count, uint32_t skip) {
  uint32_t first = 0;
  while (first < count && skip >= list[first].length) skip -= list[first++].length;
  for (uint32_t i = first; i < count; i++) list[i - first] = list[i];
  if (first < count) list[0] = (struct segment){list[0].addr + skip, list[0].length - skip};
  return count - first;
}

/* Its memory and that of its completion queue, which may be a driver domain's. */
static bool datagram_reaches(const struct vbf_qp *qp) {
  const struct vbf_cq *cq = cq_at(qp->recv_cq);
  return reachable(qp->slot, qp->epoch) && reachable(cq->slot, cq->epoch);
}

/* The global routing header that a multicast packet carries (vol. 1, section 8.3), before its payload. */
static void place_grh(struct vbf_qp *qp, const struct segment *to, const struct datagram *d) {
  uint8_t grh[VB_GRH_BYTES] = {0x60}; /* version 6 */
  uint32_t bytes = d->bytes + 24; /* with the transport headers and the invariant CRC */
  grh[4] = (uint8_t)(bytes >> 8), grh[5] = (uint8_t)bytes, grh[6] = 0x1b, grh[7] = 1;
  grh[8] = 0xfe, grh[9] = 0x80;
  for (int i = 0; i < 8; i++) grh[16 + i] = (uint8_t)(d->guid >> (56 - 8 * i));
  for (int i = 0; i < 16; i++) grh[24 + i] = d->group->mgid[i];
  scatter_frame(qp->slot, to, 0, grh, VB_GRH_BYTES);
}

/* The caller holds the receiver's rq_lock. */
static void datagram_place(struct vbf_qp *qp, const struct datagram *d) {
  struct segment to[MAX_SGE];
  uint64_t room;
  int count = rq_ready(qp) ? rq_segments(qp, to, &room) : 0;
  if (!qp->next_valid || (count >= 0 && room < d->bytes + VB_GRH_BYTES)) {
    qp->rx_drops++;
    return;
  }
  if (count < 0) {
    rq_complete(qp, VB_WC_RECV, VB_WC_LOC_PROT_ERR, 0, 0, 0, d->src_lid, 0);
    qp_fail(qp);
    return;
  }
  if (d->group != 0) place_grh(qp, to, d);
  skip_front(to, (uint32_t)count, VB_GRH_BYTES);
  if (d->bytes != 0 && d->payload != 0) scatter_frame(qp->slot, to, 0, d->payload, d->bytes);
  else if (d->bytes != 0) scatter(qp->slot, to, d->from_slot, d->from, d->bytes);
  uint64_t data[4] = {(uint64_t)d->src_qpn | (uint64_t)d->sl << 32, 0, 0, 0};
  if (!rq_complete(qp, VB_WC_RECV, VB_WC_SUCCESS, d->flags | (d->group ? VB_CQE_F_GRH : 0), d->bytes + VB_GRH_BYTES, d->imm, d->src_lid, data)) {
    refuse(qp, VB_WC_REM_OP_ERR);
    return;
  }
  qp->rx_messages++;
  qp->rx_bytes += d->bytes;
}

/* False when it found nobody. The caller holds no rq_lock. */
static bool datagram_deliver(struct vbf_qp *qp, const struct datagram *d) {
  if (!datagram_admitted(qp, d)) return false;
  if (UNLIKELY(!datagram_reaches(qp))) host_learn();
  lock_take(&qp->rq_lock);
  bool there = datagram_admitted(qp, d) && datagram_reaches(qp);
  if (there) datagram_place(qp, d);
  lock_drop(&qp->rq_lock);
  return there;
}

#include "multicast.h"

static enum heard hear_datagram(const struct vbf_frame *f, const uint8_t *payload) {
  if (f->length > VB_UD_MTU || f->sl > 15) return HEARD_BAD;
  if (f->dest_lid >= VBF_FIRST_MLID) return hear_multicast(f, payload);
  uint32_t qpn = served_by(f->dest_lid, f->dest_qpn);
  struct vbf_qp *qp = qp_at(qpn);
  struct datagram d = {.src_lid = f->src_lid, .src_qpn = f->src_qpn, .dest_lid = f->dest_lid, .dest_qpn = qpn, .pkey = f->pkey, .qkey = f->rkey,
                       .sl = f->sl, .imm = f->imm, .bytes = f->length, .payload = payload};
  if (f->flags & VBF_FRAME_IMM) d.flags |= VB_CQE_F_IMM;
  if (f->flags & VBF_FRAME_SOLICITED) d.flags |= VB_CQE_F_SOLICITED;
  if (qp->qpn == qpn && qp->type == VB_QPT_UD && !datagram_reaches(qp)) return HEARD_LATER;
  datagram_deliver(qp, &d);
  flush_deferred();
  return HEARD;
}

/* To another process. A link that is away or full loses it. */
static bool datagram_frame(uint32_t route, const struct vbf_qp *qp, const struct request *r, const struct datagram *d) {
  struct vbf_link *link = link_at(route - 1);
  uint64_t bit = 1ull << (route - 1), *links = &domain_at(qp->slot)->links;
  if ((__atomic_load_n(links, __ATOMIC_SEQ_CST) & bit) == 0) {
    __atomic_fetch_or(links, bit, __ATOMIC_SEQ_CST);
    store32(&link->wanted, 1);
    wire_ring();
  }
  lock_take(&link->tx_lock);
  struct vbf_frame *frame = frame_begin(link, d->bytes, VBF_CONTROL_ROOM);
  if (frame != 0) {
    frame->opcode = VBF_OP_DATAGRAM;
    frame->flags = (d->flags & VB_CQE_F_IMM ? VBF_FRAME_IMM : 0) | (d->flags & VB_CQE_F_SOLICITED ? VBF_FRAME_SOLICITED : 0);
    frame->src_lid = (uint16_t)d->src_lid;
    frame->dest_lid = (uint16_t)d->dest_lid;
    frame->dest_qpn = d->dest_qpn;
    frame->src_qpn = d->src_qpn;
    frame->pkey = (uint16_t)d->pkey;
    frame->sl = (uint8_t)d->sl;
    frame->total = d->bytes;
    frame->imm = d->imm;
    frame->rkey = d->qkey;
    if (d->group != 0) frame->remote_addr = d->guid, frame->ack = d->group->tag;
    gather_frame((uint8_t *)(frame + 1), r, qp->slot, 0, d->bytes);
    frame_commit(link, frame);
  }
  lock_drop(&link->tx_lock);
  return frame != 0;
}

/* To all members of a group but the sending QP; a copy over each link that the domain uses. A group that nobody here has joined leads nowhere. */
static bool multicast_send(const struct vbf_qp *qp, const struct request *r, struct datagram *d) {
  d->group = group_of(d->dest_lid, d->pkey);
  if (d->group == 0 || d->dest_qpn != VBF_MULTICAST_QPN) return false;
  const struct vbf_domain *domain = domain_at(qp->slot);
  d->guid = domain->port_guid;
  bool sent = false;
  for (uint64_t links = domain->links; links != 0; links &= links - 1) sent |= datagram_frame((uint32_t)__builtin_ctzll(links) + 1, qp, r, d);
  return multicast_deliver(d, qp) || sent;
}

/* One request of a datagram QP: a status. */
static uint8_t datagram_send(struct vbf_qp *qp, struct request *r) {
  if (r->opcode > VB_WR_SEND_IMM) return VB_WC_LOC_QP_OP_ERR;
  if (r->bytes > VB_UD_MTU) return VB_WC_LOC_LEN_ERR;
  struct datagram d = {.src_lid = qp->lid, .src_qpn = qp->qpn, .dest_lid = UD_LID(r->remote_addr), .dest_qpn = UD_QPN(r->remote_addr), .pkey = qp->pkey,
                       .qkey = (int32_t)r->rkey < 0 ? qp->qkey : r->rkey, .sl = UD_SL(r->remote_addr), .imm = r->imm, .bytes = (uint32_t)r->bytes,
                       .from_slot = qp->slot, .from = r->list};
  if (r->opcode == VB_WR_SEND_IMM) d.flags |= VB_CQE_F_IMM;
  if (r->flags & VB_SEND_SOLICITED) d.flags |= VB_CQE_F_SOLICITED;
  uint32_t route = route_to(d.dest_lid);
  if (qp->slow & VBF_SLOW_DOWN) {
    qp->tx_drops++;
    return VB_WC_SUCCESS;
  }
  if (d.dest_lid >= VBF_FIRST_MLID) {
    if (!multicast_send(qp, r, &d)) qp->tx_drops++;
    return VB_WC_SUCCESS;
  }
  if (route == 0) d.dest_qpn = served_by(d.dest_lid, d.dest_qpn);
  bool sent = route != 0 ? datagram_frame(route, qp, r, &d) : datagram_deliver(qp_at(d.dest_qpn), &d);
  if (!sent) qp->tx_drops++;
  if (!sent && route == 0) header()->lost_lid = d.dest_lid;
  return VB_WC_SUCCESS;
}

/* Whether the receiver of an unreliable connection can take a message; no status goes back. */
static bool connection_takes(struct vbf_qp *peer, const struct request *r) {
  if (r->opcode != VB_WR_RDMA_WRITE && !rq_ready(peer)) return false;
  if (r->opcode >= VB_WR_RDMA_WRITE)
    return (peer->access & VB_ACCESS_REMOTE_WRITE) != 0 &&
           (r->bytes == 0 || tpt_allows_remote(r->rkey, peer, VB_ACCESS_REMOTE_WRITE, r->remote_addr, r->bytes));
  struct segment to[MAX_SGE];
  uint64_t room;
  return rq_segments(peer, to, &room) < 0 || r->bytes <= room; /* its own fault it is told */
}

/* One request of an unreliable connection within this memory: a status. */
static uint8_t connection_send(struct vbf_qp *qp, struct request *r) {
  if (r->opcode > VB_WR_RDMA_WRITE_IMM) return VB_WC_LOC_QP_OP_ERR;
  struct vbf_qp *peer = qp_at(qp->dest_qpn);
  if ((qp->slow & (VBF_SLOW_DOWN | VBF_SLOW_PSN)) || !connected(qp, peer) || !reachable(peer->slot, peer->epoch)) {
    qp->tx_drops++;
  } else if (!connection_takes(peer, r)) {
    peer->rx_drops++;
  } else {
    uint8_t status = r->opcode <= VB_WR_SEND_IMM ? deliver_send(qp, peer, r) : deliver_write(qp, peer, r);
    if (status == VB_WC_SUCCESS) peer->rx_messages++, peer->rx_bytes += r->bytes, peer->rx_packets += more_packets(qp, r->bytes);
  }
  return VB_WC_SUCCESS;
}

/* Runs the send queue of a QP without acknowledgements until it is empty. The caller holds sq_lock. */
static void unreliable_run(struct vbf_qp *qp) {
  while (qp->sq_head != qp->sq_tail && qp->state == VB_QPS_RTS) {
    struct request r;
    request_read(&r, qp, qp->sq_head);
    uint8_t status = request_gather(&r, qp);
    if (status == VB_WC_SUCCESS) status = qp->type == VB_QPT_UD ? datagram_send(qp, &r) : connection_send(qp, &r);
    if (status == VB_WC_SUCCESS) {
      qp->tx_messages++;
      qp->tx_bytes += r.bytes;
      qp->tx_packets += more_packets(qp, r.bytes);
    } else {
      r.bytes = 0;
    }
    request_complete(qp, &r, status);
    if (status != VB_WC_SUCCESS) send_queue_fail(qp);
  }
}

#endif
