#ifndef NORM_H
#define NORM_H

#include <mpi.h>

/* The Euclidean norm of a vector whose parts lie on the ranks of a communicator. */
double norm(const double *part, int length, MPI_Comm comm);

#endif
