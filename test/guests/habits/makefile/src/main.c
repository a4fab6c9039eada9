/* The one-dimensional Laplace equation between 0 and 1 by Jacobi's iteration: the solution is a straight line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "solver.h"

int main(int argc, char **argv)
{
  int n, steps = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &my_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  read_input(argc, argv, &n);
  n /= ranks;
  int left = my_rank > 0 ? my_rank - 1 : MPI_PROC_NULL, right = my_rank < ranks - 1 ? my_rank + 1 : MPI_PROC_NULL;
  double *a = calloc(n + 2, sizeof(double)), *b = calloc(n + 2, sizeof(double));
  if (right == MPI_PROC_NULL) a[n + 1] = b[n + 1] = 1;
  do {
    MPI_Sendrecv(&a[n], 1, MPI_DOUBLE, right, 1, &a[0], 1, MPI_DOUBLE, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Sendrecv(&a[1], 1, MPI_DOUBLE, left, 2, &a[n + 1], 1, MPI_DOUBLE, right, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    sweep(a, b, n);
    double *swap = a;
    a = b;
    b = swap;
  } while (norm(a, b, n) > tolerance && ++steps < 100000);
  double worst = 0, all;
  for (int i = 1; i <= n; i++) worst = fmax(worst, fabs(a[i] - (my_rank * n + i) / (n * ranks + 1.0)));
  MPI_Reduce(&worst, &all, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  if (my_rank == 0) puts(all < 0.1 ? "ok" : "wrong");
  free(a);
  free(b);
  MPI_Finalize();
  return 0;
}
