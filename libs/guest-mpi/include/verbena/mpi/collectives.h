/* MPI-3.1, chapter 5: collective communication. Included by mpi.h. */
#ifndef VERBENA_MPI_COLLECTIVES_H
#define VERBENA_MPI_COLLECTIVES_H

/* Each collective exists as a blocking, a non-blocking (chapter 5.12) and a persistent function (MPI-4.0, section 6.13). */
#define VB_ARGS_Barrier(C, D) \
  MPI_Comm comm
#define VB_ARGS_Bcast(C, D) \
  void *buf, C count, MPI_Datatype type, int root, MPI_Comm comm
#define VB_ARGS_Gather(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, int root, \
      MPI_Comm comm
#define VB_ARGS_Gatherv(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, const C recvcounts[], const D displs[], \
      MPI_Datatype recvtype, int root, MPI_Comm comm
#define VB_ARGS_Scatter(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, int root, \
      MPI_Comm comm
#define VB_ARGS_Scatterv(C, D) \
  const void *sendbuf, const C sendcounts[], const D displs[], MPI_Datatype sendtype, void *recvbuf, C recvcount, \
      MPI_Datatype recvtype, int root, MPI_Comm comm
#define VB_ARGS_Allgather(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Allgatherv(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, const C recvcounts[], const D displs[], \
      MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Alltoall(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Alltoallv(C, D) \
  const void *sendbuf, const C sendcounts[], const D sdispls[], MPI_Datatype sendtype, void *recvbuf, const C recvcounts[], \
      const D rdispls[], MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Alltoallw(C, D) \
  const void *sendbuf, const C sendcounts[], const D sdispls[], const MPI_Datatype sendtypes[], void *recvbuf, \
      const C recvcounts[], const D rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm
#define VB_ARGS_Reduce(C, D) \
  const void *sendbuf, void *recvbuf, C count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm
#define VB_ARGS_Allreduce(C, D) \
  const void *sendbuf, void *recvbuf, C count, MPI_Datatype type, MPI_Op op, MPI_Comm comm
#define VB_ARGS_Reduce_scatter(C, D) \
  const void *sendbuf, void *recvbuf, const C recvcounts[], MPI_Datatype type, MPI_Op op, MPI_Comm comm
#define VB_ARGS_Reduce_scatter_block(C, D) \
  const void *sendbuf, void *recvbuf, C recvcount, MPI_Datatype type, MPI_Op op, MPI_Comm comm
#define VB_ARGS_Scan(C, D) \
  const void *sendbuf, void *recvbuf, C count, MPI_Datatype type, MPI_Op op, MPI_Comm comm
#define VB_ARGS_Exscan(C, D) \
  const void *sendbuf, void *recvbuf, C count, MPI_Datatype type, MPI_Op op, MPI_Comm comm
#define VB_ARGS_Neighbor_allgather(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Neighbor_allgatherv(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, const C recvcounts[], const D displs[], \
      MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Neighbor_alltoall(C, D) \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, void *recvbuf, C recvcount, MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Neighbor_alltoallv(C, D) \
  const void *sendbuf, const C sendcounts[], const D sdispls[], MPI_Datatype sendtype, void *recvbuf, const C recvcounts[], \
      const D rdispls[], MPI_Datatype recvtype, MPI_Comm comm
#define VB_ARGS_Neighbor_alltoallw(C, D) \
  const void *sendbuf, const C sendcounts[], const MPI_Aint sdispls[], const MPI_Datatype sendtypes[], void *recvbuf, \
      const C recvcounts[], const MPI_Aint rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm

#define VB_FN_COLLECTIVE(name, iname)                              \
  VB_FN(int, name, (VB_ARGS_##name(int, int)))                     \
  VB_FN(int, iname, (VB_ARGS_##name(int, int), MPI_Request *request)) \
  VB_FN(int, name##_init, (VB_ARGS_##name(int, int), MPI_Info info, MPI_Request *request))
#define VB_FN_COLLECTIVE_C(name, iname)                                            \
  VB_FN(int, name##_c, (VB_ARGS_##name(MPI_Count, MPI_Aint)))                      \
  VB_FN(int, iname##_c, (VB_ARGS_##name(MPI_Count, MPI_Aint), MPI_Request *request)) \
  VB_FN(int, name##_init_c, (VB_ARGS_##name(MPI_Count, MPI_Aint), MPI_Info info, MPI_Request *request))
VB_FN_COLLECTIVE(Barrier, Ibarrier)
VB_FN_COLLECTIVE(Bcast, Ibcast)
VB_FN_COLLECTIVE(Gather, Igather)
VB_FN_COLLECTIVE(Gatherv, Igatherv)
VB_FN_COLLECTIVE(Scatter, Iscatter)
VB_FN_COLLECTIVE(Scatterv, Iscatterv)
VB_FN_COLLECTIVE(Allgather, Iallgather)
VB_FN_COLLECTIVE(Allgatherv, Iallgatherv)
VB_FN_COLLECTIVE(Alltoall, Ialltoall)
VB_FN_COLLECTIVE(Alltoallv, Ialltoallv)
VB_FN_COLLECTIVE(Alltoallw, Ialltoallw)
VB_FN_COLLECTIVE(Reduce, Ireduce)
VB_FN_COLLECTIVE(Allreduce, Iallreduce)
VB_FN_COLLECTIVE(Reduce_scatter, Ireduce_scatter)
VB_FN_COLLECTIVE(Reduce_scatter_block, Ireduce_scatter_block)
VB_FN_COLLECTIVE(Scan, Iscan)
VB_FN_COLLECTIVE(Exscan, Iexscan)
VB_FN_COLLECTIVE(Neighbor_allgather, Ineighbor_allgather)
VB_FN_COLLECTIVE(Neighbor_allgatherv, Ineighbor_allgatherv)
VB_FN_COLLECTIVE(Neighbor_alltoall, Ineighbor_alltoall)
VB_FN_COLLECTIVE(Neighbor_alltoallv, Ineighbor_alltoallv)
VB_FN_COLLECTIVE(Neighbor_alltoallw, Ineighbor_alltoallw)
VB_FN_COLLECTIVE_C(Bcast, Ibcast)
VB_FN_COLLECTIVE_C(Gather, Igather)
VB_FN_COLLECTIVE_C(Gatherv, Igatherv)
VB_FN_COLLECTIVE_C(Scatter, Iscatter)
VB_FN_COLLECTIVE_C(Scatterv, Iscatterv)
VB_FN_COLLECTIVE_C(Allgather, Iallgather)
VB_FN_COLLECTIVE_C(Allgatherv, Iallgatherv)
VB_FN_COLLECTIVE_C(Alltoall, Ialltoall)
VB_FN_COLLECTIVE_C(Alltoallv, Ialltoallv)
VB_FN_COLLECTIVE_C(Alltoallw, Ialltoallw)
VB_FN_COLLECTIVE_C(Reduce, Ireduce)
VB_FN_COLLECTIVE_C(Allreduce, Iallreduce)
VB_FN_COLLECTIVE_C(Reduce_scatter, Ireduce_scatter)
VB_FN_COLLECTIVE_C(Reduce_scatter_block, Ireduce_scatter_block)
VB_FN_COLLECTIVE_C(Scan, Iscan)
VB_FN_COLLECTIVE_C(Exscan, Iexscan)
VB_FN_COLLECTIVE_C(Neighbor_allgather, Ineighbor_allgather)
VB_FN_COLLECTIVE_C(Neighbor_allgatherv, Ineighbor_allgatherv)
VB_FN_COLLECTIVE_C(Neighbor_alltoall, Ineighbor_alltoall)
VB_FN_COLLECTIVE_C(Neighbor_alltoallv, Ineighbor_alltoallv)
VB_FN_COLLECTIVE_C(Neighbor_alltoallw, Ineighbor_alltoallw)
#undef VB_FN_COLLECTIVE
#undef VB_FN_COLLECTIVE_C

/* Operations. */
#define VB_ARGS_Reduce_local(C, D) const void *in, void *inout, C count, MPI_Datatype type, MPI_Op op
VB_FN_COUNTS(Reduce_local)
VB_FN(int, Op_create, (MPI_User_function * function, int commute, MPI_Op *op))
VB_FN(int, Op_create_c, (MPI_User_function_c * function, int commute, MPI_Op *op))
VB_FN(int, Op_free, (MPI_Op * op))
VB_FN(int, Op_commutative, (MPI_Op op, int *commute))

#endif
