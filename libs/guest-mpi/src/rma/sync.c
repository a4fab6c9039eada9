/* Synchronisation of one-sided communication (MPI-3.1, section 11.5). */
#include <stdlib.h>
#include <string.h>

#include "coll/coll.h"
#include "coll/entry.h"
#include "device/device.h"
#include "device/wait.h"
#include "rma.h"

struct vbmpi_rma_wait {
  struct vbmpi_rma_wait *next;
  int rank;
  bool exclusive;
};

static void tell(struct vbmpi_win *win, int rank, enum vbmpi_rma_kind kind, bool exclusive) {
  struct vbmpi_rma_header header = {.kind = (uint8_t)kind, .exclusive = exclusive};
  /* What nobody answers must have arrived before the window is freed, so the next flush waits for it. */
  if (kind == VBMPI_POST || kind == VBMPI_COMPLETE || kind == VBMPI_UNLOCK) win->sides[rank].touched = true;
  vbmpi_rma_send(win, rank, &header, 0, 0, 0);
}

/* --- locks on this process's memory --- */

static bool try_grant(struct vbmpi_win *win, int rank, bool exclusive) {
  if (exclusive ? win->held != 0 : win->held < 0) return false;
  win->held = exclusive ? -1 : win->held + 1;
  tell(win, rank, VBMPI_GRANTED, false);
  return true;
}

static void want_lock(struct vbmpi_win *win, int rank, bool exclusive) {
  /* Nobody overtakes those who wait. */
  if (win->waiting == 0 && try_grant(win, rank, exclusive)) return;
  struct vbmpi_rma_wait **link = &win->waiting, *wait = malloc(sizeof *wait);
  if (wait == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for a waiting lock");
  *wait = (struct vbmpi_rma_wait){0, rank, exclusive};
  while (*link) link = &(*link)->next;
  *link = wait;
}

static void give_back(struct vbmpi_win *win) {
  win->held = win->held < 0 ? 0 : win->held - 1;
  while (win->waiting) {
    struct vbmpi_rma_wait *first = win->waiting;
    if (first->exclusive ? win->held != 0 : win->held < 0) return;
    win->waiting = first->next;
    try_grant(win, first->rank, first->exclusive);
    free(first);
  }
}

void vbmpi_rma_synchronise(struct vbmpi_win *win, int source, const struct vbmpi_rma_header *header) {
  struct vbmpi_rma_side *side = &win->sides[source];
  switch (header->kind) {
    case VBMPI_FLUSH: tell(win, source, VBMPI_FLUSHED, false); break;
    case VBMPI_FLUSHED: side->flushed++; break;
    case VBMPI_POST: side->posts++; break;
    case VBMPI_COMPLETE: side->completes++; break;
    case VBMPI_LOCK: want_lock(win, source, header->exclusive != 0); break;
    case VBMPI_GRANTED: side->granted = true; break;
    case VBMPI_UNLOCK: give_back(win); break;
    default: vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "rank %d sent a one-sided message of unknown kind %u", source, header->kind);
  }
}

/* --- flush --- */

static bool is_flushed(struct vbmpi_win *win, int rank) {
  return win->sides[rank].flushed == win->sides[rank].flushes && vbmpi_rma_is_moved(win, rank);
}

static void ask_flush(struct vbmpi_win *win, int rank) {
  struct vbmpi_rma_side *side = &win->sides[rank];
  if (!side->touched) return;
  side->touched = false;
  side->flushes++;
  tell(win, rank, VBMPI_FLUSH, false);
}

void vbmpi_rma_flush(struct vbmpi_win *win, int rank, const char *function) {
  ask_flush(win, rank);
  vbmpi_rma_await(win, is_flushed, rank, function);
}

void vbmpi_rma_flush_all(struct vbmpi_win *win, const char *function) {
  for (int rank = 0; rank < win->comm->size; rank++) ask_flush(win, rank);
  for (int rank = 0; rank < win->comm->size; rank++) vbmpi_rma_await(win, is_flushed, rank, function);
}

static bool holds_lock(const struct vbmpi_win *win, int rank) { return win->locked_all || win->sides[rank].locked; }

