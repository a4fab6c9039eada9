/* MPI-3.1, chapter 3: point-to-point communication, and what requests have in common. Included by mpi.h. */
#ifndef VERBENA_MPI_POINT_TO_POINT_H
#define VERBENA_MPI_POINT_TO_POINT_H

#define VB_ARGS_OUT(C) const void *buf, C count, MPI_Datatype type, int dest, int tag, MPI_Comm comm
#define VB_ARGS_IN(C) void *buf, C count, MPI_Datatype type, int source, int tag, MPI_Comm comm
#define VB_ARGS_Send(C, D) VB_ARGS_OUT(C)
#define VB_ARGS_Isend(C, D) VB_ARGS_OUT(C), MPI_Request *request
#define VB_ARGS_Recv(C, D) VB_ARGS_IN(C), MPI_Status *status
#define VB_ARGS_Irecv(C, D) VB_ARGS_IN(C), MPI_Request *request
#define VB_FN_SENDS(name, iname, init)                          \
  VB_FN(int, name, (VB_ARGS_Send(int, int)))                    \
  VB_FN(int, name##_c, (VB_ARGS_Send(MPI_Count, MPI_Aint)))     \
  VB_FN(int, iname, (VB_ARGS_Isend(int, int)))                  \
  VB_FN(int, iname##_c, (VB_ARGS_Isend(MPI_Count, MPI_Aint)))   \
  VB_FN(int, init, (VB_ARGS_Isend(int, int)))                   \
  VB_FN(int, init##_c, (VB_ARGS_Isend(MPI_Count, MPI_Aint)))
VB_FN_SENDS(Send, Isend, Send_init)
VB_FN_SENDS(Bsend, Ibsend, Bsend_init)
VB_FN_SENDS(Ssend, Issend, Ssend_init)
VB_FN_SENDS(Rsend, Irsend, Rsend_init)
#undef VB_FN_SENDS
#define VB_ARGS_Recv_init(C, D) VB_ARGS_IN(C), MPI_Request *request
VB_FN_COUNTS(Recv)
VB_FN_COUNTS(Irecv)
VB_FN_COUNTS(Recv_init)
VB_FN(int, Start, (MPI_Request * request))
VB_FN(int, Startall, (int count, MPI_Request requests[]))

#define VB_ARGS_BOTH(C)                                                                                                                   \
  const void *sendbuf, C sendcount, MPI_Datatype sendtype, int dest, int sendtag, void *recvbuf, C recvcount, MPI_Datatype recvtype, \
      int source, int recvtag, MPI_Comm comm
#define VB_ARGS_REPLACE(C) void *buf, C count, MPI_Datatype type, int dest, int sendtag, int source, int recvtag, MPI_Comm comm
#define VB_ARGS_Sendrecv(C, D) VB_ARGS_BOTH(C), MPI_Status *status
#define VB_ARGS_Sendrecv_replace(C, D) VB_ARGS_REPLACE(C), MPI_Status *status
#define VB_ARGS_Isendrecv(C, D) VB_ARGS_BOTH(C), MPI_Request *request
#define VB_ARGS_Isendrecv_replace(C, D) VB_ARGS_REPLACE(C), MPI_Request *request
VB_FN_COUNTS(Sendrecv)
VB_FN_COUNTS(Sendrecv_replace)
VB_FN_COUNTS(Isendrecv)
VB_FN_COUNTS(Isendrecv_replace)

VB_FN(int, Probe, (int source, int tag, MPI_Comm comm, MPI_Status *status))
VB_FN(int, Iprobe, (int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status))
VB_FN(int, Mprobe, (int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status))
VB_FN(int, Improbe, (int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message, MPI_Status *status))
#define VB_ARGS_Mrecv(C, D) void *buf, C count, MPI_Datatype type, MPI_Message *message, MPI_Status *status
#define VB_ARGS_Imrecv(C, D) void *buf, C count, MPI_Datatype type, MPI_Message *message, MPI_Request *request
VB_FN_COUNTS(Mrecv)
VB_FN_COUNTS(Imrecv)

VB_FN(int, Wait, (MPI_Request * request, MPI_Status *status))
VB_FN(int, Waitall, (int count, MPI_Request requests[], MPI_Status statuses[]))
VB_FN(int, Waitany, (int count, MPI_Request requests[], int *index, MPI_Status *status))
VB_FN(int, Waitsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]))
VB_FN(int, Test, (MPI_Request * request, int *flag, MPI_Status *status))
VB_FN(int, Testall, (int count, MPI_Request requests[], int *flag, MPI_Status statuses[]))
VB_FN(int, Testany, (int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status))
VB_FN(int, Testsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]))
VB_FN(int, Request_free, (MPI_Request * request))
VB_FN(int, Request_get_status, (MPI_Request request, int *flag, MPI_Status *status))
VB_FN(int, Cancel, (MPI_Request * request))
VB_FN(int, Test_cancelled, (const MPI_Status *status, int *flag))
VB_FN(int, Grequest_start,
      (MPI_Grequest_query_function * query, MPI_Grequest_free_function *release, MPI_Grequest_cancel_function *cancel, void *extra,
       MPI_Request *request))
VB_FN(int, Grequest_complete, (MPI_Request request))

#define VB_ARGS_Buffer_attach(C, D) void *buffer, C size
#define VB_ARGS_Buffer_detach(C, D) void *buffer, C *size
VB_FN_COUNTS(Buffer_attach)
VB_FN_COUNTS(Buffer_detach)

/* Statuses as Fortran sees them (chapter 17). */
VB_FN(int, Status_c2f, (const MPI_Status *c, MPI_Fint *f))
VB_FN(int, Status_f2c, (const MPI_Fint *f, MPI_Status *c))
VB_FN(int, Status_c2f08, (const MPI_Status *c, MPI_F08_status *f))
VB_FN(int, Status_f082c, (const MPI_F08_status *f, MPI_Status *c))
VB_FN(int, Status_f2f08, (const MPI_Fint *f, MPI_F08_status *f08))
VB_FN(int, Status_f082f, (const MPI_F08_status *f08, MPI_Fint *f))

#endif
