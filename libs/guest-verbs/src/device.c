/* Devices, ports and their counters. */
#include "command.h"

static struct ibv_device the_device = {.node_type = IBV_NODE_CA, .name = "verbena0"};

struct ibv_device **ibv_get_device_list(int *num_devices) {
  struct vb_device_info info;
  int there = vb_command(VB_CMD_QUERY_DEVICE, 0, 0, &info) == 0;
  struct ibv_device **list = calloc(2, sizeof *list);
  if (list && there) list[0] = &the_device;
  if (num_devices) *num_devices = list && there ? 1 : 0;
  return list;
}

void ibv_free_device_list(struct ibv_device **list) { free(list); }

const char *ibv_get_device_name(struct ibv_device *device) { return device->name; }

uint64_t ibv_get_device_guid(struct ibv_device *device) {
  struct vb_device_info info;
  (void)device;
  return vb_command(VB_CMD_QUERY_DEVICE, 0, 0, &info) == 0 ? info.node_guid : 0;
}

struct ibv_context *ibv_open_device(struct ibv_device *device) {
  struct ibv_context *context = calloc(1, sizeof *context);
  if (!context) return 0;
  int error = vb_command(VB_CMD_QUERY_DEVICE, 0, 0, &context->info);
  if (error) {
    free(context);
    errno = error;
    return 0;
  }
  context->device = device;
  context->num_comp_vectors = 1;
  vb_events_begin();
  return context;
}

int ibv_close_device(struct ibv_context *context) {
  if (context->qps || context->cqs || context->srqs) return EBUSY;
  vb_events_end();
  free(context);
  return 0;
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr) {
  const struct vb_device_info *info = &context->info;
  struct vb_limits limits;
  int error = vb_command(VB_CMD_QUERY_LIMITS, 0, 0, &limits);
  if (error) return error;
  *attr = (struct ibv_device_attr){
      .fw_ver = "1.0.0", .node_guid = info->node_guid, .sys_image_guid = info->node_guid, .max_mr_size = vb_boot_info()->memory_bytes,
      .page_size_cap = VB_PAGE_SIZE, .max_qp = (int)info->max_qp, .max_qp_wr = (int)info->max_qp_wr, .max_sge = (int)info->max_sge,
      .max_sge_rd = (int)info->max_sge, .max_cq = (int)info->max_cq, .max_cqe = (int)info->max_cqe, .max_mr = (int)info->max_mr,
      .max_pd = (int)info->max_pd, .max_qp_rd_atom = 1, .max_res_rd_atom = (int)info->max_qp, .max_qp_init_rd_atom = 1, .max_mw = (int)limits.max_mw,
      .max_ah = 65536, .max_srq = (int)limits.max_srq, .max_srq_wr = (int)limits.max_srq_wr, .max_srq_sge = (int)limits.max_srq_sge,
      .max_pkeys = (uint16_t)limits.max_pkeys, .phys_port_cnt = 1};
  return 0;
}

int ibv_query_port(struct ibv_context *context, uint8_t port_num, struct ibv_port_attr *attr) {
  struct vb_port_info port;
  if (port_num != 1) return EINVAL;
  int error = vb_command(VB_CMD_QUERY_PORT, 0, 0, &port);
  if (error) return error;
  *attr = (struct ibv_port_attr){
      .state = (enum ibv_port_state)port.state, .max_mtu = (enum ibv_mtu)port.max_mtu, .active_mtu = (enum ibv_mtu)port.active_mtu, .gid_tbl_len = 1,
      .max_msg_sz = (uint32_t)context->info.max_msg_size, .bad_pkey_cntr = port.pkey_violations, .qkey_viol_cntr = port.qkey_violations,
      .pkey_tbl_len = (uint16_t)port.pkeys, .lid = (uint16_t)port.lid, .sm_lid = (uint16_t)port.sm_lid, .max_vl_num = (uint8_t)port.vls,
      .active_width = 2, .active_speed = 4, .phys_state = 5, .link_layer = 1};
  return 0;
}

/* GID 0 is the link-local prefix and the port's GUID, both in network byte order (InfiniBand vol. 1, section 4.1.1). */
int ibv_query_gid(struct ibv_context *context, uint8_t port_num, int index, union ibv_gid *gid) {
  if (port_num != 1 || index != 0) return -1;
  memset(gid, 0, sizeof *gid);
  gid->raw[0] = 0xfe;
  gid->raw[1] = 0x80;
  for (int i = 0; i < 8; i++) gid->raw[8 + i] = (uint8_t)(context->info.port_guid >> (56 - 8 * i));
  return 0;
}

int ibv_query_pkey(struct ibv_context *context, uint8_t port_num, int index, uint16_t *pkey) {
  struct vb_cmd_handle in = {.handle = (uint32_t)index}, out;
  (void)context;
  if (port_num != 1 || vb_command(VB_CMD_QUERY_PKEY, &in, sizeof in, &out)) return -1;
  *pkey = (uint16_t)((out.handle & 0xff) << 8 | (out.handle & 0xff00) >> 8); /* in network byte order */
  return 0;
}

const char *ibv_port_state_str(enum ibv_port_state state) {
  static const char *const names[] = {"no state change", "down", "init", "armed", "active"};
  return (unsigned)state < 5 ? names[state] : "invalid state";
}

const char *ibv_node_type_str(enum ibv_node_type type) { return type == IBV_NODE_CA ? "InfiniBand channel adapter" : "unknown"; }

static int query_counters(uint32_t kind, uint32_t number, void *counters) {
  struct vb_counters_in in = {.kind = kind, .number = number};
  return vb_command(VB_CMD_QUERY_COUNTERS, &in, sizeof in, counters);
}

int vb_query_port_counters(struct ibv_context *context, struct vb_counters *counters) {
  (void)context;
  return query_counters(VB_COUNTERS_PORT, 0, counters);
}

int vb_query_vf_counters(struct ibv_context *context, struct vb_counters *counters) {
  (void)context;
  return query_counters(VB_COUNTERS_VF, 0, counters);
}

int vb_query_qp_counters(struct ibv_qp *qp, struct vb_counters *counters) { return query_counters(VB_COUNTERS_QP, qp->qp_num, counters); }

int vb_query_qp_sequence_counters(struct ibv_qp *qp, struct vb_sequence_counters *counters) {
  return query_counters(VB_COUNTERS_QP | VB_COUNTERS_SEQUENCE, qp->qp_num, counters);
}

int vb_query_vf_sequence_counters(struct ibv_context *context, struct vb_sequence_counters *counters) {
  (void)context;
  return query_counters(VB_COUNTERS_VF | VB_COUNTERS_SEQUENCE, 0, counters);
}
