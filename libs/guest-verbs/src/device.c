/* Devices, ports, protection domains and memory regions. */
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
  return context;
}

int ibv_close_device(struct ibv_context *context) {
  if (context->qps) return EBUSY;
  free(context);
  return 0;
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr) {
  const struct vb_device_info *info = &context->info;
  *attr = (struct ibv_device_attr){
      .node_guid = info->node_guid, .max_mr_size = vb_boot_info()->memory_bytes, .max_qp = (int)info->max_qp, .max_qp_wr = (int)info->max_qp_wr,
      .max_sge = (int)info->max_sge, .max_cq = (int)info->max_cq, .max_cqe = (int)info->max_cqe, .max_mr = (int)info->max_mr,
      .max_pd = (int)info->max_pd, .phys_port_cnt = 1};
  return 0;
}

int ibv_query_port(struct ibv_context *context, uint8_t port_num, struct ibv_port_attr *attr) {
  if (port_num != 1) return EINVAL;
  *attr = (struct ibv_port_attr){
      .state = IBV_PORT_ACTIVE, .max_mtu = IBV_MTU_4096, .active_mtu = IBV_MTU_4096, .gid_tbl_len = 1,
      .max_msg_sz = (uint32_t)context->info.max_msg_size, .pkey_tbl_len = 1, .lid = (uint16_t)context->info.lid};
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
  (void)context;
  if (port_num != 1 || index != 0) return -1;
  *pkey = (uint16_t)vb_boot_info()->pkey;
  return 0;
}

const char *ibv_port_state_str(enum ibv_port_state state) {
  static const char *const names[] = {"no state change", "down", "init", "armed", "active"};
  return (unsigned)state < 5 ? names[state] : "invalid state";
}

struct ibv_pd *ibv_alloc_pd(struct ibv_context *context) {
  struct ibv_pd *pd = calloc(1, sizeof *pd);
  struct vb_cmd_handle out;
  if (!pd) return 0;
  int error = vb_command(VB_CMD_ALLOC_PD, 0, 0, &out);
  if (error) {
    free(pd);
    errno = error;
    return 0;
  }
  *pd = (struct ibv_pd){.context = context, .handle = out.handle};
  return pd;
}

int ibv_dealloc_pd(struct ibv_pd *pd) {
  int error = vb_destroy(VB_CMD_DEALLOC_PD, pd->handle);
  if (!error) free(pd);
  return error;
}

struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access) {
  struct ibv_mr *mr = calloc(1, sizeof *mr);
  struct vb_reg_mr_in in = {.pd = pd->handle, .access = (uint32_t)access, .addr = (uintptr_t)addr, .length = length};
  struct vb_reg_mr_out out;
  if (!mr) return 0;
  int error = vb_command(VB_CMD_REG_MR, &in, sizeof in, &out);
  if (error) {
    free(mr);
    errno = error;
    return 0;
  }
  *mr = (struct ibv_mr){.context = pd->context, .pd = pd, .addr = addr, .length = length, .handle = out.handle, .lkey = out.lkey, .rkey = out.rkey};
  return mr;
}

int ibv_dereg_mr(struct ibv_mr *mr) {
  int error = vb_destroy(VB_CMD_DEREG_MR, mr->handle);
  if (!error) free(mr);
  return error;
}
