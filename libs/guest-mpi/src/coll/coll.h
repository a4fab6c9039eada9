/*
 * Collectives (MPI-3.1, chapter 5): one algorithm per file in this folder, chosen by a table (choice.h) so that every process chooses the same. Where
 * ranks are may decide as well, but for a reduction only if its result does not depend on the order: results repeat bit by bit.
 *
 * Costs are in the usual model: alpha per message, beta per byte, gamma per byte reduced; p processes, n bytes per process unless a
 * file says otherwise, lg = ceil(log2 p).
 *
 * An algorithm talks, copies and reduces only by the functions vbmpi_coll_* below. Run for a blocking collective they act at once; run
 * for a non-blocking or persistent one they record a schedule (schedule.h) that progress carries out later. So every algorithm serves
 * all three, as long as what it does next depends on ranks and counts and never on data that it received.
 *
 * Functions here take checked arguments; MPI_IN_PLACE is the buffer argument MPI_IN_PLACE as in the standard. A message of another
 * size than expected (counts differ between processes) is remembered and reported at the end of the collective.
 */
#ifndef VBMPI_COLL_H
#define VBMPI_COLL_H

#include <stddef.h>
#include <stdint.h>

#include "comm/comm.h"
#include "datatype/datatype.h"
#include "op/op.h"
#include "pt2pt/request.h"

/* Messages inside a collective, in the communicator's second context. */
struct vbmpi_request *vbmpi_coll_isend(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm);
struct vbmpi_request *vbmpi_coll_irecv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm);
void vbmpi_coll_wait(struct vbmpi_request *request);
void vbmpi_coll_send(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm);
void vbmpi_coll_recv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm);
void vbmpi_coll_sendrecv(const void *out, size_t out_count, MPI_Datatype out_type, int dest, void *in, size_t in_count, MPI_Datatype in_type,
                         int source, struct vbmpi_comm *comm);
/* Copies to oneself; to and from MPI_BYTE it packs and unpacks. */
void vbmpi_coll_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type);
static inline void vbmpi_coll_move(void *to, const void *from, size_t bytes) { vbmpi_coll_copy(from, bytes, MPI_BYTE, to, bytes, MPI_BYTE); }
/* inout = in op inout */
void vbmpi_coll_reduce(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count);

/* Scratch space for data of a collective; ends the job without memory. `vbmpi_typed_*`: room for `count` elements, addressed like a
 * user's buffer (shifted by the lower bound); free with the pointer's own function. */
void *vbmpi_coll_scratch(size_t bytes);
void vbmpi_coll_free(void *scratch);
void *vbmpi_typed_scratch(size_t count, const struct vbmpi_layout *layout);
void vbmpi_typed_free(void *buffer, const struct vbmpi_layout *layout);
/* For what only the algorithm itself looks at, such as lists of requests; free with free(). */
void *vbmpi_scratch(size_t bytes);

static inline uint8_t *vbmpi_at(const void *base, ptrdiff_t index, ptrdiff_t extent) { return (uint8_t *)(uintptr_t)base + index * extent; }
static inline int vbmpi_power_below(int size) { return 1 << (31 - __builtin_clz((unsigned)size)); }

/* One block for each process, in a user's buffer. */
struct vbmpi_blocks {
  const void *base;
  struct vbmpi_vector counts;
  struct vbmpi_vector displs;
  MPI_Datatype type;           /* of all, with displacements in its extent, or */
  const MPI_Datatype *types;   /* one each, with displacements in bytes */
};
static inline struct vbmpi_blocks vbmpi_equal_blocks(const void *base, size_t count, MPI_Datatype type) {
  return (struct vbmpi_blocks){.base = base, .counts = VBMPI_REGULAR(count, 0), .displs = VBMPI_REGULAR(0, count), .type = type};
}
static inline size_t vbmpi_block_count(const struct vbmpi_blocks *blocks, int i) { return (size_t)vbmpi_element(&blocks->counts, i); }
static inline MPI_Datatype vbmpi_block_type(const struct vbmpi_blocks *blocks, int i) { return blocks->types ? blocks->types[i] : blocks->type; }
uint8_t *vbmpi_block_at(const struct vbmpi_blocks *blocks, int i);

