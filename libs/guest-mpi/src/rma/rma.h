/*
 * One-sided communication (MPI-3.1, chapter 11).
 *
 * A window has a communicator of its own. Operations travel there as messages, which the target carries out inside any of its MPI calls
 * (progress); those of one origin in their order, each as a whole, which makes accumulates atomic and ordered. A FLUSH at the end of a
 * stream of operations comes back when all before it are done. Puts and gets without gaps are RDMA WRITEs and READs, or copies over a channel, and done when their
 * completion is here (direct.c). Every synchronisation is built on these two:
 *
 *   fence       flush whom we touched, then a barrier
 *   post/start  POST to each origin; complete: flush, then COMPLETE to each target
 *   lock        LOCK, GRANTED; unlock: flush, then UNLOCK, upon which the next in the queue is granted
 */
#ifndef VBMPI_RMA_H
#define VBMPI_RMA_H

#include "comm/comm.h"
#include "datatype/datatype.h"
#include "env/error.h"

enum vbmpi_rma_kind {
  VBMPI_PUT = 1, VBMPI_GET, VBMPI_ACCUMULATE, VBMPI_FETCH, VBMPI_SWAP,       /* operations */
  VBMPI_DATA, VBMPI_FLUSH, VBMPI_FLUSHED,                                    /* answers */
  VBMPI_POST, VBMPI_COMPLETE, VBMPI_LOCK, VBMPI_GRANTED, VBMPI_UNLOCK,       /* synchronisation */
  VBMPI_SERVE,                                                               /* a question to the owner of a file */
};

/* What every message begins with; the target type's runs and the data follow. */
struct vbmpi_rma_header {
  uint8_t kind;
  uint8_t exclusive;      /* LOCK */
  uint16_t reserved;
  uint32_t many_runs;     /* of the target's type, unless its elements follow one another without gaps */
  int32_t op;
  int32_t basic;          /* type of the elements that are reduced */
  uint32_t ticket;        /* of the origin, for DATA */
  uint32_t contiguous;
  uint64_t address;       /* in the target's memory */
  uint64_t count;         /* elements of the target's type */
  uint64_t size;          /* bytes of data of one of them */
  int64_t extent;
  int64_t true_lb;
  uint64_t bytes;         /* of data in this message */
};

struct vbmpi_rma_wait;
struct vbmpi_request;
struct vbmpi_file;
struct vbmpi_win {
  struct vbmpi_win *next;
  MPI_Win handle;
  struct vbmpi_comm *comm;
  MPI_Comm comm_handle;
  MPI_Errhandler errhandler;
  int flavor, model, unit;
  MPI_Aint size;
  void *base;
  void *owned;                   /* memory that MPI_Win_allocate made */
  struct vbmpi_rma_side *sides;  /* what we know of each process, and do with it */
  struct vbmpi_grant *grant;     /* of the memory to those who come by the adapter, or NULL */
  uint32_t incarnation;          /* of the adapter when the grants were made */
  bool fenced;                   /* between fences that may hold operations */
  int started_count, posted_count;
  int *started, *posted;         /* ranks of the groups of MPI_Win_start and MPI_Win_post */
  bool exposed;
  bool locked_all;
  int held;                      /* lock on this process's memory: -1 exclusive, n shared */
  struct vbmpi_rma_wait *waiting;   /* for it, in order */
  struct vbmpi_rma_region *regions;   /* attached to a dynamic window */
  struct vbmpi_attribute *attributes;
  /* A window that carries the messages of a file (io.h). */
  struct vbmpi_file *file;
  void (*serve)(struct vbmpi_win *win, int source, const struct vbmpi_rma_header *header, const uint8_t *payload);
  char name[MPI_MAX_OBJECT_NAME];
};

/* Another process, or this one, as seen from here. */
struct vbmpi_rma_side {
  uint64_t base;
  uint64_t size;
  int unit;
  bool touched;        /* operations since the last flush */
  bool started;        /* in the group of MPI_Win_start */
  bool locked;
  bool granted;
  int posts;           /* POSTs that came from it and were not used yet */
  int completes;       /* COMPLETEs that came from it */
  uint32_t flushes, flushed;
  bool permitted;      /* it lets us read and write its window directly, with `key` */
  bool lent;           /* we have lent it ours over a channel, under `lent_number` */
  uint32_t key, lent_number;
  uint32_t incarnation;   /* of the adapters that the key is for */
  uint32_t moved;      /* sq_tail after the last direct read or write */
  struct vbmpi_rma_arrival *arriving;   /* a long message that is not whole yet; later ones wait for it */
};

struct vbmpi_rma_region {
  struct vbmpi_rma_region *next;
  uint64_t base, size;
};

struct vbmpi_win *vbmpi_win_of(MPI_Win handle);
int vbmpi_win_fail(struct vbmpi_win *win, int error_class, const char *function, const char *format, ...) __attribute__((format(printf, 4, 5)));

#define VBMPI_WIN(name, handle, function)        \
  VBMPI_MAIN_CHECK(function)                     \
  struct vbmpi_win *name = vbmpi_win_of(handle); \
  if (name == 0) return vbmpi_fail(0, MPI_ERR_WIN, function, "invalid window 0x%08x", (unsigned)(handle));

/* All windows, for progress. */
extern struct vbmpi_win *vbmpi_windows;
bool vbmpi_windows_progress(void);

/* Sends a message; `runs` and `data` are copied. */
void vbmpi_rma_send(struct vbmpi_win *win, int rank, struct vbmpi_rma_header *header, const struct vbmpi_run *runs, const void *data, size_t bytes);
/* Carries out a message at its target (operations.c, sync.c). */
void vbmpi_rma_operate(struct vbmpi_win *win, int source, const struct vbmpi_rma_header *header, const uint8_t *payload);
void vbmpi_rma_synchronise(struct vbmpi_win *win, int source, const struct vbmpi_rma_header *header);
/* The answer to a ticket: data for its buffer. */
uint32_t vbmpi_rma_ticket(void *buffer, size_t count, MPI_Datatype type, struct vbmpi_request *request);
void vbmpi_rma_answer(uint32_t ticket, const uint8_t *data, size_t bytes);

/* What a wait for a window is for, in words. */
void vbmpi_rma_describe(char *text, size_t capacity, const void *subject);

/* Direct access: grants this window to the others and learns what they grant, all together; takes the grants back. */
void vbmpi_rma_grant(struct vbmpi_win *win);
void vbmpi_rma_withdraw(struct vbmpi_win *win);
/* Puts bytes to an address of the target's without its doing; false when that has to be a message. `data` stays until the next flush. */
bool vbmpi_rma_put(struct vbmpi_win *win, int rank, const void *data, size_t bytes, uint64_t address);
/* The same for a get; the bytes are at `data` after the next flush. */
bool vbmpi_rma_get(struct vbmpi_win *win, int rank, void *data, size_t bytes, uint64_t address);
/* Whether all that was put and got so is in its place. */
bool vbmpi_rma_is_moved(const struct vbmpi_win *win, int rank);

/* Waits for the end of all that was sent to one process, or to all. */
void vbmpi_rma_flush(struct vbmpi_win *win, int rank, const char *function);
void vbmpi_rma_flush_all(struct vbmpi_win *win, const char *function);
void vbmpi_rma_await(struct vbmpi_win *win, bool (*done)(struct vbmpi_win *win, int rank), int rank, const char *function);

#endif
