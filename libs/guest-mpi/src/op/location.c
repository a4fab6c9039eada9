/* MPI_MAXLOC and MPI_MINLOC (section 5.9.4): pairs; of equal values the lower index. A pair's gaps are not the datatype's: the last pair of
 * a buffer may end with its index, so values and indices are stored one by one. */
#include "kernels.h"

#define PAIR_KERNEL(name, value_type, index_type, better)                              \
  static void name(const void *in, void *inout, size_t count) {                        \
    typedef struct { value_type value; index_type index; } pair;                       \
    const pair *x = in;                                                                \
    pair *y = inout;                                                                   \
    for (size_t i = 0; i < count; i++) {                                               \
      if (x[i].value better y[i].value) {                                              \
        y[i].value = x[i].value;                                                       \
        y[i].index = x[i].index;                                                       \
      } else if (x[i].value == y[i].value && x[i].index < y[i].index) {                \
        y[i].index = x[i].index;                                                       \
      }                                                                                \
    }                                                                                  \
  }
#define PAIRS(operation, better)                                                                                          \
  PAIR_KERNEL(operation##_ii, int, int, better) PAIR_KERNEL(operation##_li, long, int, better)                            \
  PAIR_KERNEL(operation##_fi, float, int, better) PAIR_KERNEL(operation##_di, double, int, better)                        \
  PAIR_KERNEL(operation##_si, short, int, better) PAIR_KERNEL(operation##_ldi, long double, int, better)                  \
  PAIR_KERNEL(operation##_ff, float, float, better) PAIR_KERNEL(operation##_dd, double, double, better)
#define ROWS(operation)                                                                                                   \
  {                                                                                                                       \
    [VBMPI_PAIR_II] = operation##_ii, [VBMPI_PAIR_LI] = operation##_li, [VBMPI_PAIR_FI] = operation##_fi,                 \
    [VBMPI_PAIR_DI] = operation##_di, [VBMPI_PAIR_SI] = operation##_si, [VBMPI_PAIR_LDI] = operation##_ldi,               \
    [VBMPI_PAIR_FF] = operation##_ff, [VBMPI_PAIR_DD] = operation##_dd                                                    \
  }

PAIRS(maxloc, >)
PAIRS(minloc, <)
static vbmpi_kernel *const maxima[VBMPI_VALUES] = ROWS(maxloc);
static vbmpi_kernel *const minima[VBMPI_VALUES] = ROWS(minloc);

vbmpi_kernel *vbmpi_location_kernel(MPI_Op op, enum vbmpi_value value) {
  return op == MPI_MAXLOC ? maxima[value] : op == MPI_MINLOC ? minima[value] : 0;
}
