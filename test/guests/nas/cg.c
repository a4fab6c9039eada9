/*
 * CG, the conjugate gradient kernel of the NAS Parallel Benchmarks: the smallest eigenvalue of a large sparse random matrix by the inverse
 * power method, with 25 steps of conjugate gradient in each iteration. Rows are dealt to ranks in blocks.
 * Communication in each step: an Allgatherv of the direction vector and two Allreduces of one number.
 */
#include "nas.h"
#include <string.h>

enum { STEPS = 25, MOST_NONZER = 16 };
#define RCOND 0.1

struct problem {
  char class;
  int n, nonzer, iterations;
  double shift, zeta; /* zeta as published */
};

static const struct problem problems[] = {
  {'S', 1400, 7, 15, 10.0, 8.5971775078648},
  {'W', 7000, 8, 15, 12.0, 10.362595087124},
  {'A', 14000, 11, 15, 20.0, 17.130235054029},
  {'B', 75000, 13, 75, 60.0, 22.712745482631},
};

static int rank, size;
static int first_row, rows; /* this rank's block */
static int *row_start, *column, *block_rows, *block_start;
static double *value;

static void *allocate(size_t bytes)
{
  void *memory = calloc(1, bytes ? bytes : 1);
  if (!memory) {
    fprintf(stderr, "CG: rank %d cannot allocate %zu bytes\n", rank, bytes);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

/* A sparse random vector with `nonzer` entries and 0.5 at `row` (the specification's sprnvc and vecset). Returns the number of entries. */
static int random_vector(uint64_t *seed, int n, int nonzer, int power_of_two, int row, double v[], int iv[])
{
  int count = 0;
  while (count < nonzer) {
    double element = nas_next(seed, NAS_A), location = nas_next(seed, NAS_A);
    int i = (int)(power_of_two * location), known = 0;
    if (i >= n) continue;
    for (int k = 0; k < count && !known; k++) known = iv[k] == i;
    if (known) continue;
    v[count] = element;
    iv[count++] = i;
  }
  for (int k = 0; k < count; k++)
    if (iv[k] == row) {
      v[k] = 0.5;
      return count;
    }
  v[count] = 0.5;
  iv[count++] = row;
  return count;
}

/* Adds to one element of a row, which is kept sorted by column. `used` is the row's length so far. */
static void add_element(int base, int *used, int col, double x)
{
  int lo = base, hi = base + *used;
  while (lo < hi) {
    int middle = (lo + hi) / 2;
    if (column[middle] < col) lo = middle + 1;
    else hi = middle;
  }
  if (lo < base + *used && column[lo] == col) {
    value[lo] += x;
    return;
  }
  memmove(&column[lo + 1], &column[lo], (size_t)(base + *used - lo) * sizeof *column);
  memmove(&value[lo + 1], &value[lo], (size_t)(base + *used - lo) * sizeof *value);
  column[lo] = col;
  value[lo] = x;
  (*used)++;
}

/* The matrix: a weighted sum of outer products of sparse random vectors, plus rcond - shift on the diagonal; only this rank's rows are kept. */
static void make_matrix(const struct problem *p, uint64_t *seed)
{
  int n = p->n, power_of_two = 1, per_row = p->nonzer + 1;
  while (power_of_two < n) power_of_two *= 2;
  double *v = allocate((size_t)n * per_row * sizeof *v);
  int *iv = allocate((size_t)n * per_row * sizeof *iv), *length = allocate((size_t)n * sizeof *length);
  int *bound = allocate((size_t)(rows + 1) * sizeof *bound), *used = allocate((size_t)rows * sizeof *used);
  for (int i = 0; i < n; i++) {
    length[i] = random_vector(seed, n, p->nonzer, power_of_two, i, &v[(size_t)i * per_row], &iv[(size_t)i * per_row]);
    for (int k = 0; k < length[i]; k++) {
      int row = iv[(size_t)i * per_row + k] - first_row;
      if (row >= 0 && row < rows) bound[row + 1] += length[i];
    }
  }
  for (int r = 0; r < rows; r++) bound[r + 1] += bound[r];
  column = allocate((size_t)bound[rows] * sizeof *column);
  value = allocate((size_t)bound[rows] * sizeof *value);

  double scale = 1.0, ratio = pow(RCOND, 1.0 / n);
  for (int i = 0; i < n; i++, scale *= ratio) {
    const double *vi = &v[(size_t)i * per_row];
    const int *ci = &iv[(size_t)i * per_row];
    for (int a = 0; a < length[i]; a++) {
      int row = ci[a] - first_row;
      if (row < 0 || row >= rows) continue;
      for (int b = 0; b < length[i]; b++) {
        double x = vi[b] * (scale * vi[a]);
        if (ci[b] == ci[a] && ci[a] == i) x += RCOND - p->shift;
        add_element(bound[row], &used[row], ci[b], x);
      }
    }
  }
  row_start = allocate((size_t)(rows + 1) * sizeof *row_start);
  for (int r = 0, at = 0; r < rows; r++) {
    memmove(&column[at], &column[bound[r]], (size_t)used[r] * sizeof *column);
    memmove(&value[at], &value[bound[r]], (size_t)used[r] * sizeof *value);
    row_start[r + 1] = at += used[r];
  }
  free(v), free(iv), free(length), free(bound), free(used);
}

static double dot(const double *a, const double *b)
{
  double sum = 0, all;
  for (int i = 0; i < rows; i++) sum += a[i] * b[i];
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

/* y = A x, where every rank brings its block of x and `whole` has room for all of it. */
static void multiply(const double *x, double *whole, double *y)
{
  MPI_Allgatherv(x, rows, MPI_DOUBLE, whole, block_rows, block_start, MPI_DOUBLE, MPI_COMM_WORLD);
  for (int r = 0; r < rows; r++) {
    double sum = 0;
    for (int k = row_start[r]; k < row_start[r + 1]; k++) sum += value[k] * whole[column[k]];
    y[r] = sum;
  }
}

struct vectors {
  double *x, *z, *p, *q, *r, *whole;
};

/* Solves A z = x approximately and returns the norm of x - A z. */
static double conjugate_gradient(struct vectors *s)
{
  for (int i = 0; i < rows; i++) {
    s->z[i] = 0;
    s->p[i] = s->r[i] = s->x[i];
  }
  double rho = dot(s->r, s->r);
  for (int step = 0; step < STEPS; step++) {
    multiply(s->p, s->whole, s->q);
    double alpha = rho / dot(s->p, s->q), rho0 = rho;
    for (int i = 0; i < rows; i++) {
      s->z[i] += alpha * s->p[i];
      s->r[i] -= alpha * s->q[i];
    }
    rho = dot(s->r, s->r);
    for (int i = 0; i < rows; i++) s->p[i] = s->r[i] + rho / rho0 * s->p[i];
  }
  multiply(s->z, s->whole, s->q);
  for (int i = 0; i < rows; i++) s->r[i] = s->x[i] - s->q[i];
  return sqrt(dot(s->r, s->r));
}

/* One iteration of the inverse power method; returns zeta. */
static double iterate(struct vectors *s, double shift, double *residual)
{
  *residual = conjugate_gradient(s);
  double xz = dot(s->x, s->z), scale = 1.0 / sqrt(dot(s->z, s->z));
  for (int i = 0; i < rows; i++) s->x[i] = scale * s->z[i];
  return shift + 1.0 / xz;
}

static void deal_rows(int n)
{
  block_rows = allocate((size_t)size * sizeof *block_rows);
  block_start = allocate((size_t)size * sizeof *block_start);
  for (int r = 0; r < size; r++) {
    block_start[r] = (int)((int64_t)n * r / size);
    block_rows[r] = (int)((int64_t)n * (r + 1) / size) - block_start[r];
  }
  first_row = block_start[rank];
  rows = block_rows[rank];
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
    if (problems[i].class == class) p = &problems[i];
  if (!p) {
    MPI_Finalize();
    return rank == 0 ? nas_unknown_class("CG", class) : EXIT_FAILURE;
  }

  deal_rows(p->n);
  uint64_t seed = 314159265ull;
  nas_next(&seed, NAS_A); /* the specification's reference discards one number */
  make_matrix(p, &seed);
  struct vectors s;
  size_t bytes = (size_t)rows * sizeof(double);
  s.x = allocate(bytes), s.z = allocate(bytes), s.p = allocate(bytes), s.q = allocate(bytes), s.r = allocate(bytes);
  s.whole = allocate((size_t)p->n * sizeof(double));

  double zeta = 0, residual = 0;
  for (int i = 0; i < rows; i++) s.x[i] = 1.0;
  iterate(&s, p->shift, &residual); /* untimed: touches all memory */
  for (int i = 0; i < rows; i++) s.x[i] = 1.0;

  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  for (int i = 1; i <= p->iterations; i++) {
    zeta = iterate(&s, p->shift, &residual);
    if (rank == 0 && (i == 1 || i == p->iterations)) printf("%4d  residual %.5e  zeta %.13f\n", i, residual, zeta);
  }
  double mine = MPI_Wtime() - started, seconds;
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);

  int verified = fabs(zeta - p->zeta) / p->zeta <= 1e-10, code = verified ? EXIT_SUCCESS : EXIT_FAILURE;
  double nonzeros = (double)p->nonzer * (p->nonzer + 1);
  if (rank == 0)
    code = nas_report("CG", class, size, seconds, 2.0 * p->iterations * p->n * (3.0 + nonzeros + 25.0 * (5.0 + nonzeros) + 3.0), verified);
  MPI_Finalize();
  return code;
}
