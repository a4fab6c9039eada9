/*
 * Registration (pin-down) cache, R10.
 *
 * Registered regions stay registered, in a table searched by containment, so a second message from the same buffer registers nothing.
 * On a real host the cache must be invalidated when the user frees the buffer, since the pages behind an address may change. A guest's
 * memory is one wasm memory that never moves, never shrinks and is never remapped: free() only returns bytes to the guest's own
 * allocator, so a region that was registered once names the same memory for as long as the guest lives, and nothing needs invalidating.
 * Regions are widened to GRAIN so that neighbouring buffers share one. When the
 * table is full, the least recently used region gives way; it is deregistered unless transfers are in flight, which may still name it.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include "env/error.h"

#define GRAIN 65536u
#define REGIONS 64u

static struct vbmpi_region regions[REGIONS];
static uint32_t used;
static uint64_t clock_;
static uint32_t recent;

/* A region that peers may read and write until it is taken back. The adapter's handle, or 0 after it was lost with its adapter. */
struct vbmpi_grant {
  struct vbmpi_grant *next;
  uint32_t handle;
};
static struct vbmpi_grant *grants;

static int32_t reg(uintptr_t from, uintptr_t to, uint32_t rights, struct vb_reg_mr_out *out) {
  struct vb_reg_mr_in in = {.pd = vbmpi_device.pd, .access = VB_ACCESS_LOCAL_WRITE | rights, .addr = from, .length = to - from};
  return vb_hypercall(VB_HC_HCA_COMMAND, VB_CMD_REG_MR, (uint32_t)(uintptr_t)&in, sizeof in, (uint32_t)(uintptr_t)out);
}

static void dereg(uint32_t handle) {
  struct vb_cmd_handle in = {.handle = handle};
  vb_hypercall(VB_HC_HCA_COMMAND, VB_CMD_DEREG_MR, (uint32_t)(uintptr_t)&in, sizeof in, 0);
}

/* Writes that were announced to a peer (CTS) or posted may still use an old region, so eviction only happens with none in flight. */
static struct vbmpi_region *victim(void) {
  struct vbmpi_region *oldest = &regions[0];
  for (uint32_t i = 1; i < used; i++)
    if (regions[i].used < oldest->used) oldest = &regions[i];
  return oldest;
}

static struct vbmpi_region *slot(void) {
  if (used < REGIONS) return &regions[used++];
  /* Full, and transfers in flight: the old registration is left to the adapter, which bounds how many there are. */
  struct vbmpi_region *region = victim();
  if (vbmpi_transfers == 0) dereg(region->handle);
  return region;
}

/* VERBENA_REGISTRATION_CACHE=0: every transfer registers its buffer anew, so that one can see what the cache saves. */
static bool caching(void) {
  static int known = -1;
  if (__builtin_expect(known < 0, 0)) {
    const char *wish = getenv("VERBENA_REGISTRATION_CACHE");
    known = wish == 0 || strcmp(wish, "0") != 0;
  }
  return known != 0;
}

uint32_t vbmpi_registered(void) { return used; }

static void forget_cached(void) {
  for (uint32_t i = 0; i < used; i++) dereg(regions[i].handle);
  used = recent = 0;
}

void vbmpi_register_forget(void) {
  forget_cached();
  for (struct vbmpi_grant *grant = grants; grant; grant = grant->next) {
    dereg(grant->handle);
    grant->handle = 0;
  }
}

struct vbmpi_grant *vbmpi_grant_new(const void *address, size_t bytes, uint32_t *key) {
  struct vb_reg_mr_out out;
  struct vbmpi_grant *grant = malloc(sizeof *grant);
  if (grant == 0 || reg((uintptr_t)address, (uintptr_t)address + bytes, VB_ACCESS_REMOTE_WRITE | VB_ACCESS_REMOTE_READ, &out) < 0) {
    free(grant);
    return 0;
  }
  vbmpi_page()->registrations++;
  *grant = (struct vbmpi_grant){grants, out.handle};
  grants = grant;
  *key = out.rkey;
  return grant;
}

void vbmpi_grant_end(struct vbmpi_grant *grant) {
  struct vbmpi_grant **link = &grants;
  while (*link != grant) link = &(*link)->next;
  *link = grant->next;
  if (grant->handle != 0) dereg(grant->handle);
  free(grant);
}

const struct vbmpi_region *vbmpi_register(const void *address, size_t bytes) {
  if (__builtin_expect(!caching(), 0) && vbmpi_transfers <= 1) forget_cached();
  uintptr_t from = (uintptr_t)address, to = from + bytes;
  volatile struct vb_status_page *page = vbmpi_page();
  if (used && regions[recent].from <= from && to <= regions[recent].to) {
    page->registration_cache_hits++;
    regions[recent].used = ++clock_;
    return &regions[recent];
  }
  for (uint32_t i = 0; i < used; i++) {
    if (regions[i].from <= from && to <= regions[i].to) {
      page->registration_cache_hits++;
      regions[i].used = ++clock_;
      recent = i;
      return &regions[i];
    }
  }
  uintptr_t end = (uintptr_t)__builtin_wasm_memory_size(0) * 65536u;
  uintptr_t wide_from = from / GRAIN * GRAIN, wide_to = (to + GRAIN - 1) / GRAIN * GRAIN;
  if (wide_from < VB_DATA_BASE) wide_from = from < VB_DATA_BASE ? from : VB_DATA_BASE;
  if (end != 0 && wide_to > end) wide_to = end;
  struct vb_reg_mr_out out;
  int32_t result = reg(wide_from, wide_to, VB_ACCESS_REMOTE_WRITE, &out);
  if (result < 0) vbmpi_fatal(MPI_ERR_OTHER, vbmpi_collective_or_call(), "the adapter refuses to register %zu bytes at %p (error %d)", bytes, address, (int)result);
  page->registrations++;
  struct vbmpi_region *region = slot();
  *region = (struct vbmpi_region){.from = wide_from, .to = wide_to, .handle = out.handle, .lkey = out.lkey, .rkey = out.rkey, .used = ++clock_};
  recent = (uint32_t)(region - regions);
  return region;
}
