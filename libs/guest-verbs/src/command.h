#ifndef VB_COMMAND_H
#define VB_COMMAND_H

#include <errno.h>
#include <stdlib.h>
#include <verbs.h>

/* The context's QP of this number, or NULL. */
struct ibv_qp *vb_find_qp(struct ibv_context *context, uint32_t qpn);
/* Asynchronous events, for as long as a context is open. */
void vb_events_begin(void);
void vb_events_end(void);

/* Nothing is there yet: where completions come over links, this thread brings them. */
static inline void vb_look_at_links(const struct ibv_context *context) {
  if (context->info.flags & VB_DEVICE_LINKS) vb_uar_write(VB_UAR_POLL, 0, 0);
}

/* Runs a set-up command: 0, or an errno value. */
static inline int vb_command(uint32_t opcode, const void *in, size_t bytes, void *out) {
  switch (vb_hypercall(VB_HC_HCA_COMMAND, opcode, (uint32_t)(uintptr_t)in, (uint32_t)bytes, (uint32_t)(uintptr_t)out)) {
    case 0: return 0;
    case VB_EPERM: return EPERM;
    case VB_EFAULT: return EFAULT;
    case VB_EBUSY: return EBUSY;
    case VB_ENOMEM: return ENOMEM;
    case VB_ENOSPC: return ENOSPC;
    case VB_ENOSYS: return ENOSYS;
    case VB_ENODEV: return ENODEV;
    default: return EINVAL;
  }
}

/* What a device made that is there no more is destroyed already. */
static inline int vb_destroy(struct ibv_context *context, uint32_t opcode, uint32_t handle) {
  struct vb_cmd_handle in = {.handle = handle};
  int error = context->lost ? ENODEV : vb_command(opcode, &in, sizeof in, 0);
  if (error == ENODEV) context->lost = 1;
  return error == ENODEV ? 0 : error;
}

/* Zeroed memory for a ring; NULL with errno. */
static inline void *vb_ring(size_t bytes) {
  void *ring = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  if (ring) memset(ring, 0, bytes);
  return ring;
}

static inline uint32_t vb_power_of_two(uint32_t least) {
  uint32_t value = 1;
  while (value < least && value < 0x80000000u) value *= 2;
  return value;
}

#endif
