/* Partitioned communication: not supported. */
#include "unsupported.h"

#undef VERBENA_MPI_PARTITIONED_H
#include <verbena/mpi/partitioned.h>