/* The collectives, for the library's own use. */
void vbmpi_barrier(struct vbmpi_comm *comm);
void vbmpi_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_gather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                  struct vbmpi_comm *comm);
void vbmpi_scatter(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                   struct vbmpi_comm *comm);
void vbmpi_allgather(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                     struct vbmpi_comm *comm);
void vbmpi_allreduce(const void *out, void *in, size_t count, MPI_Datatype type, MPI_Op op, struct vbmpi_comm *comm);
void vbmpi_allreduce_in_place(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);

/* The algorithms. */
void vbmpi_barrier_dissemination(struct vbmpi_comm *comm);
void vbmpi_barrier_two_level(struct vbmpi_comm *comm);
void vbmpi_bcast_two_level(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_bcast_binomial(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_bcast_scatter_ring(void *buf, size_t bytes, int root, struct vbmpi_comm *comm);
void vbmpi_gather_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                           struct vbmpi_comm *comm);
void vbmpi_gather_linear(const void *out, size_t out_count, MPI_Datatype out_type, const struct vbmpi_blocks *in, int root, struct vbmpi_comm *comm);
void vbmpi_scatter_binomial(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type, int root,
                            struct vbmpi_comm *comm);
void vbmpi_scatter_linear(const struct vbmpi_blocks *out, void *in, size_t in_count, MPI_Datatype in_type, int root, struct vbmpi_comm *comm);
/* The allgathers find the own block in its place in `in`. */
void vbmpi_allgather_doubling(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgather_two_level(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgather_bruck(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm);
void vbmpi_allgather_ring(const struct vbmpi_blocks *in, struct vbmpi_comm *comm);
void vbmpi_alltoall_bruck(const void *out, size_t out_count, MPI_Datatype out_type, void *in, size_t in_count, MPI_Datatype in_type,
                          struct vbmpi_comm *comm);
void vbmpi_alltoall_pairwise(const struct vbmpi_blocks *out, const struct vbmpi_blocks *in, struct vbmpi_comm *comm);
void vbmpi_alltoall_in_place(const struct vbmpi_blocks *in, struct vbmpi_comm *comm);

/* Reductions. `inout` holds this process's contribution and, where it gets one, receives the result. */
void vbmpi_reduce_binomial(void *inout, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm);
void vbmpi_reduce_two_level(void *inout, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm);
void vbmpi_allreduce_two_level(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
void vbmpi_allreduce_doubling(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
/* `out` is the contribution, or MPI_IN_PLACE when it is in `in` already. Two processes. */
void vbmpi_allreduce_pieces(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
void vbmpi_allreduce_rabenseifner(void *inout, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
/* Leaves block `rank` of the result in `in`; counts[i] elements for process i. `work` (all elements) is overwritten. */
void vbmpi_reduce_scatter_pairwise(void *work, void *in, const struct vbmpi_vector *counts, const struct vbmpi_reduction *reduction,
                                   struct vbmpi_comm *comm);
void vbmpi_scan_doubling(void *inout, void *before, size_t count, const struct vbmpi_reduction *reduction, bool *has_before, struct vbmpi_comm *comm);

/* Over inter-communicators (inter.c): `comm->size` is that of the remote group, `comm->local` connects one's own. */
void vbmpi_inter_barrier(struct vbmpi_comm *comm);
void vbmpi_inter_bcast(void *buf, size_t count, MPI_Datatype type, int root, struct vbmpi_comm *comm);
void vbmpi_inter_gather(const void *out, size_t out_count, MPI_Datatype out_type, const struct vbmpi_blocks *in, int root, struct vbmpi_comm *comm);
void vbmpi_inter_scatter(const struct vbmpi_blocks *out, void *in, size_t in_count, MPI_Datatype in_type, int root, struct vbmpi_comm *comm);
void vbmpi_inter_alltoall(const struct vbmpi_blocks *out, const struct vbmpi_blocks *in, struct vbmpi_comm *comm);
void vbmpi_inter_reduce(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, int root, struct vbmpi_comm *comm);
void vbmpi_inter_allreduce(const void *out, void *in, size_t count, const struct vbmpi_reduction *reduction, struct vbmpi_comm *comm);
void vbmpi_inter_reduce_scatter(const void *out, void *in, const struct vbmpi_vector *counts, const struct vbmpi_reduction *reduction,
                                struct vbmpi_comm *comm);

#endif
