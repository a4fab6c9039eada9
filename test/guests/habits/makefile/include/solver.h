#ifndef SOLVER_H
#define SOLVER_H
#include <mpi.h>

/* Tentative definitions, of which each file that includes this has its own. */
int my_rank, ranks;
double tolerance;

void sweep(const double *old, double *next, int n);
double norm(const double *a, const double *b, int n);
void read_input(int argc, char **argv, int *n);
#endif
