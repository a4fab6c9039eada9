/* The tool information interface: not supported. Its functions return codes and call no error handler (MPI-3.1, section 14.3.10). */
#include <mpi.h>

#include "handle.h"

#define VB_FN(result, name, arguments) \
  result PMPI_##name arguments { return MPI_T_ERR_NOT_INITIALIZED; } \
  VBMPI_ALIAS(name)

#undef VERBENA_MPI_TOOLS_H
#include <verbena/mpi/tools.h>
