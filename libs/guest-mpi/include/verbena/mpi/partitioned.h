/* MPI-4.0, chapter 4: partitioned communication. Included by mpi.h. */
#ifndef VERBENA_MPI_PARTITIONED_H
#define VERBENA_MPI_PARTITIONED_H

VB_FN(int, Psend_init,
      (const void *buf, int partitions, MPI_Count count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Info info,
       MPI_Request *request))
VB_FN(int, Precv_init,
      (void *buf, int partitions, MPI_Count count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Info info,
       MPI_Request *request))
VB_FN(int, Pready, (int partition, MPI_Request request))
VB_FN(int, Pready_range, (int low, int high, MPI_Request request))
VB_FN(int, Pready_list, (int count, const int partitions[], MPI_Request request))
VB_FN(int, Parrived, (MPI_Request request, int partition, int *flag))

#endif