static int flush(MPI_Win handle, int rank, const char *function) {
  VBMPI_WIN(win, handle, function)
  if (rank == MPI_PROC_NULL) return MPI_SUCCESS;
  if (rank < 0 || rank >= win->comm->size) return vbmpi_win_fail(win, MPI_ERR_RANK, function, "invalid rank %d (the window has %d)", rank, win->comm->size);
  if (!holds_lock(win, rank)) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, function, "rank %d is not locked", rank);
  vbmpi_rma_flush(win, rank, function);
  return MPI_SUCCESS;
}

static int flush_all(MPI_Win handle, const char *function) {
  VBMPI_WIN(win, handle, function)
  bool any = win->locked_all;
  for (int rank = 0; rank < win->comm->size; rank++) any |= win->sides[rank].locked;
  if (!any) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, function, "nothing is locked");
  vbmpi_rma_flush_all(win, function);
  return MPI_SUCCESS;
}

int PMPI_Win_flush(int rank, MPI_Win win) { return flush(win, rank, "MPI_Win_flush"); }
VBMPI_ALIAS(Win_flush)
int PMPI_Win_flush_local(int rank, MPI_Win win) { return flush(win, rank, "MPI_Win_flush_local"); }
VBMPI_ALIAS(Win_flush_local)
int PMPI_Win_flush_all(MPI_Win win) { return flush_all(win, "MPI_Win_flush_all"); }
VBMPI_ALIAS(Win_flush_all)
int PMPI_Win_flush_local_all(MPI_Win win) { return flush_all(win, "MPI_Win_flush_local_all"); }
VBMPI_ALIAS(Win_flush_local_all)

int PMPI_Win_sync(MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_sync")
  (void)win;
  vbmpi_progress();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_sync)

/* --- fence --- */

int PMPI_Win_fence(int assertion, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_fence")
  bool locked = win->locked_all || win->started_count > 0 || win->exposed;
  for (int rank = 0; rank < win->comm->size; rank++) locked |= win->sides[rank].locked;
  if (locked) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_fence", "another epoch is open");
  vbmpi_rma_flush_all(win, "MPI_Win_fence");
  VBMPI_COLLECTIVE("MPI_Win_fence", win->comm)
  vbmpi_barrier(win->comm);
  int result = vbmpi_coll_leave();
  win->fenced = !(assertion & MPI_MODE_NOSUCCEED);
  return result;
}
VBMPI_ALIAS(Win_fence)

/* --- post, start, complete, wait --- */

/* The ranks of a group in the window's communicator, or NULL after an error was raised. */
static int ranks_of(struct vbmpi_win *win, MPI_Group group, const char *function, int **ranks, int *count) {
  MPI_Group own;
  int result = PMPI_Group_size(group, count);
  if (result) return result;
  int *all = vbmpi_scratch((size_t)(*count + 1) * 2 * sizeof *all);
  for (int i = 0; i < *count; i++) all[i] = i;
  PMPI_Comm_group(win->comm_handle, &own);
  result = PMPI_Group_translate_ranks(group, *count, all, own, all + *count);
  PMPI_Group_free(&own);
  for (int i = 0; i < *count && result == MPI_SUCCESS; i++)
    if (all[*count + i] == MPI_UNDEFINED) result = vbmpi_win_fail(win, MPI_ERR_GROUP, function, "the group has members that the window does not have");
  memmove(all, all + *count, (size_t)*count * sizeof *all);
  *ranks = all;
  if (result) free(all);
  return result;
}

int PMPI_Win_post(MPI_Group group, int assertion, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_post")
  (void)assertion;
  if (win->exposed) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_post", "the window is exposed already");
  int result = ranks_of(win, group, "MPI_Win_post", &win->posted, &win->posted_count);
  if (result) return result;
  win->exposed = true;
  win->fenced = false;
  for (int i = 0; i < win->posted_count; i++) tell(win, win->posted[i], VBMPI_POST, false);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_post)

static bool is_posted(struct vbmpi_win *win, int rank) { return win->sides[rank].posts > 0; }
static bool is_completed(struct vbmpi_win *win, int rank) { return win->sides[rank].completes > 0; }

int PMPI_Win_start(MPI_Group group, int assertion, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_start")
  (void)assertion;
  if (win->started_count > 0) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_start", "an epoch was started already");
  int result = ranks_of(win, group, "MPI_Win_start", &win->started, &win->started_count);
  if (result) return result;
  win->fenced = false;
  for (int i = 0; i < win->started_count; i++) {
    int rank = win->started[i];
    vbmpi_rma_await(win, is_posted, rank, "MPI_Win_start");
    win->sides[rank].posts--;
    win->sides[rank].started = true;
  }
  if (win->started_count == 0) free(win->started);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_start)

