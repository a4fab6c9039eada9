/* A balanced division of processes over a grid (MPI-3.1, section 7.5.2): the largest dimension as small as possible, in decreasing order. */
#include <mpi.h>
#include <string.h>

#include "env/error.h"

#define MOST_DIMS 32

/* Splits `left` into `open` factors of at most `limit` in decreasing order; the first complete split found is the most balanced. */
static int split(int left, int open, int limit, int factors[]) {
  if (open == 0) return left == 1;
  for (int factor = 1; factor <= limit && factor <= left; factor++) {
    if (left % factor) continue;
    /* The first factor is the largest: what follows must fit under it. */
    long long most = 1;
    for (int i = 0; i < open && most < left; i++) most *= factor;
    if (most < left) continue;
    factors[0] = factor;
    if (split(left / factor, open - 1, factor, factors + 1)) return 1;
  }
  return 0;
}

int PMPI_Dims_create(int nodes, int ndims, int dims[]) {
  if (nodes <= 0 || ndims < 0 || ndims > MOST_DIMS) return vbmpi_fail(0, MPI_ERR_DIMS, "MPI_Dims_create", "%d nodes over %d dimensions", nodes, ndims);
  int open = 0, left = nodes;
  for (int d = 0; d < ndims; d++) {
    if (dims[d] < 0) return vbmpi_fail(0, MPI_ERR_DIMS, "MPI_Dims_create", "dimension %d has size %d", d, dims[d]);
    if (dims[d] == 0) {
      open++;
    } else if (left % dims[d]) {
      return vbmpi_fail(0, MPI_ERR_DIMS, "MPI_Dims_create", "%d nodes cannot be divided by dimension %d of %d", nodes, d, dims[d]);
    } else {
      left /= dims[d];
    }
  }
  if (open == 0) {
    if (left != 1) return vbmpi_fail(0, MPI_ERR_DIMS, "MPI_Dims_create", "the dimensions do not make %d nodes", nodes);
    return MPI_SUCCESS;
  }
  int factors[MOST_DIMS];
  split(left, open, left, factors);
  for (int d = 0, k = 0; d < ndims; d++)
    if (dims[d] == 0) dims[d] = factors[k++];
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Dims_create)
