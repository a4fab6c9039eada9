/* Files: not supported. */
#include "unsupported.h"

#undef VERBENA_MPI_FILES_H
#include <verbena/mpi/files.h>
