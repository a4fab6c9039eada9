/* Making, freeing and asking windows (MPI-3.1, section 11.2). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "coll/entry.h"
#include "comm/attribute.h"
#include "device/device.h"
#include "rma.h"

static struct vbmpi_table windows = {.what = "window"};

struct vbmpi_win *vbmpi_win_of(MPI_Win handle) {
  return VBMPI_KIND(handle) == VBMPI_KIND_WIN ? vbmpi_table_get(&windows, VBMPI_INDEX(handle)) : 0;
}

int vbmpi_win_fail(struct vbmpi_win *win, int error_class, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int result = vbmpi_raise(win->errhandler, win->handle, error_class, function, format, arguments);
  va_end(arguments);
  return result;
}

/* What a window is made of. */
struct plan {
  int flavor;
  void *base;
  MPI_Aint size;
  MPI_Aint unit;
  bool allocates;
};

static struct vbmpi_win *win_new(const struct plan *plan, MPI_Comm copy, const char *function) {
  struct vbmpi_comm *comm = vbmpi_comm_of(copy);
  struct vbmpi_win *win = calloc(1, sizeof *win);
  uint32_t index = win ? vbmpi_table_add(&windows, win, 1) : 0;
  if (index == 0) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for a window");
  vbmpi_check_hide(&vbmpi_comms, VBMPI_INDEX(copy));
  win->handle = VBMPI_HANDLE(VBMPI_KIND_WIN, index);
  win->comm = comm;
  win->comm_handle = copy;
  win->errhandler = MPI_ERRORS_ARE_FATAL;
  win->flavor = plan->flavor;
  win->model = MPI_WIN_UNIFIED;
  win->unit = (int)plan->unit;
  win->size = plan->size;
  win->base = plan->base;
  win->sides = calloc((size_t)comm->size, sizeof *win->sides);
  if (plan->allocates) win->owned = win->base = aligned_alloc(64, ((size_t)plan->size + 64) & ~(size_t)63);
  if (win->sides == 0 || (plan->allocates && win->owned == 0)) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for a window of %zd bytes", (size_t)plan->size);
  return win;
}

static int create(struct plan plan, MPI_Comm comm, MPI_Win *handle, const char *function) {
  VBMPI_COMM(c, comm, function)
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "a window needs an intra-communicator");
  if (plan.size < 0) return vbmpi_fail(c, MPI_ERR_SIZE, function, "negative size %zd", (size_t)plan.size);
  if (plan.unit <= 0) return vbmpi_fail(c, MPI_ERR_DISP, function, "displacement unit %zd", (size_t)plan.unit);
  if (plan.flavor == MPI_WIN_FLAVOR_SHARED && c->size > 1)
    return vbmpi_fail(c, MPI_ERR_RMA_SHARED, function, "the %d ranks are virtual machines, whose memories are apart: split them with MPI_COMM_TYPE_SHARED first, or use MPI_Win_allocate", c->size);
  MPI_Comm copy;
  int result = PMPI_Comm_dup(comm, &copy);
  if (result) return result;
  struct vbmpi_win *win = win_new(&plan, copy, function);
  uint64_t mine[3] = {(uintptr_t)(plan.flavor == MPI_WIN_FLAVOR_DYNAMIC ? 0 : win->base), (uint64_t)plan.size, (uint64_t)plan.unit};
  uint64_t *all = vbmpi_scratch(3 * (size_t)c->size * sizeof *all);
  /* Messages may come as soon as another knows of this window: it is known here before it tells them. */
  win->next = vbmpi_windows;
  vbmpi_windows = win;
  if (vbmpi_device.windows_progress == 0) vbmpi_device.windows_progress = vbmpi_windows_progress;
  vbmpi_device.windows_busy = true;
  for (int pass = 0; pass < 3; pass++) {
    VBMPI_COLLECTIVE(function, win->comm)
    if (pass == 1) {
      vbmpi_rma_grant(win);
    } else if (pass == 0) {
      vbmpi_allgather(mine, 3, MPI_UINT64_T, all, 3, MPI_UINT64_T, win->comm);
      for (int i = 0; i < c->size; i++) {
        win->sides[i].base = all[3 * i];
        win->sides[i].size = all[3 * i + 1];
        win->sides[i].unit = (int)all[3 * i + 2];
      }
    } else {
      vbmpi_barrier(win->comm);
    }
    result = vbmpi_coll_leave();
  }
  free(all);
  *handle = win->handle;
  return result;
}

static int create_over(void *base, MPI_Aint size, MPI_Aint unit, MPI_Comm comm, MPI_Win *win, const char *function) {
  return create((struct plan){MPI_WIN_FLAVOR_CREATE, base, size, unit, false}, comm, win, function);
}

static int allocate(int flavor, MPI_Aint size, MPI_Aint unit, MPI_Comm comm, void *base, MPI_Win *win, const char *function) {
  int result = create((struct plan){flavor, 0, size, unit, true}, comm, win, function);
  if (result == MPI_SUCCESS) *(void **)base = vbmpi_win_of(*win)->base;
  return result;
}