int PMPI_Win_complete(MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_complete")
  if (win->started_count == 0) return MPI_SUCCESS;
  vbmpi_rma_flush_all(win, "MPI_Win_complete");
  for (int i = 0; i < win->started_count; i++) {
    win->sides[win->started[i]].started = false;
    tell(win, win->started[i], VBMPI_COMPLETE, false);
  }
  free(win->started);
  win->started_count = 0;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_complete)

static void end_exposure(struct vbmpi_win *win) {
  for (int i = 0; i < win->posted_count; i++) win->sides[win->posted[i]].completes--;
  free(win->posted);
  win->posted_count = 0;
  win->exposed = false;
}

int PMPI_Win_wait(MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_wait")
  if (!win->exposed) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_wait", "MPI_Win_post was not called");
  for (int i = 0; i < win->posted_count; i++) vbmpi_rma_await(win, is_completed, win->posted[i], "MPI_Win_wait");
  end_exposure(win);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_wait)

int PMPI_Win_test(MPI_Win handle, int *flag) {
  VBMPI_WIN(win, handle, "MPI_Win_test")
  if (!win->exposed) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_test", "MPI_Win_post was not called");
  vbmpi_progress();
  *flag = 1;
  for (int i = 0; i < win->posted_count; i++) *flag &= is_completed(win, win->posted[i]);
  if (*flag) {
    end_exposure(win);
  } else {
    vbmpi_tested_in_vain();
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_test)

/* --- lock and unlock --- */

static bool is_granted(struct vbmpi_win *win, int rank) { return win->sides[rank].granted; }

int PMPI_Win_lock(int type, int rank, int assertion, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_lock")
  (void)assertion;
  if (type != MPI_LOCK_EXCLUSIVE && type != MPI_LOCK_SHARED) return vbmpi_win_fail(win, MPI_ERR_LOCKTYPE, "MPI_Win_lock", "unknown type of lock %d", type);
  if (rank == MPI_PROC_NULL) return MPI_SUCCESS;
  if (rank < 0 || rank >= win->comm->size) return vbmpi_win_fail(win, MPI_ERR_RANK, "MPI_Win_lock", "invalid rank %d (the window has %d)", rank, win->comm->size);
  if (holds_lock(win, rank)) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_lock", "rank %d is locked already", rank);
  win->fenced = false;
  tell(win, rank, VBMPI_LOCK, type == MPI_LOCK_EXCLUSIVE);
  vbmpi_rma_await(win, is_granted, rank, "MPI_Win_lock");
  win->sides[rank].locked = true;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_lock)

int PMPI_Win_unlock(int rank, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_unlock")
  if (rank == MPI_PROC_NULL) return MPI_SUCCESS;
  if (rank < 0 || rank >= win->comm->size) return vbmpi_win_fail(win, MPI_ERR_RANK, "MPI_Win_unlock", "invalid rank %d (the window has %d)", rank, win->comm->size);
  if (!win->sides[rank].locked) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_unlock", "rank %d is not locked", rank);
  vbmpi_rma_flush(win, rank, "MPI_Win_unlock");
  win->sides[rank].locked = win->sides[rank].granted = false;
  tell(win, rank, VBMPI_UNLOCK, false);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_unlock)

int PMPI_Win_lock_all(int assertion, MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_lock_all")
  (void)assertion;
  if (win->locked_all) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_lock_all", "all are locked already");
  win->fenced = false;
  for (int rank = 0; rank < win->comm->size; rank++) tell(win, rank, VBMPI_LOCK, false);
  for (int rank = 0; rank < win->comm->size; rank++) vbmpi_rma_await(win, is_granted, rank, "MPI_Win_lock_all");
  win->locked_all = true;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_lock_all)

int PMPI_Win_unlock_all(MPI_Win handle) {
  VBMPI_WIN(win, handle, "MPI_Win_unlock_all")
  if (!win->locked_all) return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, "MPI_Win_unlock_all", "MPI_Win_lock_all was not called");
  vbmpi_rma_flush_all(win, "MPI_Win_unlock_all");
  win->locked_all = false;
  for (int rank = 0; rank < win->comm->size; rank++) {
    win->sides[rank].granted = false;
    tell(win, rank, VBMPI_UNLOCK, false);
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Win_unlock_all)
