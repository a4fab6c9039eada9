#include "solver.h"
#include <math.h>

double norm(const double *a, const double *b, int n)
{
  double mine = 0, all;
  for (int i = 1; i <= n; i++) mine += (a[i] - b[i]) * (a[i] - b[i]);
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sqrt(all);
}