#define DEFINE(suffix, U)                                                                                                          \
  int PMPI_Win_create##suffix(void *base, MPI_Aint size, U unit, MPI_Info info, MPI_Comm comm, MPI_Win *win) {                     \
    (void)info;                                                                                                                    \
    return create_over(base, size, unit, comm, win, "MPI_Win_create" #suffix);                                                     \
  }                                                                                                                                \
  VBMPI_ALIAS(Win_create##suffix)                                                                                                  \
  int PMPI_Win_allocate##suffix(MPI_Aint size, U unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win) {                   \
    (void)info;                                                                                                                    \
    return allocate(MPI_WIN_FLAVOR_ALLOCATE, size, unit, comm, base, win, "MPI_Win_allocate" #suffix);                             \
  }                                                                                                                                \
  VBMPI_ALIAS(Win_allocate##suffix)                                                                                                \
  int PMPI_Win_allocate_shared##suffix(MPI_Aint size, U unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win) {            \
    (void)info;                                                                                                                    \
    return allocate(MPI_WIN_FLAVOR_SHARED, size, unit, comm, base, win, "MPI_Win_allocate_shared" #suffix);                        \
  }                                                                                                                                \
  VBMPI_ALIAS(Win_allocate_shared##suffix)                                                                                         \
  int PMPI_Win_shared_query##suffix(MPI_Win handle, int rank, MPI_Aint *size, U *unit, void *base) {                               \
    VBMPI_WIN(win, handle, "MPI_Win_shared_query" #suffix)                                                                         \
    if (win->flavor != MPI_WIN_FLAVOR_SHARED)                                                                                      \
      return vbmpi_win_fail(win, MPI_ERR_RMA_FLAVOR, "MPI_Win_shared_query" #suffix, "the window is not shared");                  \
    if (rank != 0 && rank != MPI_PROC_NULL)                                                                                        \
      return vbmpi_win_fail(win, MPI_ERR_RANK, "MPI_Win_shared_query" #suffix, "invalid rank %d (the window has 1)", rank);        \
    *size = win->size;                                                                                                             \
    *unit = win->unit;                                                                                                             \
    *(void **)base = win->base;                                                                                                    \
    return MPI_SUCCESS;                                                                                                            \
  }                                                                                                                                \
  VBMPI_ALIAS(Win_shared_query##suffix)
DEFINE(, int)
DEFINE(_c, MPI_Aint)

int PMPI_Win_create_dynamic(MPI_Info info, MPI_Comm comm, MPI_Win *win) {
  (void)info;
  return create((struct plan){MPI_WIN_FLAVOR_DYNAMIC, 0, 0, 1, false}, comm, win, "MPI_Win_create_dynamic");
}
VBMPI_ALIAS(Win_create_dynamic)

int PMPI_Win_attach(MPI_Win handle, void *base, MPI_Aint size) {
  VBMPI_WIN(win, handle, "MPI_Win_attach")
  if (win->flavor != MPI_WIN_FLAVOR_DYNAMIC) return vbmpi_win_fail(win, MPI_ERR_RMA_FLAVOR, "MPI_Win_attach", "the window is not dynamic");
  if (size < 0) return vbmpi_win_fail(win, MPI_ERR_SIZE, "MPI_Win_attach", "negative size");
  struct vbmpi_rma_region *region = malloc(sizeof *region);
  if (region == 0) return vbmpi_win_fail(win, MPI_ERR_NO_MEM, "MPI_Win_attach", "no memory");
  *region = (struct vbmpi_rma_region){win->regions, (uintptr_t)base, (uint64_t)size};
  win->regions = region;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_attach)

int PMPI_Win_detach(MPI_Win handle, const void *base) {
  VBMPI_WIN(win, handle, "MPI_Win_detach")
  struct vbmpi_rma_region **link = &win->regions, *region;
  while ((region = *link) != 0 && region->base != (uintptr_t)base) link = &region->next;
  if (region == 0) return vbmpi_win_fail(win, MPI_ERR_RMA_ATTACH, "MPI_Win_detach", "no memory is attached at %p", base);
  *link = region->next;
  free(region);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_detach)

int PMPI_Win_free(MPI_Win *handle) {
  VBMPI_WIN(win, *handle, "MPI_Win_free")
  if (win->exposed || win->started_count > 0 || win->locked_all) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_free", "an epoch is open");
  int result = vbmpi_attributes_delete(&win->attributes, *handle);
  if (result) return result;
  vbmpi_rma_flush_all(win, "MPI_Win_free");
  VBMPI_COLLECTIVE("MPI_Win_free", win->comm)
  vbmpi_barrier(win->comm);
  result = vbmpi_coll_leave();
  vbmpi_rma_withdraw(win);
  struct vbmpi_win **link = &vbmpi_windows;
  while (*link != win) link = &(*link)->next;
  *link = win->next;
  vbmpi_table_remove(&windows, VBMPI_INDEX(*handle));
  PMPI_Comm_free(&win->comm_handle);
  vbmpi_errhandler_release(win->errhandler);
  while (win->regions) {
    struct vbmpi_rma_region *next = win->regions->next;
    free(win->regions);
    win->regions = next;
  }
  free(win->owned);
  free(win->sides);
  free(win);
  *handle = MPI_WIN_NULL;
  return result;
}
VBMPI_ALIAS(Win_free)

int PMPI_Win_get_group(MPI_Win handle, MPI_Group *group) {
  VBMPI_WIN(win, handle, "MPI_Win_get_group")
  return PMPI_Comm_group(win->comm_handle, group);
}
VBMPI_ALIAS(Win_get_group)

int PMPI_Win_set_info(MPI_Win handle, MPI_Info info) {
  VBMPI_WIN(win, handle, "MPI_Win_set_info")
  (void)win;
  (void)info;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_set_info)

int PMPI_Win_get_info(MPI_Win handle, MPI_Info *info) {
  VBMPI_WIN(win, handle, "MPI_Win_get_info")
  (void)win;
  return PMPI_Info_create(info);
}
VBMPI_ALIAS(Win_get_info)

int PMPI_Win_set_name(MPI_Win handle, const char *name) {
  VBMPI_WIN(win, handle, "MPI_Win_set_name")
  snprintf(win->name, sizeof win->name, "%s", name);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_set_name)

int PMPI_Win_get_name(MPI_Win handle, char *name, int *length) {
  VBMPI_WIN(win, handle, "MPI_Win_get_name")
  *length = snprintf(name, MPI_MAX_OBJECT_NAME, "%s", win->name);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_get_name)

/* --- error handlers and attributes --- */

int PMPI_Win_set_errhandler(MPI_Win handle, MPI_Errhandler handler) {
  VBMPI_WIN(win, handle, "MPI_Win_set_errhandler")
  if (!vbmpi_errhandler_exists(handler)) return vbmpi_win_fail(win, MPI_ERR_ARG, "MPI_Win_set_errhandler", "invalid error handler");
  vbmpi_errhandler_retain(handler);
  vbmpi_errhandler_release(win->errhandler);
  win->errhandler = handler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_set_errhandler)

int PMPI_Win_get_errhandler(MPI_Win handle, MPI_Errhandler *handler) {
  VBMPI_WIN(win, handle, "MPI_Win_get_errhandler")
  vbmpi_errhandler_retain(win->errhandler);
  *handler = win->errhandler;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_get_errhandler)

int PMPI_Win_call_errhandler(MPI_Win handle, int code) {
  VBMPI_WIN(win, handle, "MPI_Win_call_errhandler")
  const char *text = vbmpi_error_text(code);
  vbmpi_win_fail(win, code, "MPI_Win_call_errhandler", "%s", text ? text : "unknown error code");
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_call_errhandler)

int PMPI_Win_create_keyval(MPI_Win_copy_attr_function *copy, MPI_Win_delete_attr_function *del, int *key, void *extra) {
  return vbmpi_keyval_create(VBMPI_KIND_WIN, copy, del, key, extra, "MPI_Win_create_keyval");
}
VBMPI_ALIAS(Win_create_keyval)
int PMPI_Win_free_keyval(int *key) { return vbmpi_keyval_free(VBMPI_KIND_WIN, key, "MPI_Win_free_keyval"); }
VBMPI_ALIAS(Win_free_keyval)

int PMPI_Win_set_attr(MPI_Win handle, int key, void *value) {
  VBMPI_WIN(win, handle, "MPI_Win_set_attr")
  return vbmpi_attribute_set(VBMPI_KIND_WIN, &win->attributes, handle, key, value, "MPI_Win_set_attr");
}
VBMPI_ALIAS(Win_set_attr)

/* The base is the attribute's value itself; the others are pointers to what they say. */
int PMPI_Win_get_attr(MPI_Win handle, int key, void *value, int *flag) {
  VBMPI_WIN(win, handle, "MPI_Win_get_attr")
  *flag = 1;
  switch (key) {
    case MPI_WIN_BASE: *(void **)value = win->base; return MPI_SUCCESS;
    case MPI_WIN_SIZE: *(MPI_Aint **)value = &win->size; return MPI_SUCCESS;
    case MPI_WIN_DISP_UNIT: *(int **)value = &win->unit; return MPI_SUCCESS;
    case MPI_WIN_CREATE_FLAVOR: *(int **)value = &win->flavor; return MPI_SUCCESS;
    case MPI_WIN_MODEL: *(int **)value = &win->model; return MPI_SUCCESS;
    default: return vbmpi_attribute_get(VBMPI_KIND_WIN, &win->attributes, key, value, flag, "MPI_Win_get_attr");
  }
}
VBMPI_ALIAS(Win_get_attr)

int PMPI_Win_delete_attr(MPI_Win handle, int key) {
  VBMPI_WIN(win, handle, "MPI_Win_delete_attr")
  return vbmpi_attribute_delete(VBMPI_KIND_WIN, &win->attributes, handle, key, "MPI_Win_delete_attr");
}
VBMPI_ALIAS(Win_delete_attr)
