/* Multicast: groups by command, which stands for the subnet administrator; datagrams as any others. */
#include "command.h"

static int group(uint32_t opcode, const union ibv_gid *mgid, uint16_t pkey_index, uint32_t qkey, struct vb_join_mcast_out *out) {
  struct vb_join_mcast_in in = {.qkey = qkey, .pkey_index = pkey_index};
  memcpy(in.mgid, mgid->raw, sizeof in.mgid);
  return vb_command(opcode, &in, sizeof in, out);
}

int vb_join_multicast(struct ibv_context *context, const union ibv_gid *mgid, uint16_t pkey_index, uint32_t qkey, uint16_t *mlid) {
  struct vb_join_mcast_out out;
  (void)context;
  int error = group(VB_CMD_JOIN_MCAST, mgid, pkey_index, qkey, &out);
  if (!error) *mlid = (uint16_t)out.mlid;
  return error;
}

int vb_leave_multicast(struct ibv_context *context, const union ibv_gid *mgid, uint16_t pkey_index) {
  (void)context;
  return group(VB_CMD_LEAVE_MCAST, mgid, pkey_index, 0, 0);
}

static int member(uint32_t opcode, const struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid) {
  struct vb_attach_mcast_in in = {.qpn = qp->qp_num, .mlid = lid};
  memcpy(in.mgid, gid->raw, sizeof in.mgid);
  return vb_command(opcode, &in, sizeof in, 0);
}

int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid) { return member(VB_CMD_ATTACH_MCAST, qp, gid, lid); }

int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid) { return member(VB_CMD_DETACH_MCAST, qp, gid, lid); }
