#include "solver.h"

void sweep(const double *old, double *next, int n)
{
  for (int i = 1; i <= n; i++) next[i] = 0.5 * (old[i - 1] + old[i + 1]);
}
