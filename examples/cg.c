/*
 * Conjugate gradient for the Poisson equation on a square grid, rows of the grid dealt to ranks. Solves until the residual has fallen by
 * ten orders of magnitude, then checks the solution against the exact one.
 *
 * Usage: cg [interior points per side, default 200]
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int rank, size, n, rows, up, down;

static double dot(const double *a, const double *b)
{
  double sum = 0, all;
  for (int i = 0; i < rows * n; i++) sum += a[i] * b[i];
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return all;
}

/* y = A x for the five-point Laplacian. `x` has a halo row before its first and after its last. */
static void laplace(double *x, double *y)
{
  MPI_Sendrecv(x, n, MPI_DOUBLE, up, 0, x + (size_t)rows * n, n, MPI_DOUBLE, down, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Sendrecv(x + (size_t)(rows - 1) * n, n, MPI_DOUBLE, down, 1, x - n, n, MPI_DOUBLE, up, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < n; c++) {
      const double *p = x + (size_t)r * n + c;
      double left = c > 0 ? p[-1] : 0, right = c < n - 1 ? p[1] : 0;
      y[(size_t)r * n + c] = 4 * *p - left - right - p[-n] - p[n];
    }
}

static double *vector(int halo)
{
  double *v = calloc((size_t)(rows + 2 * halo) * n, sizeof *v);
  if (!v) {
    fprintf(stderr, "cg: rank %d is out of memory\n", rank);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return v + (size_t)halo * n;
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  n = argc > 1 ? atoi(argv[1]) : 200;
  if (n < size) {
    if (rank == 0) fprintf(stderr, "cg: %d rows are too few for %d ranks\n", n, size);
    MPI_Finalize();
    return 2;
  }
  int first = n * rank / size;
  rows = n * (rank + 1) / size - first;
  up = rank > 0 ? rank - 1 : MPI_PROC_NULL;
  down = rank < size - 1 ? rank + 1 : MPI_PROC_NULL;

  double *exact = vector(1), *x = vector(0), *p = vector(1), *r = vector(0), *q = vector(0);
  double h = 1.0 / (n + 1), pi = acos(-1.0);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < n; j++) exact[(size_t)i * n + j] = sin(pi * h * (first + i + 1)) * sin(3 * pi * h * (j + 1)) + h * (first + i + 1);
  laplace(exact, r); /* the right-hand side, and the first residual since x is 0 */
  for (int i = 0; i < rows * n; i++) p[i] = r[i];

  double started = MPI_Wtime(), rho = dot(r, r), goal = rho * 1e-20;
  int step = 0;
  for (; rho > goal && step < 10 * n; step++) {
    laplace(p, q);
    double alpha = rho / dot(p, q), before = rho;
    for (int i = 0; i < rows * n; i++) {
      x[i] += alpha * p[i];
      r[i] -= alpha * q[i];
    }
    rho = dot(r, r);
    for (int i = 0; i < rows * n; i++) p[i] = r[i] + rho / before * p[i];
  }
  double error = 0, worst;
  for (int i = 0; i < rows * n; i++) error = fmax(error, fabs(x[i] - exact[i]));
  MPI_Allreduce(&error, &worst, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  if (rank == 0)
    printf("%d unknowns on %d ranks: %d steps in %.3f s, largest error %.2e: %s\n", n * n, size, step, MPI_Wtime() - started, worst,
           worst < 1e-7 ? "verified" : "NOT VERIFIED");
  MPI_Finalize();
  return worst < 1e-7 ? 0 : 1;
}
