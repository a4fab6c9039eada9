/* Entry points of collectives: argument checks, and one body for the blocking, the non-blocking and the persistent function. */
#ifndef VBMPI_ENTRY_H
#define VBMPI_ENTRY_H

#include "check/check.h"
#include "coll.h"
#include "env/error.h"
#include "schedule.h"

enum vbmpi_how { VBMPI_BLOCKING, VBMPI_NONBLOCKING, VBMPI_PERSISTENT };
struct vbmpi_coll_call {
  const char *function;
  enum vbmpi_how how;
  MPI_Request *request;
};

/* Between these two a body calls algorithms. The blocking one acts, the others record and hand out the request. */
void vbmpi_coll_begin(const struct vbmpi_coll_call *call, struct vbmpi_comm *comm);
/* Says, before begin, what all ranks must agree in when the program is checked: VBMPI_ANYTHING for no root or no operation, and the length of
 * one rank's part, or MPI_DATATYPE_NULL where it may differ. */
void vbmpi_coll_agree(int root, int op, size_t count, MPI_Datatype type);
int vbmpi_coll_end(const struct vbmpi_coll_call *call);

/* The same for collectives that only block, such as the making of communicators. */
#define VBMPI_COLLECTIVE(name, comm) vbmpi_coll_enter(name, comm);
void vbmpi_coll_enter(const char *name, struct vbmpi_comm *comm);
/* The same where only some ranks of the communicator take part. */
void vbmpi_coll_enter_part(const char *name, struct vbmpi_comm *comm);
int vbmpi_coll_leave(void);

/* The communicator of a body's arguments, which returns when there is none. */
#define VBMPI_ENTER(name, handle, call)    \
  VBMPI_COMM(name, handle, (call).function) \
  if ((call).how != VBMPI_BLOCKING && (call).request == 0) return vbmpi_fail(name, MPI_ERR_ARG, (call).function, "the request argument is NULL");

#define VBMPI_CALL(name, how, request) ((struct vbmpi_coll_call){name, how, request})

/* PMPI_X, PMPI_IX and PMPI_X_init, which pass the arguments on to `body` with a struct vbmpi_coll_call behind them. */
#define VBMPI_ENTRIES_OF(name, iname, suffix, C, D, body, ...)                                                                      \
  int PMPI_##name##suffix(VB_ARGS_##name(C, D)) { return body(__VA_ARGS__, VBMPI_CALL("MPI_" #name #suffix, VBMPI_BLOCKING, 0)); }    \
  VBMPI_ALIAS(name##suffix)                                                                                                         \
  int PMPI_##iname##suffix(VB_ARGS_##name(C, D), MPI_Request *request) {                                                            \
    return body(__VA_ARGS__, VBMPI_CALL("MPI_" #iname #suffix, VBMPI_NONBLOCKING, request));                                        \
  }                                                                                                                                 \
  VBMPI_ALIAS(iname##suffix)                                                                                                        \
  int PMPI_##name##_init##suffix(VB_ARGS_##name(C, D), MPI_Info info, MPI_Request *request) {                                       \
    (void)info;                                                                                                                     \
    return body(__VA_ARGS__, VBMPI_CALL("MPI_" #name "_init" #suffix, VBMPI_PERSISTENT, request));                                  \
  }                                                                                                                                 \
  VBMPI_ALIAS(name##_init##suffix)
#define VBMPI_ENTRIES(name, iname, body, ...)                            \
  VBMPI_ENTRIES_OF(name, iname, , int, int, body, __VA_ARGS__)           \
  VBMPI_ENTRIES_OF(name, iname, _c, MPI_Count, MPI_Aint, body, __VA_ARGS__)

/* Each returns MPI_SUCCESS or raises its error on `comm`. A root may be MPI_ROOT or MPI_PROC_NULL on an inter-communicator. */
int vbmpi_check_root(struct vbmpi_comm *comm, int root, const char *function);
int vbmpi_check_typed(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, const char *function);
int vbmpi_check_vector(struct vbmpi_comm *comm, const struct vbmpi_vector *counts, int n, const char *function);
int vbmpi_check_blocks(struct vbmpi_comm *comm, const struct vbmpi_blocks *blocks, int n, const char *function);
int vbmpi_check_in_place(struct vbmpi_comm *comm, const void *buf, const char *function);
/* Both buffers of a reduction; fills `reduction`. `gets` is whether this process receives the result. */
int vbmpi_check_reduction(struct vbmpi_comm *comm, const void *sendbuf, const void *recvbuf, MPI_Count count, MPI_Datatype type, MPI_Op op, bool gives,
                          bool gets, const char *function, struct vbmpi_reduction *reduction);

#endif
