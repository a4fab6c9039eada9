#include "norm.h"
#include <math.h>

double norm(const double *part, int length, MPI_Comm comm)
{
  double sum = 0, all;
  for (int i = 0; i < length; i++) sum += part[i] * part[i];
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, comm);
  return sqrt(all);
}
