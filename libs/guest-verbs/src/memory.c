/* Protection domains, memory regions and windows, address handles. */
#include "command.h"

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
  int error = vb_destroy(pd->context, VB_CMD_DEALLOC_PD, pd->handle);
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
  int error = vb_destroy(mr->context, VB_CMD_DEREG_MR, mr->handle);
  if (!error) free(mr);
  return error;
}

int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr, size_t length, int access) {
  struct vb_rereg_mr_in in = {.handle = mr->handle, .flags = (uint32_t)flags, .pd = pd ? pd->handle : 0, .access = (uint32_t)access,
                              .addr = (uintptr_t)addr, .length = length};
  struct vb_reg_mr_out out;
  int error = vb_command(VB_CMD_REREG_MR, &in, sizeof in, &out);
  if (error) {
    errno = error;
    return -1;
  }
  if (flags & IBV_REREG_MR_CHANGE_PD) mr->pd = pd;
  if (flags & IBV_REREG_MR_CHANGE_TRANSLATION) mr->addr = addr, mr->length = length;
  mr->handle = out.handle;
  mr->lkey = out.lkey;
  mr->rkey = out.rkey;
  return 0;
}

struct ibv_mw *ibv_alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type) {
  struct ibv_mw *mw = calloc(1, sizeof *mw);
  struct vb_alloc_mw_in in = {.pd = pd->handle};
  struct vb_cmd_handle out;
  int error = !mw ? ENOMEM : type != IBV_MW_TYPE_2 ? ENOSYS : vb_command(VB_CMD_ALLOC_MW, &in, sizeof in, &out);
  if (error) {
    free(mw);
    errno = error;
    return 0;
  }
  *mw = (struct ibv_mw){.context = pd->context, .pd = pd, .rkey = out.handle, .type = type};
  return mw;
}

int ibv_dealloc_mw(struct ibv_mw *mw) {
  int error = vb_destroy(mw->context, VB_CMD_DEALLOC_MW, mw->rkey);
  if (!error) free(mw);
  return error;
}

struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr) {
  struct ibv_ah *ah = attr->port_num > 1 || attr->sl > 15 || attr->dlid == 0 ? 0 : calloc(1, sizeof *ah);
  if (ah) *ah = (struct ibv_ah){.context = pd->context, .pd = pd, .dlid = attr->dlid, .sl = attr->sl};
  else errno = EINVAL;
  return ah;
}

int ibv_init_ah_from_wc(struct ibv_context *context, uint8_t port_num, struct ibv_wc *wc, void *grh, struct ibv_ah_attr *attr) {
  (void)context;
  (void)grh;
  *attr = (struct ibv_ah_attr){.dlid = wc->slid, .sl = wc->sl, .port_num = port_num};
  return 0;
}

struct ibv_ah *ibv_create_ah_from_wc(struct ibv_pd *pd, struct ibv_wc *wc, void *grh, uint8_t port_num) {
  struct ibv_ah_attr attr;
  ibv_init_ah_from_wc(pd->context, port_num, wc, grh, &attr);
  return ibv_create_ah(pd, &attr);
}

int ibv_destroy_ah(struct ibv_ah *ah) {
  free(ah);
  return 0;
}
