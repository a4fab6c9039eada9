/* MPI_LAND, MPI_LOR and MPI_LXOR: integers and logicals. */
#include "kernels.h"

INTEGERS(KERNEL, land, a && b)
INTEGERS(KERNEL, lor, a || b)
INTEGERS(KERNEL, lxor, !a != !b)

#define ROWS(operation) {INTEGER_ROWS(operation), [VBMPI_LOGICAL1] = operation##_u8, [VBMPI_LOGICAL4] = operation##_u32}
static vbmpi_kernel *const ands[VBMPI_VALUES] = ROWS(land);
static vbmpi_kernel *const ors[VBMPI_VALUES] = ROWS(lor);
static vbmpi_kernel *const xors[VBMPI_VALUES] = ROWS(lxor);

vbmpi_kernel *vbmpi_logical_kernel(MPI_Op op, enum vbmpi_value value) {
  return op == MPI_LAND ? ands[value] : op == MPI_LOR ? ors[value] : op == MPI_LXOR ? xors[value] : 0;
}
