/*
 * Definitions of functions that the library does not support: including a list of prototypes (verbena/mpi/...) behind this header, with
 * its include guard undefined, defines each of them to raise MPI_ERR_UNSUPPORTED_OPERATION. So programs that name them link.
 */
#ifndef VBMPI_UNSUPPORTED_H
#define VBMPI_UNSUPPORTED_H

#include <mpi.h>

#include "env/error.h"

#define VB_FN(result, name, arguments) \
  result PMPI_##name arguments { return vbmpi_unsupported("MPI_" #name); } \
  VBMPI_ALIAS(name)
#define VB_FN_COUNTS(name)                     \
  VB_FN(int, name, (VB_ARGS_##name(int, int))) \
  VB_FN(int, name##_c, (VB_ARGS_##name(MPI_Count, MPI_Aint)))

#endif
