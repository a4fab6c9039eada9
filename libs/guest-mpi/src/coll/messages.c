/* Messages and scratch space inside collectives. */
#include <stdlib.h>
#include <string.h>

#include "coll.h"
#include "device/wait.h"
#include "env/error.h"
#include "pt2pt/check.h"

static struct vbmpi_comm *current;
static int error;
static size_t arrived, expected;
static int sender;

void vbmpi_coll_enter(const char *name, struct vbmpi_comm *comm) {
  vbmpi_collective = name;
  current = comm;
  error = MPI_SUCCESS;
}

int vbmpi_coll_leave(void) {
  const char *name = vbmpi_collective;
  vbmpi_collective = 0;
  if (__builtin_expect(error == MPI_SUCCESS, 1)) return MPI_SUCCESS;
  return vbmpi_fail(current, error, name, "a message of %zu bytes from rank %d does not fit in %zu: do all ranks pass the same counts, types and root?", arrived,
                    sender, expected);
}

static struct vbmpi_request *begin(enum vbmpi_request_kind kind, const void *buf, size_t count, MPI_Datatype type, int rank,
                                   struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  struct vbmpi_request *request = vbmpi_make_request(kind, comm, buf, count, type, &layout, rank, comm->collective_tag, comm->context + 1);
  vbmpi_start(request);
  return request;
}

struct vbmpi_request *vbmpi_coll_isend(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm) {
  return begin(VBMPI_REQUEST_SEND, buf, count, type, dest, comm);
}

struct vbmpi_request *vbmpi_coll_irecv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm) {
  return begin(VBMPI_REQUEST_RECV, buf, count, type, source, comm);
}

void vbmpi_coll_wait(struct vbmpi_request *request) {
  vbmpi_wait_request(request);
  if (__builtin_expect(request->error != MPI_SUCCESS, 0)) {
    error = request->error;
    arrived = request->truncated;
    expected = request->bytes;
    sender = request->status_source;
  }
  vbmpi_request_free(request);
}

void vbmpi_coll_send(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm) {
  vbmpi_coll_wait(vbmpi_coll_isend(buf, count, type, dest, comm));
}

void vbmpi_coll_recv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm) {
  vbmpi_coll_wait(vbmpi_coll_irecv(buf, count, type, source, comm));
}

void vbmpi_coll_sendrecv(const void *out, size_t out_count, MPI_Datatype out_type, int dest, void *in, size_t in_count, MPI_Datatype in_type,
                         int source, struct vbmpi_comm *comm) {
  struct vbmpi_request *recv = vbmpi_coll_irecv(in, in_count, in_type, source, comm);
  struct vbmpi_request *send = vbmpi_coll_isend(out, out_count, out_type, dest, comm);
  vbmpi_coll_wait(recv);
  vbmpi_coll_wait(send);
}

void vbmpi_coll_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type) {
  struct vbmpi_layout out, in;
  if (vbmpi_layout_of(from_type, false, &out) || vbmpi_layout_of(to_type, false, &in)) return;
  vbmpi_copy_typed(to, to_count, &in, from, from_count, &out);
}

void *vbmpi_scratch(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (memory == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %zu bytes of scratch space", bytes);
  return memory;
}

void *vbmpi_typed_scratch(size_t count, const struct vbmpi_layout *layout) {
  if (layout->extent < 0)
    vbmpi_fatal(MPI_ERR_TYPE, vbmpi_collective_or_call(), "collectives on datatypes with a negative extent are not supported");
  size_t span = (size_t)layout->true_extent + (count ? count - 1 : 0) * (size_t)layout->extent;
  return (uint8_t *)vbmpi_scratch(span) - layout->true_lb;
}

void vbmpi_typed_free(void *buffer, const struct vbmpi_layout *layout) { free((uint8_t *)buffer + layout->true_lb); }

int vbmpi_check_root(struct vbmpi_comm *comm, int root, const char *function) {
  if (root >= 0 && root < comm->size) return MPI_SUCCESS;
  return vbmpi_fail(comm, MPI_ERR_ROOT, function, "invalid root %d (communicator %s has %d ranks)", root, comm->name, comm->size);
}

int vbmpi_check_typed(struct vbmpi_comm *comm, const void *buf, int count, MPI_Datatype type, const char *function) {
  struct vbmpi_layout layout;
  return vbmpi_check_buffer(comm, buf, count, type, function, &layout);
}

int vbmpi_check_counts(struct vbmpi_comm *comm, const int counts[], MPI_Datatype type, const char *function) {
  struct vbmpi_layout layout;
  if (counts == 0) return vbmpi_fail(comm, MPI_ERR_ARG, function, "the array of counts is NULL");
  for (int i = 0; i < comm->size; i++)
    if (counts[i] < 0) return vbmpi_fail(comm, MPI_ERR_COUNT, function, "negative count %d for rank %d", counts[i], i);
  if (vbmpi_layout_of(type, true, &layout)) return vbmpi_fail(comm, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  return MPI_SUCCESS;
}
