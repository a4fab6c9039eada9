/* Where this process comes from, when it was spawned. */
#ifndef VBMPI_PARENT_H
#define VBMPI_PARENT_H

#include <mpi.h>

/* Tags of the meeting of a new world with its parents, in the context of meetings; the number of the world's first process is added. */
#define VBMPI_SPAWN_TAG 0x04000000
#define VBMPI_SPAWN_NUMBERS_TAG 0x02000000

/* The inter-communicator with those who spawned this one's MPI_COMM_WORLD; MPI_COMM_NULL when nobody did, or it is freed. */
extern MPI_Comm vbmpi_parent;

/* Meets the parents, when there are any: all processes of the new world do it when they begin. */
void vbmpi_parent_meet(const char *function);

#endif
