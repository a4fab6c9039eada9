/* One-sided communication: not supported. */
#include "unsupported.h"

#undef VERBENA_MPI_WINDOWS_H
#include <verbena/mpi/windows.h>
