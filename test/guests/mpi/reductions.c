/* Catches: reductions that differ from a sequential fold: every collective, operation and type, commutative or not, any size. */
#include <complex.h>
#include <math.h>
#include <stdint.h>

#include "check.h"

/* 2 x 2 matrices modulo a prime: associative, not commutative. */
#define PRIME 32749
typedef struct {
  int m[4];
} matrix;
static matrix product(matrix a, matrix b) {
  matrix c;
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) c.m[2 * i + j] = (int)(((long long)a.m[2 * i] * b.m[j] + (long long)a.m[2 * i + 1] * b.m[2 + j]) % PRIME);
  return c;
}
static matrix matrix_of(int rank, int i) {
  matrix a = {{(rank * 7 + i) % PRIME, rank + 1, i + 2, (rank * i + 3) % PRIME}};
  return a;
}
static void multiply(void *in, void *inout, int *n, MPI_Datatype *type) {
  matrix *a = in, *b = inout;
  (void)type;
  for (int i = 0; i < *n; i++) b[i] = product(a[i], b[i]);
}

static void check_matrices(const matrix *got, int n, int first, int from, int to, const char *what) {
  for (int i = 0; i < n; i++) {
    matrix expected = matrix_of(from, first + i);
    for (int r = from + 1; r <= to; r++) expected = product(expected, matrix_of(r, first + i));
    CHECK(memcmp(&got[i], &expected, sizeof expected) == 0, "%s: element %d", what, i);
  }
}

static void not_commutative(int n) {
  MPI_Datatype type;
  MPI_Op op;
  int commutes, counts[64], first = 0;
  MPI_Type_contiguous(4, MPI_INT, &type);
  MPI_Type_commit(&type);
  MPI_Op_create(multiply, 0, &op);
  MPI_Op_commutative(op, &commutes);
  CHECK(!commutes, "commutes");
  matrix *out = malloc((n * ranks + 1) * sizeof *out), *in = malloc((n * ranks + 1) * sizeof *in);
  for (int i = 0; i < n * ranks; i++) out[i] = matrix_of(me, i);
  for (int root = 0; root < ranks; root++) {
    memset(in, 0, n * sizeof *in);
    MPI_Reduce(out, in, n, type, op, root, MPI_COMM_WORLD);
    if (me == root) check_matrices(in, n, 0, 0, ranks - 1, "reduce");
  }
  MPI_Allreduce(out, in, n, type, op, MPI_COMM_WORLD);
  check_matrices(in, n, 0, 0, ranks - 1, "allreduce");
  MPI_Scan(out, in, n, type, op, MPI_COMM_WORLD);
  check_matrices(in, n, 0, 0, me, "scan");
  memcpy(in, out, n * sizeof *in);
  MPI_Exscan(MPI_IN_PLACE, in, n, type, op, MPI_COMM_WORLD);
  if (me > 0) check_matrices(in, n, 0, 0, me - 1, "exscan");
  MPI_Reduce_scatter_block(out, in, n, type, op, MPI_COMM_WORLD);
  check_matrices(in, n, me * n, 0, ranks - 1, "reduce_scatter_block");
  for (int r = 0; r < ranks; r++) {
    counts[r] = r % 2 ? n : n / 2;
    if (r < me) first += counts[r];
  }
  MPI_Reduce_scatter(out, in, counts, type, op, MPI_COMM_WORLD);
  check_matrices(in, counts[me], first, 0, ranks - 1, "reduce_scatter");
  MPI_Op_free(&op);
  MPI_Type_free(&type);
  free(out);
  free(in);
}

/* Sums of longs in every way, with MPI_IN_PLACE. */
static long long value_of(int rank, int i) { return (long long)(rank + 1) * 1000003 + i * 17; }
static long long sum_of(int from, int to, int i) {
  long long sum = 0;
  for (int r = from; r <= to; r++) sum += value_of(r, i);
  return sum;
}

static void sums(int n) {
  long long *out = malloc((n * ranks + 1) * sizeof *out), *in = malloc((n * ranks + 1) * sizeof *in);
  for (int i = 0; i < n * ranks; i++) out[i] = value_of(me, i);
  for (int root = 0; root < ranks; root++) {
    memcpy(in, out, n * sizeof *in);
    MPI_Reduce(me == root && n < 1000 ? MPI_IN_PLACE : out, in, n, MPI_LONG_LONG, MPI_SUM, root, MPI_COMM_WORLD);
    for (int i = 0; i < n; i++) CHECK(in[i] == (me == root ? sum_of(0, ranks - 1, i) : out[i]), "reduce %d", i);
  }
  MPI_Allreduce(out, in, n, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) CHECK(in[i] == sum_of(0, ranks - 1, i), "allreduce %d", i);
  memcpy(in, out, n * sizeof *in);
  MPI_Allreduce(MPI_IN_PLACE, in, n, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) CHECK(in[i] == sum_of(0, ranks - 1, i), "allreduce in place %d", i);
  MPI_Scan(out, in, n, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) CHECK(in[i] == sum_of(0, me, i), "scan %d", i);
  in[0] = -1;
  MPI_Exscan(out, in, n, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < n && me > 0; i++) CHECK(in[i] == sum_of(0, me - 1, i), "exscan %d", i);
  memcpy(in, out, n * ranks * sizeof *in);
  MPI_Reduce_scatter_block(MPI_IN_PLACE, in, n, MPI_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) CHECK(in[i] == sum_of(0, ranks - 1, me * n + i), "reduce_scatter_block %d", i);
  free(out);
  free(in);
}

