/*
 * Multicast (InfiniBand vol. 1, section 10.5): a datagram to a group is copied to each QP that is attached to it, in each process that the sender's domain has links to. A domain
 * that has not joined gets nothing, whatever it has attached.
 */
#ifndef VBF_MULTICAST_H
#define VBF_MULTICAST_H

static const struct vbf_group *group_of(uint32_t mlid, uint32_t pkey) {
  for (uint32_t i = 0; i < VBF_GROUPS; i++) {
    const struct vbf_group *group = group_at(i);
    if (load32(&group->mlid) == mlid && group->partition == (pkey & 0x7fffu)) return group;
  }
  return 0;
}

/* A QP that is attached and whose domain has joined, or null. */
static struct vbf_qp *member_of(const struct vbf_group *group, uint32_t number) {
  uint32_t qpn = load32(&group->members[number]);
  struct vbf_qp *qp = qp_at(qpn);
  if (qpn == 0 || qp->qpn != qpn || qp->slot >= VBF_DOMAINS) return 0;
  return group->joined[qp->slot / 32] >> (qp->slot % 32) & 1 ? qp : 0;
}

/* To the members of this process but `sender`; false when there is none. The caller holds no rq_lock. */
static bool multicast_deliver(const struct datagram *d, const struct vbf_qp *sender) {
  bool any = false;
  for (uint32_t i = 0; i < VBF_MEMBERS; i++) {
    struct vbf_qp *qp = member_of(d->group, i);
    if (qp == 0 || qp == sender) continue;
    struct datagram copy = *d;
    copy.dest_lid = qp->lid;
    copy.dest_qpn = qp->qpn;
    any |= datagram_deliver(qp, &copy);
  }
  return any;
}

static enum heard hear_multicast(const struct vbf_frame *f, const uint8_t *payload) {
  const struct vbf_group *group = group_of(f->dest_lid, f->pkey);
  if (group == 0 || group->tag != f->ack || f->dest_qpn != VBF_MULTICAST_QPN) return HEARD;
  for (uint32_t i = 0; i < VBF_MEMBERS; i++) {
    struct vbf_qp *qp = member_of(group, i);
    if (qp != 0 && !datagram_reaches(qp)) return HEARD_LATER;
  }
  struct datagram d = {.src_lid = f->src_lid, .src_qpn = f->src_qpn, .pkey = f->pkey, .qkey = f->rkey, .sl = f->sl, .imm = f->imm,
                       .bytes = f->length, .payload = payload, .group = group, .guid = f->remote_addr};
  if (f->flags & VBF_FRAME_IMM) d.flags |= VB_CQE_F_IMM;
  if (f->flags & VBF_FRAME_SOLICITED) d.flags |= VB_CQE_F_SOLICITED;
  multicast_deliver(&d, 0);
  flush_deferred();
  return HEARD;
}

#endif
