/* MPI_MAX and MPI_MIN: integers and floating point. */
#include "kernels.h"

INTEGERS(KERNEL, max, a > b ? a : b)
FLOATS(KERNEL, max, a > b ? a : b)
INTEGERS(KERNEL, min, a < b ? a : b)
FLOATS(KERNEL, min, a < b ? a : b)

static vbmpi_kernel *const maxima[VBMPI_VALUES] = {INTEGER_ROWS(max), FLOAT_ROWS(max)};
static vbmpi_kernel *const minima[VBMPI_VALUES] = {INTEGER_ROWS(min), FLOAT_ROWS(min)};

vbmpi_kernel *vbmpi_order_kernel(MPI_Op op, enum vbmpi_value value) { return op == MPI_MAX ? maxima[value] : op == MPI_MIN ? minima[value] : 0; }