/* Every predefined operation on every type that it is defined for, folded in order of rank. */
#define FOLD(type, mpi, op, name, first, expression)                                       \
  do {                                                                                     \
    type out[5], in[5];                                                                    \
    for (int i = 0; i < 5; i++) out[i] = (type)(first);                                    \
    MPI_Allreduce(out, in, 5, mpi, op, MPI_COMM_WORLD);                                    \
    int keep = me;                                                                         \
    for (int i = 0; i < 5; i++) {                                                          \
      me = 0;                                                                              \
      type a = (type)(first);                                                              \
      for (me = 1; me < ranks; me++) {                                                     \
        type b = (type)(first);                                                            \
        a = (type)(expression);                                                            \
      }                                                                                    \
      me = keep;                                                                           \
      CHECK(in[i] == a, "%s on %s, element %d", name, #mpi, i);                            \
    }                                                                                      \
  } while (0)
#define ARITHMETIC(type, mpi)                                                              \
  FOLD(type, mpi, MPI_SUM, "sum", me * 3 + i + 1, a + b);                                  \
  FOLD(type, mpi, MPI_PROD, "prod", (me + i) % 3 + 1, a *b);                               \
  FOLD(type, mpi, MPI_MAX, "max", (me * 5 + i) % 7, a > b ? a : b);                        \
  FOLD(type, mpi, MPI_MIN, "min", (me * 5 + i) % 7 + 1, a < b ? a : b)
#define LOGICAL(type, mpi)                                                                 \
  FOLD(type, mpi, MPI_LAND, "land", (me + i) % 4, a && b);                                 \
  FOLD(type, mpi, MPI_LOR, "lor", (me + i) % 4 == 1, a || b);                              \
  FOLD(type, mpi, MPI_LXOR, "lxor", (me + i) % 3 == 1, !a != !b)
#define BITWISE(type, mpi)                                                                 \
  FOLD(type, mpi, MPI_BAND, "band", 0x7f ^ (1 << (me + i) % 6), a &b);                     \
  FOLD(type, mpi, MPI_BOR, "bor", 1 << (me + i) % 6, a | b);                               \
  FOLD(type, mpi, MPI_BXOR, "bxor", me * 13 + i, a ^ b)
#define INTEGER(type, mpi) \
  ARITHMETIC(type, mpi);   \
  LOGICAL(type, mpi);      \
  BITWISE(type, mpi)

/* A function per type: one with two hundred calls would take the instrumentation minutes. */
#define OF_TYPE(kind, type, mpi) \
  __attribute__((noinline)) static void kind##_##mpi(void) { kind(type, mpi); }
OF_TYPE(INTEGER, signed char, MPI_SIGNED_CHAR)
OF_TYPE(INTEGER, unsigned char, MPI_UNSIGNED_CHAR)
OF_TYPE(INTEGER, short, MPI_SHORT)
OF_TYPE(INTEGER, unsigned short, MPI_UNSIGNED_SHORT)
OF_TYPE(INTEGER, int, MPI_INT)
OF_TYPE(INTEGER, unsigned, MPI_UNSIGNED)
OF_TYPE(INTEGER, long, MPI_LONG)
OF_TYPE(INTEGER, unsigned long, MPI_UNSIGNED_LONG)
OF_TYPE(INTEGER, long long, MPI_LONG_LONG)
OF_TYPE(INTEGER, unsigned long long, MPI_UNSIGNED_LONG_LONG)
OF_TYPE(INTEGER, int8_t, MPI_INT8_T)
OF_TYPE(INTEGER, int16_t, MPI_INT16_T)
OF_TYPE(INTEGER, int32_t, MPI_INT32_T)
OF_TYPE(INTEGER, int64_t, MPI_INT64_T)
OF_TYPE(INTEGER, uint8_t, MPI_UINT8_T)
OF_TYPE(INTEGER, uint16_t, MPI_UINT16_T)
OF_TYPE(INTEGER, uint32_t, MPI_UINT32_T)
OF_TYPE(INTEGER, uint64_t, MPI_UINT64_T)
OF_TYPE(INTEGER, MPI_Aint, MPI_AINT)
OF_TYPE(INTEGER, MPI_Offset, MPI_OFFSET)
OF_TYPE(ARITHMETIC, float, MPI_FLOAT)
OF_TYPE(ARITHMETIC, double, MPI_DOUBLE)
OF_TYPE(ARITHMETIC, long double, MPI_LONG_DOUBLE)
OF_TYPE(LOGICAL, _Bool, MPI_C_BOOL)
OF_TYPE(BITWISE, unsigned char, MPI_BYTE)

__attribute__((noinline)) static void complex_numbers(void) {
  FOLD(float complex, MPI_C_FLOAT_COMPLEX, MPI_SUM, "sum", me + i * I, a + b);
  FOLD(float complex, MPI_C_FLOAT_COMPLEX, MPI_PROD, "prod", 1 + (me + i) % 2 * I, a *b);
  FOLD(double complex, MPI_C_DOUBLE_COMPLEX, MPI_SUM, "sum", me + i * I, a + b);
  FOLD(double complex, MPI_C_DOUBLE_COMPLEX, MPI_PROD, "prod", 1 + (me + i) % 2 * I, a *b);
}

static void operations(void) {
  INTEGER_MPI_SIGNED_CHAR();
  INTEGER_MPI_UNSIGNED_CHAR();
  INTEGER_MPI_SHORT();
  INTEGER_MPI_UNSIGNED_SHORT();
  INTEGER_MPI_INT();
  INTEGER_MPI_UNSIGNED();
  INTEGER_MPI_LONG();
  INTEGER_MPI_UNSIGNED_LONG();
  INTEGER_MPI_LONG_LONG();
  INTEGER_MPI_UNSIGNED_LONG_LONG();
  INTEGER_MPI_INT8_T();
  INTEGER_MPI_INT16_T();
  INTEGER_MPI_INT32_T();
  INTEGER_MPI_INT64_T();
  INTEGER_MPI_UINT8_T();
  INTEGER_MPI_UINT16_T();
  INTEGER_MPI_UINT32_T();
  INTEGER_MPI_UINT64_T();
  INTEGER_MPI_AINT();
  INTEGER_MPI_OFFSET();
  ARITHMETIC_MPI_FLOAT();
  ARITHMETIC_MPI_DOUBLE();
  ARITHMETIC_MPI_LONG_DOUBLE();
  LOGICAL_MPI_C_BOOL();
  BITWISE_MPI_BYTE();
  complex_numbers();
}

#define LOCATION(type, mpi)                                                                                       \
  do {                                                                                                            \
    struct {                                                                                                      \
      type value;                                                                                                 \
      int index;                                                                                                  \
    } out[6], in[6];                                                                                              \
    for (int i = 0; i < 6; i++) {                                                                                 \
      out[i].value = (type)((me * 5 + i) % 4);                                                                    \
      out[i].index = 100 - me;                                                                                    \
    }                                                                                                             \
    for (int least = 0; least < 2; least++) {                                                                     \
      MPI_Allreduce(out, in, 6, mpi, least ? MPI_MINLOC : MPI_MAXLOC, MPI_COMM_WORLD);                            \
      for (int i = 0; i < 6; i++) {                                                                               \
        type best = (type)(i % 4);                                                                                \
        int index = 100;                                                                                          \
        for (int r = 1; r < ranks; r++) {                                                                         \
          type value = (type)((r * 5 + i) % 4);                                                                   \
          if (least ? value < best : value > best) best = value, index = 100 - r;                                 \
          else if (value == best && 100 - r < index) index = 100 - r;                                             \
        }                                                                                                         \
        CHECK(in[i].value == best && in[i].index == index, "%s on " #mpi ", element %d: index %d", least ? "minloc" : "maxloc", i, in[i].index); \
      }                                                                                                           \
    }                                                                                                             \
  } while (0)

OF_TYPE(LOCATION, int, MPI_2INT)
OF_TYPE(LOCATION, float, MPI_FLOAT_INT)
OF_TYPE(LOCATION, double, MPI_DOUBLE_INT)
OF_TYPE(LOCATION, long, MPI_LONG_INT)
OF_TYPE(LOCATION, short, MPI_SHORT_INT)
OF_TYPE(LOCATION, long double, MPI_LONG_DOUBLE_INT)

static void locations(void) {
  LOCATION_MPI_2INT();
  LOCATION_MPI_FLOAT_INT();
  LOCATION_MPI_DOUBLE_INT();
  LOCATION_MPI_LONG_INT();
  LOCATION_MPI_SHORT_INT();
  LOCATION_MPI_LONG_DOUBLE_INT();
}

/* The same bits on every rank, and again when it is done again. */
static void repeatable(int n) {
  double *out = malloc(n * sizeof *out), *in = malloc(n * sizeof *in), *again = malloc(n * sizeof *again);
  for (int i = 0; i < n; i++) out[i] = sin(me * 1000.0 + i) * pow(10, (me + i) % 9);
  MPI_Allreduce(out, in, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(out, again, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  CHECK(memcmp(in, again, n * sizeof *in) == 0, "two runs differ");
  MPI_Bcast(again, n, MPI_DOUBLE, 0, MPI_COMM_WORLD);
  CHECK(memcmp(in, again, n * sizeof *in) == 0, "two ranks differ");
  free(out);
  free(in);
  free(again);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  static const int counts[] = {0, 1, 2, 7, 100, 3001, 20000};
  for (int k = 0; k < 7; k++) {
    sums(counts[k]);
    if (counts[k] <= 3001) not_commutative(counts[k]);
  }
  operations();
  locations();
  repeatable(9);
  repeatable(5000);
  return end();
}
