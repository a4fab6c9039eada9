/* Dynamic processes and sessions: not supported. */
#include "unsupported.h"

#undef VERBENA_MPI_PROCESSES_H
#include <verbena/mpi/processes.h>
