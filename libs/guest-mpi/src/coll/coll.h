/*
 * Collectives (MPI-3.1, chapter 5): one algorithm per file in this folder, chosen here by size and type alone, so that every process
 * chooses the same and results repeat bit by bit.
 *
 * Costs are in the usual model: alpha per message, beta per byte, gamma per byte reduced; p processes, n bytes per process unless a
 * file says otherwise, lg = ceil(log2 p).
 *
 * Functions here take checked arguments; MPI_IN_PLACE is the buffer argument MPI_IN_PLACE as in the standard. A message that does not
 * fit (counts differ between processes) is remembered and reported by vbmpi_coll_leave.
 */
#ifndef VBMPI_COLL_H
#define VBMPI_COLL_H

#include <stddef.h>
#include <stdint.h>

#include "comm/comm.h"
#include "datatype/datatype.h"
#include "op/op.h"
#include "pt2pt/request.h"

/* Enters a collective: its name is what a sleeping process says that it waits for. */
#define VBMPI_COLLECTIVE(name, comm) vbmpi_coll_enter(name, comm);
void vbmpi_coll_enter(const char *name, struct vbmpi_comm *comm);
int vbmpi_coll_leave(void);

/* Messages inside a collective, in the communicator's second context. */
struct vbmpi_request *vbmpi_coll_isend(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm);
struct vbmpi_request *vbmpi_coll_irecv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm);
void vbmpi_coll_wait(struct vbmpi_request *request);
void vbmpi_coll_send(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm);
void vbmpi_coll_recv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm);
void vbmpi_coll_sendrecv(const void *out, size_t out_count, MPI_Datatype out_type, int dest, void *in, size_t in_count, MPI_Datatype in_type,
                         int source, struct vbmpi_comm *comm);
/* Copies to oneself. */
void vbmpi_coll_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type);

/* Scratch space of a collective; ends the job without memory. `vbmpi_typed_*`: room for `count` elements, addressed like a user's
 * buffer (shifted by the lower bound); free with the pointer's own function. */
void *vbmpi_scratch(size_t bytes);
void *vbmpi_typed_scratch(size_t count, const struct vbmpi_layout *layout);
void vbmpi_typed_free(void *buffer, const struct vbmpi_layout *layout);

static inline uint8_t *vbmpi_at(const void *base, ptrdiff_t index, ptrdiff_t extent) { return (uint8_t *)(uintptr_t)base + index * extent; }
static inline int vbmpi_power_below(int size) { return 1 << (31 - __builtin_clz((unsigned)size)); }

/* The collectives, for the library's own use. */
void vbmpi_barrier(struct vbmpi_comm *comm);
void vbmpi_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_allgather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                     struct vbmpi_comm *comm);
void vbmpi_allreduce(const void *out, void *in, size_t count, MPI_Datatype type, MPI_Op op, struct vbmpi_comm *comm);

/* The algorithms. */
void vbmpi_barrier_dissemination(struct vbmpi_comm *comm);
void vbmpi_bcast_binomial(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_bcast_scatter_ring(void *buf, size_t bytes, int root, struct vbmpi_comm *comm);
void vbmpi_gather_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                           struct vbmpi_comm *comm);
void vbmpi_gather_linear(const void *out, size_t out_count, MPI_Datatype out_type, void *in, const int in_counts[], const int displs[],
                         MPI_Datatype in_type, int root, struct vbmpi_comm *comm);
void vbmpi_scatter_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                            struct vbmpi_comm *comm);
void vbmpi_scatter_linear(const void *out, const int out_counts[], const int displs[], MPI_Datatype out_type, void *in, size_t in_count,
                          MPI_Datatype in_type, int root, struct vbmpi_comm *comm);
/* The allgathers find the own block in its place in `in`. */
void vbmpi_allgather_doubling(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgather_bruck(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgather_ring(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgatherv_ring(void *in, const int counts[], const int displs[], MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_alltoall_bruck(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                          struct vbmpi_comm *comm);
void vbmpi_alltoall_pairwise(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                             struct vbmpi_comm *comm);

/* What process i sends to or gets from each: displacements in bytes, a type each. */
struct vbmpi_pieces {
  const void *base;
  const int *counts;
  const int *displs;
  MPI_Datatype type;               /* of all, with displacements in its extent, or */
  const MPI_Datatype *types;       /* one each, with displacements in bytes */
};
void vbmpi_alltoallw_pairwise(const struct vbmpi_pieces *out, const struct vbmpi_pieces *in, struct vbmpi_comm *comm);
void vbmpi_alltoallw_in_place(const struct vbmpi_pieces *in, struct vbmpi_comm *comm);

/* Reductions. `inout` holds this process's contribution and, where it gets one, receives the result. */
void vbmpi_reduce_binomial(void *inout, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm);
void vbmpi_allreduce_doubling(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
void vbmpi_allreduce_rabenseifner(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
/* Leaves block `rank` of the result in `in`; counts[i] elements for process i. `work` (all elements) is overwritten. */
void vbmpi_reduce_scatter_pairwise(void *work, void *in, const int counts[], const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
void vbmpi_scan_doubling(void *inout, void *before, size_t count, const struct vbmpi_reduction *reduction, bool *has_before, struct vbmpi_comm *comm);

/* Checks shared by the entry points. */
int vbmpi_check_root(struct vbmpi_comm *comm, int root, const char *function);
int vbmpi_check_typed(struct vbmpi_comm *comm, const void *buf, int count, MPI_Datatype type, const char *function);
int vbmpi_check_counts(struct vbmpi_comm *comm, const int counts[], MPI_Datatype type, const char *function);

#endif
