/* Cartesian topologies (MPI-3.1, section 7.5). Ranks are in row-major order; no reordering. */
#include "env/error.h"
#include "topo.h"

static struct vbmpi_topology *grid_new(int ndims) {
  struct vbmpi_topology *grid = vbmpi_topology_new(MPI_CART, 3 * (size_t)ndims);
  if (grid == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Cart_create", "no memory");
  grid->ndims = ndims;
  grid->dims = grid->block;
  grid->periods = grid->dims + ndims;
  grid->coords = grid->periods + ndims;
  return grid;
}

static void coords_of(const struct vbmpi_topology *cart, int rank, int coords[]) {
  for (int d = cart->ndims; d-- > 0;) {
    coords[d] = rank % cart->dims[d];
    rank /= cart->dims[d];
  }
}

int vbmpi_cart_rank(const struct vbmpi_topology *cart, const int coords[]) {
  int rank = 0;
  for (int d = 0; d < cart->ndims; d++) {
    int place = coords[d], n = cart->dims[d];
    if (place < 0 || place >= n) {
      if (!cart->periods[d]) return MPI_PROC_NULL;
      place = (place % n + n) % n;
    }
    rank = rank * n + place;
  }
  return rank;
}

#define CART(c, comm, function)      \
  VBMPI_COMM(c, comm, function)      \
  if (c->topology == 0 || c->topology->kind != MPI_CART) return vbmpi_fail(c, MPI_ERR_TOPOLOGY, function, "communicator %s has no Cartesian topology", c->name);

int PMPI_Cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder, MPI_Comm *made) {
  VBMPI_COMM(c, comm, "MPI_Cart_create")
  (void)reorder;
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, "MPI_Cart_create", "an inter-communicator cannot have a topology");
  if (ndims < 0) return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_create", "%d dimensions", ndims);
  long long nodes = 1;
  for (int d = 0; d < ndims; d++) {
    if (dims[d] <= 0) return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_create", "dimension %d has size %d", d, dims[d]);
    nodes *= dims[d];
    if (nodes > c->size) break;
  }
  if (nodes > c->size) return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_create", "the grid has more places than communicator %s has ranks (%d)", c->name, c->size);
  int result = vbmpi_comm_split(c, c->rank < nodes ? 0 : MPI_UNDEFINED, c->rank, "MPI_Cart_create", made);
  if (result || *made == MPI_COMM_NULL) return result;
  struct vbmpi_comm *grid = vbmpi_comm_of(*made);
  grid->topology = grid_new(ndims);
  for (int d = 0; d < ndims; d++) {
    grid->topology->dims[d] = dims[d];
    grid->topology->periods[d] = periods[d] != 0;
  }
  coords_of(grid->topology, grid->rank, grid->topology->coords);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_create)

int PMPI_Cartdim_get(MPI_Comm comm, int *ndims) {
  CART(c, comm, "MPI_Cartdim_get")
  *ndims = c->topology->ndims;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cartdim_get)

int PMPI_Cart_get(MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[]) {
  CART(c, comm, "MPI_Cart_get")
  for (int d = 0; d < c->topology->ndims && d < maxdims; d++) {
    dims[d] = c->topology->dims[d];
    periods[d] = c->topology->periods[d];
    coords[d] = c->topology->coords[d];
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_get)

int PMPI_Cart_rank(MPI_Comm comm, const int coords[], int *rank) {
  CART(c, comm, "MPI_Cart_rank")
  int found = vbmpi_cart_rank(c->topology, coords);
  if (found == MPI_PROC_NULL) return vbmpi_fail(c, MPI_ERR_RANK, "MPI_Cart_rank", "the coordinates lie outside of a dimension that is not periodic");
  *rank = found;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_rank)

int PMPI_Cart_coords(MPI_Comm comm, int rank, int maxdims, int coords[]) {
  CART(c, comm, "MPI_Cart_coords")
  if (rank < 0 || rank >= c->size) return vbmpi_fail(c, MPI_ERR_RANK, "MPI_Cart_coords", "invalid rank %d (communicator %s has %d)", rank, c->name, c->size);
  if (maxdims < c->topology->ndims) return vbmpi_fail(c, MPI_ERR_ARG, "MPI_Cart_coords", "room for %d of %d coordinates", maxdims, c->topology->ndims);
  coords_of(c->topology, rank, coords);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_coords)

int PMPI_Cart_shift(MPI_Comm comm, int direction, int displacement, int *source, int *dest) {
  CART(c, comm, "MPI_Cart_shift")
  const struct vbmpi_topology *cart = c->topology;
  if (direction < 0 || direction >= cart->ndims)
    return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_shift", "direction %d of a grid of %d dimensions", direction, cart->ndims);
  int here = cart->coords[direction];
  cart->coords[direction] = here + displacement;
  *dest = vbmpi_cart_rank(cart, cart->coords);
  cart->coords[direction] = here - displacement;
  *source = vbmpi_cart_rank(cart, cart->coords);
  cart->coords[direction] = here;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_shift)

int PMPI_Cart_sub(MPI_Comm comm, const int remain[], MPI_Comm *part) {
  CART(c, comm, "MPI_Cart_sub")
  const struct vbmpi_topology *cart = c->topology;
  int color = 0, key = 0, kept = 0;
  for (int d = 0; d < cart->ndims; d++) {
    if (remain[d]) {
      key = key * cart->dims[d] + cart->coords[d];
      kept++;
    } else {
      color = color * cart->dims[d] + cart->coords[d];
    }
  }
  int result = vbmpi_comm_split(c, color, key, "MPI_Cart_sub", part);
  if (result) return result;
  struct vbmpi_comm *made = vbmpi_comm_of(*part);
  made->topology = grid_new(kept);
  for (int d = 0, k = 0; d < cart->ndims; d++) {
    if (!remain[d]) continue;
    made->topology->dims[k] = cart->dims[d];
    made->topology->periods[k] = cart->periods[d];
    made->topology->coords[k++] = cart->coords[d];
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_sub)

int PMPI_Cart_map(MPI_Comm comm, int ndims, const int dims[], const int periods[], int *rank) {
  VBMPI_COMM(c, comm, "MPI_Cart_map")
  (void)periods;
  long long nodes = 1;
  for (int d = 0; d < ndims; d++) {
    if (dims[d] <= 0) return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_map", "dimension %d has size %d", d, dims[d]);
    nodes *= dims[d];
    if (nodes > c->size) return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_map", "the grid has more places than communicator %s has ranks (%d)", c->name, c->size);
  }
  *rank = c->rank < nodes ? c->rank : MPI_UNDEFINED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_map)
