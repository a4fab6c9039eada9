/* Argument checks of point-to-point calls, and filling a request from arguments. */
#ifndef VBMPI_CHECK_H
#define VBMPI_CHECK_H

#include "env/error.h"
#include "protocol.h"

/* Each returns MPI_SUCCESS or raises its error on `comm`. */
int vbmpi_check_send(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int dest, int tag, const char *function,
                     struct vbmpi_layout *layout);
int vbmpi_check_recv(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, int source, int tag, const char *function,
                     struct vbmpi_layout *layout);
int vbmpi_check_probe(struct vbmpi_comm *comm, int source, int tag, const char *function);
int vbmpi_check_buffer(struct vbmpi_comm *comm, const void *buf, MPI_Count count, MPI_Datatype type, const char *function, struct vbmpi_layout *layout);

static inline struct vbmpi_layout vbmpi_basic_layout(MPI_Datatype type) {
  size_t size = vbmpi_basic_size(type);
  return (struct vbmpi_layout){.size = size, .extent = (ptrdiff_t)size, .true_extent = (ptrdiff_t)size, .contiguous = true};
}

static inline struct vbmpi_request *vbmpi_make_request(enum vbmpi_request_kind kind, struct vbmpi_comm *comm, const void *buf, size_t count,
                                                       MPI_Datatype type, const struct vbmpi_layout *layout, int rank, int tag, int context) {
  struct vbmpi_request *request = vbmpi_request_new(kind);
  request->comm = comm;
  request->buffer = (void *)(uintptr_t)buf;
  request->count = count;
  request->type = type;
  request->layout = *layout;
  request->wanted_peer = request->peer = rank >= 0 ? comm->group->world[rank] : rank;
  request->tag = tag;
  request->context = (uint16_t)context;
  return request;
}

/* Starts a request of either kind; one for MPI_PROC_NULL is complete at once with an empty status. */
void vbmpi_start(struct vbmpi_request *request);

/* The same for a request of the user, buffered ones included. */
int vbmpi_start_user(struct vbmpi_request *request, const char *function);

/* Waits for a request's end; the caller still owns it. */
void vbmpi_wait_request(struct vbmpi_request *request);

/* Raises the error that a completed request ended with. */
int vbmpi_request_error(const struct vbmpi_request *request, const char *function);

/* Waits for a request that the user never sees, fills status, frees it. */
int vbmpi_finish_blocking(struct vbmpi_request *request, MPI_Status *status, const char *function);

/* Buffered mode: copies the message to the attached buffer and sends it from there. */
int vbmpi_send_buffered(struct vbmpi_comm *comm, const void *buf, size_t count, const struct vbmpi_layout *layout, int dest, int tag,
                        const char *function);
void vbmpi_bsend_release(void *piece);

/* Generalized requests (general.c). */
int vbmpi_general_query(const struct vbmpi_request *request, MPI_Status *status);
int vbmpi_general_cancel(struct vbmpi_request *request);
void vbmpi_general_free(struct vbmpi_general *general);

#endif
