/* long double, complex numbers, 128-bit integers, the floating point environment and sorting. */
#include <assert.h>
#include <complex.h>
#include <fenv.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tgmath.h>

static int ascending(const void *a, const void *b) { return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b); }

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  long double third = 1.0L / 3.0L, product = 0;
  char text[64];
  MPI_Allreduce(&third, &product, 1, MPI_LONG_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  assert(fabsl(product - size * third) < 1e-25L);
  snprintf(text, sizeof text, "%.20Lf", third);
  assert(strcmp(text, "0.33333333333333333333") == 0);
  assert(sqrtl(2.0L) > 1.41L && strtold("2.5", NULL) == 2.5L);
  double complex z = 1.0 + 2.0 * I, sum;
  MPI_Allreduce(&z, &sum, 1, MPI_C_DOUBLE_COMPLEX, MPI_SUM, MPI_COMM_WORLD);
  assert(creal(sum) == size && cimag(sum) == 2 * size);
  assert(cabs(cexp(I * M_PI) + 1.0) < 1e-12 && cabs(csqrt(-1.0) - I) < 1e-12);
  __int128 wide = (__int128)1 << 100;
  assert((int64_t)(wide >> 98) == 4);
  snprintf(text, sizeof text, "%" PRIu64 " %zu %a", UINT64_MAX, sizeof(long), 1.0);
  assert(isnan(NAN) && isinf(INFINITY) && fpclassify(DBL_MIN / 2) == FP_SUBNORMAL);
  assert(fegetround() == FE_TONEAREST);
  feclearexcept(FE_ALL_EXCEPT);
  double numbers[1000];
  srand(42);
  srand48(7);
  for (int i = 0; i < 1000; i++) numbers[i] = drand48() + rand() / (double)RAND_MAX;
  qsort(numbers, 1000, sizeof *numbers, ascending);
  for (int i = 1; i < 1000; i++) assert(numbers[i - 1] <= numbers[i]);
  assert(bsearch(&numbers[17], numbers, 1000, sizeof *numbers, ascending) != NULL);
  srandom(1);
  assert(random() >= 0 && lgamma(3.0) > 0 && erf(0.0) == 0 && j0(0.0) == 1 && fabs(tgamma(5.0) - 24) < 1e-9);
  int n = 4;
  double vla[n][n];
  memset(vla, 0, sizeof vla);
  assert(vla[n - 1][n - 1] == 0 && _Generic(1.0f, float: 1, default: 0));
  MPI_Finalize();
  puts("ok");
  return 0;
}
