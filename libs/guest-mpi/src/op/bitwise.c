/* MPI_BAND, MPI_BOR and MPI_BXOR: integers and MPI_BYTE. */
#include "kernels.h"

INTEGERS(KERNEL, band, a &b)
INTEGERS(KERNEL, bor, a | b)
INTEGERS(KERNEL, bxor, a ^ b)

#define ROWS(operation) {INTEGER_ROWS(operation), [VBMPI_BITS8] = operation##_u8}
static vbmpi_kernel *const ands[VBMPI_VALUES] = ROWS(band);
static vbmpi_kernel *const ors[VBMPI_VALUES] = ROWS(bor);
static vbmpi_kernel *const xors[VBMPI_VALUES] = ROWS(bxor);

vbmpi_kernel *vbmpi_bitwise_kernel(MPI_Op op, enum vbmpi_value value) {
  return op == MPI_BAND ? ands[value] : op == MPI_BOR ? ors[value] : op == MPI_BXOR ? xors[value] : 0;
}
