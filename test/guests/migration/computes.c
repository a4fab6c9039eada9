/*
 * Computes without calling MPI or the system, in the ways in which programs do; prints one digest for each. Whoever stops it in the middle and
 * lets it go on elsewhere must not change a bit.
 *
 *   computes KIND TURNS      KIND: sum, nest, recursion, sort, pointers, vectors, callback, all
 *   computes wait TURNS      rank 0 computes, the others wait for it in MPI_Recv; then the digest goes round
 */
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double a[4]; } four;

static uint64_t bits(double x) {
  uint64_t result;
  memcpy(&result, &x, sizeof result);
  return result;
}

static uint64_t mix(uint64_t digest, uint64_t value) { return (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (digest >> 29); }

/* One loop around nothing: only numbers in registers. */
static uint64_t sum(long turns) {
  double s = 0, c = 0;
  for (long i = 0; i < turns * 2000; i++) {
    double y = 1.0 / (1.0 + (double)i * (double)i) - c, t = s + y;
    c = (t - s) - y;
    s = t;
  }
  return mix(bits(s), bits(c));
}

/* Loops in loops, the innermost over memory; loops that are left and gone on with. */
static uint64_t nest(long turns) {
  enum { N = 48 };
  static double a[N][N], b[N][N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = 1.0 / (i + j + 1);
  for (long t = 0; t < turns; t++) {
    for (int i = 0; i < N; i++) {
      if ((i + t) % 7 == 3) continue;
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int k = 0; k < N; k++) s += a[i][k] * a[k][j];
        b[i][j] = s > 1e3 ? s * 1e-3 : s;
        if (j > i && b[i][j] < 1e-9) break;
      }
    }
    memcpy(a, b, sizeof a);
  }
  uint64_t digest = 1;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) digest = mix(digest, bits(a[i][j]));
  return digest;
}

static uint32_t steps(uint32_t n, uint32_t depth);
static uint32_t other(uint32_t n, uint32_t depth) { return n % 3 == 0 ? steps(n / 3, depth + 1) + depth : steps(n - 1, depth + 1); }
static uint32_t steps(uint32_t n, uint32_t depth) {
  if (n < 2) return n + depth % 2;
  return n % 2 == 0 ? steps(n / 2, depth + 1) + steps(n / 2 - 1, depth) : other(n, depth) + 1;
}

/* Functions that call themselves and each other. */
static uint64_t recursion(long turns) {
  uint64_t digest = 2;
  for (long t = 0; t < turns; t++) digest = mix(digest, steps(900 + (uint32_t)(t % 100), 0));
  return digest;
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The C library calls back. */
static uint64_t sort(long turns) {
  enum { N = 4096 };
  double *values = malloc(N * sizeof *values);
  uint64_t digest = 3, state = 88172645463325252u;
  for (long t = 0; t < turns / 20 + 1; t++) {
    for (int i = 0; i < N; i++) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      values[i] = (double)(state >> 11) / 7;
    }
    qsort(values, N, sizeof *values, by_value);
    for (int i = 0; i < N; i += 64) digest = mix(digest, bits(values[i]));
  }
  free(values);
  return digest;
}

static double half(double x) { return x / 2 + 1; }
static double root(double x) { return sqrt(x + 2); }
static double wave(double x) {
  double y = x;
  for (int i = 0; i < 40; i++) y = sin(y) + x / (i + 1);
  return y;
}

/* Functions by their addresses, and structures by value. */
static four turn(four v, double (*f)(double)) {
  for (int i = 0; i < 4; i++) v.a[i] = f(v.a[(i + 1) % 4]);
  return v;
}
static uint64_t pointers(long turns) {
  double (*const table[])(double) = {half, root, wave};
  four v = {{1, 2, 3, 4}};
  for (long t = 0; t < turns * 4; t++) v = turn(v, table[t % 3]);
  return mix(mix(4, bits(v.a[0])), bits(v.a[3]));
}

/* Vectors in registers, 64-bit integers, and single precision. */
static uint64_t vectors(long turns) {
  typedef float lanes __attribute__((vector_size(16)));
  lanes x = {1, 2, 3, 4}, y = {0.5f, 0.25f, 0.125f, 0.0625f};
  uint64_t state = 5;
  for (long t = 0; t < turns * 3000; t++) {
    x = x * (lanes){0.999f, 0.998f, 0.997f, 0.996f} + y;
    state = state * 6364136223846793005u + 1442695040888963407u;
    y[t & 3] = (float)(state >> 40) * 0x1p-24f;
  }
  for (int i = 0; i < 4; i++) state = mix(state, bits(x[i] + y[i]));
  return state;
}

/* A reduction whose operation computes for long: its polls come while the library is at work. */
static void slowly(void *in, void *inout, int *count, MPI_Datatype *type) {
  (void)type;
  for (int i = 0; i < *count; i++) {
    double x = ((double *)in)[i];
    for (int k = 0; k < 20000; k++) x = x * 0.99 + 1.0 / (k + 1);
    ((double *)inout)[i] += x;
  }
}
static uint64_t callback(long turns) {
  MPI_Op op;
  MPI_Op_create(slowly, 1, &op);
  double in[3] = {1, 2, 3}, out[3] = {0};
  for (long t = 0; t < turns / 2 + 1; t++) {
    MPI_Reduce_local(in, out, 3, MPI_DOUBLE, op);
    MPI_Allreduce(out, in, 3, MPI_DOUBLE, op, MPI_COMM_WORLD);
    in[1] = fmod(in[1], 3);
  }
  MPI_Op_free(&op);
  return mix(mix(7, bits(in[0])), bits(out[2]));
}

static const struct { const char *name; uint64_t (*run)(long turns); } kinds[] = {
  {"sum", sum}, {"nest", nest}, {"recursion", recursion}, {"sort", sort}, {"pointers", pointers}, {"vectors", vectors}, {"callback", callback},
};

static void wait_for_it(long turns) {
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  uint64_t digest = 0;
  for (int round = 0; round < 3; round++) {
    if (rank == 0) digest = mix(digest, nest(turns));
    MPI_Bcast(&digest, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
    int from = (rank + size - 1) % size;
    uint64_t theirs, mine = digest + (uint64_t)rank;
    MPI_Sendrecv(&mine, 1, MPI_UINT64_T, (rank + 1) % size, round, &theirs, 1, MPI_UINT64_T, from, round, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (theirs != digest + (uint64_t)from) MPI_Abort(MPI_COMM_WORLD, 3);
  }
  if (rank == 0) printf("wait %016llx\n", (unsigned long long)digest);
}

int main(int argc, char **argv) {
  const char *kind = argc > 1 ? argv[1] : "all";
  long turns = argc > 2 ? atol(argv[2]) : 100;
  MPI_Init(&argc, &argv);
  if (strcmp(kind, "wait") == 0) wait_for_it(turns);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kind, "all") == 0 || strcmp(kind, kinds[i].name) == 0)
      printf("%s %016llx\n", kinds[i].name, (unsigned long long)kinds[i].run(turns));
  MPI_Finalize();
  return 0;
}
