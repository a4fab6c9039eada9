/* MPI_SUM and MPI_PROD: integers, floating point, complex. Integers wrap, so they are added as unsigned. */
#include "kernels.h"

#define WRAP(name, type, expression) KERNEL(name, type, expression)
INTEGERS(WRAP, sum, (uint64_t)a + (uint64_t)b)
FLOATS(KERNEL, sum, a + b)
INTEGERS(WRAP, prod, (uint64_t)a * (uint64_t)b)
FLOATS(KERNEL, prod, a * b)

/* (a + bi)(c + di) by its definition: the compiler's own product repairs NaNs with a library call per element. */
#define COMPLEX_KERNELS(suffix, part)                                                  \
  static void sum_##suffix(const void *in, void *inout, size_t count) {                \
    const part *x = in;                                                                \
    part *y = inout;                                                                   \
    for (size_t i = 0; i < 2 * count; i++) y[i] = x[i] + y[i];                         \
  }                                                                                    \
  static void prod_##suffix(const void *in, void *inout, size_t count) {               \
    const part *x = in;                                                                \
    part *y = inout;                                                                   \
    for (size_t i = 0; i < count; i++) {                                               \
      part a = x[2 * i], b = x[2 * i + 1], c = y[2 * i], d = y[2 * i + 1];             \
      y[2 * i] = a * c - b * d;                                                        \
      y[2 * i + 1] = a * d + b * c;                                                    \
    }                                                                                  \
  }
COMPLEX_KERNELS(c32, float)
COMPLEX_KERNELS(c64, double)
COMPLEX_KERNELS(c128, long double)

#define COMPLEX_ROWS(operation) [VBMPI_C32] = operation##_c32, [VBMPI_C64] = operation##_c64, [VBMPI_C128] = operation##_c128

static vbmpi_kernel *const sums[VBMPI_VALUES] = {INTEGER_ROWS(sum), FLOAT_ROWS(sum), COMPLEX_ROWS(sum)};
static vbmpi_kernel *const prods[VBMPI_VALUES] = {INTEGER_ROWS(prod), FLOAT_ROWS(prod), COMPLEX_ROWS(prod)};

vbmpi_kernel *vbmpi_arithmetic_kernel(MPI_Op op, enum vbmpi_value value) {
  return op == MPI_SUM ? sums[value] : op == MPI_PROD ? prods[value] : 0;
}
