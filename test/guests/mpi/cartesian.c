/* Catches: wrong neighbours, coordinates or sub-grids, and unbalanced or wrong MPI_Dims_create. */
#include "check.h"

static void dims_are(int nodes, int ndims, int a, int b, int c) {
  int dims[3] = {0, 0, 0};
  MPI_Dims_create(nodes, ndims, dims);
  CHECK(dims[0] == a && (ndims < 2 || dims[1] == b) && (ndims < 3 || dims[2] == c), "%d over %d: %d %d %d", nodes, ndims, dims[0], dims[1], dims[2]);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  dims_are(6, 2, 3, 2, 0);
  dims_are(12, 2, 4, 3, 0);
  dims_are(16, 2, 4, 4, 0);
  dims_are(8, 3, 2, 2, 2);
  dims_are(24, 3, 4, 3, 2);
  dims_are(7, 2, 7, 1, 0);
  dims_are(1, 3, 1, 1, 1);
  int fixed[3] = {0, 3, 0};
  MPI_Dims_create(24, 3, fixed);
  CHECK(fixed[0] == 4 && fixed[1] == 3 && fixed[2] == 2, "fixed %d %d %d", fixed[0], fixed[1], fixed[2]);

  int dims[2] = {0, 0}, periods[2] = {1, 0}, coords[2], rank, size, up, down, before, after, status, got[2], back[2], where[2];
  MPI_Comm grid, row;
  MPI_Dims_create(ranks, 2, dims);
  MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid);
  MPI_Topo_test(grid, &status);
  CHECK(status == MPI_CART, "topology %d", status);
  MPI_Comm_rank(grid, &rank);
  MPI_Cart_coords(grid, rank, 2, coords);
  CHECK(coords[0] == rank / dims[1] && coords[1] == rank % dims[1], "coords %d %d", coords[0], coords[1]);
  MPI_Cart_rank(grid, coords, &size);
  CHECK(size == rank, "rank of coords %d", size);
  MPI_Cart_get(grid, 2, got, back, where);
  CHECK(got[0] == dims[0] && back[0] == 1 && back[1] == 0 && where[1] == coords[1], "cart_get");
  MPI_Cart_shift(grid, 0, 1, &up, &down);
  MPI_Cart_shift(grid, 1, 1, &before, &after);
  CHECK(down == (coords[0] + 1) % dims[0] * dims[1] + coords[1], "down %d", down);
  CHECK(up == (coords[0] - 1 + dims[0]) % dims[0] * dims[1] + coords[1], "up %d", up);
  CHECK(after == (coords[1] + 1 < dims[1] ? rank + 1 : MPI_PROC_NULL), "after %d", after);
  CHECK(before == (coords[1] > 0 ? rank - 1 : MPI_PROC_NULL), "before %d", before);
  int value = -1;
  MPI_Sendrecv(&rank, 1, MPI_INT, after, 0, &value, 1, MPI_INT, before, 0, grid, MPI_STATUS_IGNORE);
  CHECK(value == (before == MPI_PROC_NULL ? -1 : before), "halo %d", value);
  int remain[2] = {0, 1};
  MPI_Cart_sub(grid, remain, &row);
  MPI_Comm_size(row, &size);
  MPI_Comm_rank(row, &rank);
  CHECK(size == dims[1] && rank == coords[1], "row of %d, rank %d", size, rank);
  MPI_Comm_free(&row);
  MPI_Comm_free(&grid);
  return end();
}
