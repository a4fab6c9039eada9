/*
 * Collectives over inter-communicators (MPI-3.1, section 5.2.2). Within a group they use the group's own communicator `local`; between the
 * groups, rank 0 of each speaks for its group, or everyone sends to everyone where each pair has data of its own.
 */
#include <stdlib.h>

#include "coll.h"

void vbmpi_inter_barrier(struct vbmpi_comm *comm) {
  vbmpi_barrier(comm->local);
  if (comm->rank == 0) vbmpi_coll_sendrecv(0, 0, MPI_BYTE, 0, 0, 0, MPI_BYTE, 0, comm);
  vbmpi_barrier(comm->local);
}

/* Cost: alpha + n beta more than a broadcast in the receiving group. */
void vbmpi_inter_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm) {
  if (root == MPI_PROC_NULL) return;
  if (root == MPI_ROOT) {
    vbmpi_coll_send(buf, count, type, 0, comm);
    return;
  }
  if (comm->rank == 0) vbmpi_coll_recv(buf, count, type, root, comm);
  vbmpi_bcast(buf, count, type, 0, comm->local);
}

static void receive_all(const struct vbmpi_blocks *in, struct vbmpi_request **requests, struct vbmpi_comm *comm) {
  for (int i = 0; i < comm->size; i++)
    requests[i] = vbmpi_coll_irecv(vbmpi_block_at(in, i), vbmpi_block_count(in, i), vbmpi_block_type(in, i), i, comm);
}

static void send_all(const struct vbmpi_blocks *out, struct vbmpi_request **requests, struct vbmpi_comm *comm) {
  for (int i = 0; i < comm->size; i++)
    requests[i] = vbmpi_coll_isend(vbmpi_block_at(out, i), vbmpi_block_count(out, i), vbmpi_block_type(out, i), i, comm);
}

static void wait_all(struct vbmpi_request **requests, int count) {
  for (int i = 0; i < count; i++) vbmpi_coll_wait(requests[i]);
  free(requests);
}

static struct vbmpi_request **list(int count) { return vbmpi_scratch((size_t)count * sizeof(struct vbmpi_request *)); }

void vbmpi_inter_gather(const void *out, size_t out_count, MPI_Datatype out_type, const struct vbmpi_blocks *in, int root, struct vbmpi_comm *comm) {
  if (root >= 0) vbmpi_coll_send(out, out_count, out_type, root, comm);
  if (root != MPI_ROOT) return;
  struct vbmpi_request **requests = list(comm->size);
  receive_all(in, requests, comm);
  wait_all(requests, comm->size);
}

void vbmpi_inter_scatter(const struct vbmpi_blocks *out, void *in, size_t in_count, MPI_Datatype in_type, int root, struct vbmpi_comm *comm) {
  if (root >= 0) vbmpi_coll_recv(in, in_count, in_type, root, comm);
  if (root != MPI_ROOT) return;
  struct vbmpi_request **requests = list(comm->size);
  send_all(out, requests, comm);
  wait_all(requests, comm->size);
}

void vbmpi_inter_alltoall(const struct vbmpi_blocks *out, const struct vbmpi_blocks *in, struct vbmpi_comm *comm) {
  struct vbmpi_request **requests = list(2 * comm->size);
  receive_all(in, requests, comm);
  send_all(out, requests + comm->size, comm);
  wait_all(requests, 2 * comm->size);
}

/* The combination of this group's contributions, at its rank 0. */
static void *reduce_group(const void *out, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *local) {
  void *work = vbmpi_typed_scratch(count, &reduction->layout);
  vbmpi_coll_copy(out, count, reduction->type, work, count, reduction->type);
  if (local->size > 1 && count > 0) vbmpi_reduce_binomial(work, count, reduction, 0, local);
  return work;
}

void vbmpi_inter_reduce(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm) {
  if (root == MPI_ROOT) vbmpi_coll_recv(in, count, reduction->type, 0, comm);
  if (root < 0) return;
  void *work = reduce_group(out, count, reduction, comm->local);
  if (comm->rank == 0) vbmpi_coll_send(work, count, reduction->type, root, comm);
  vbmpi_typed_free(work, &reduction->layout);
}

/* Each group gets the combination of the other. */
void vbmpi_inter_allreduce(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm) {
  void *work = reduce_group(out, count, reduction, comm->local);
  if (comm->rank == 0) vbmpi_coll_sendrecv(work, count, reduction->type, 0, in, count, reduction->type, 0, comm);
  vbmpi_bcast(in, count, reduction->type, 0, comm->local);
  vbmpi_typed_free(work, &reduction->layout);
}

/* The combination of the other group, in blocks of this group's counts. */
void vbmpi_inter_reduce_scatter(const void *out, void *in, const struct vbmpi_vector *counts, const struct vbmpi_reduction *reduction,
                                struct vbmpi_comm *comm) {
  struct vbmpi_comm *local = comm->local;
  size_t total = 0;
  for (int i = 0; i < local->size; i++) total += (size_t)vbmpi_element(counts, i);
  void *work = reduce_group(out, total, reduction, local), *theirs = vbmpi_typed_scratch(total, &reduction->layout);
  if (comm->rank == 0) {
    vbmpi_coll_sendrecv(work, total, reduction->type, 0, theirs, total, reduction->type, 0, comm);
    size_t at = (size_t)vbmpi_element(counts, 0);
    vbmpi_coll_copy(theirs, at, reduction->type, in, at, reduction->type);
    for (int i = 1; i < local->size; i++) {
      size_t count = (size_t)vbmpi_element(counts, i);
      vbmpi_coll_send(vbmpi_at(theirs, (ptrdiff_t)at, reduction->layout.extent), count, reduction->type, i, local);
      at += count;
    }
  } else {
    vbmpi_coll_recv(in, (size_t)vbmpi_element(counts, comm->rank), reduction->type, 0, local);
  }
  vbmpi_typed_free(work, &reduction->layout);
  vbmpi_typed_free(theirs, &reduction->layout);
}
