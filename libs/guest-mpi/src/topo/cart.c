/* Cartesian topologies (MPI-3.1, section 7.5). Ranks are in row-major order; no reordering. */
#include <stdlib.h>
#include <string.h>

#include "comm/comm.h"
#include "env/error.h"

static struct vbmpi_cart *cart_new(int ndims) {
  struct vbmpi_cart *cart = malloc(sizeof *cart);
  int *block = calloc((size_t)(ndims ? ndims : 1) * 3, sizeof *block);
  if (cart == 0 || block == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Cart_create", "no memory");
  *cart = (struct vbmpi_cart){.ndims = ndims, .dims = block, .periods = block + ndims, .coords = block + 2 * ndims};
  return cart;
}

struct vbmpi_cart *vbmpi_cart_copy(const struct vbmpi_cart *cart) {
  struct vbmpi_cart *copy = cart_new(cart->ndims);
  memcpy(copy->dims, cart->dims, (size_t)cart->ndims * 3 * sizeof(int));
  return copy;
}

static void coords_of(const struct vbmpi_cart *cart, int rank, int coords[]) {
  for (int d = cart->ndims; d-- > 0;) {
    coords[d] = rank % cart->dims[d];
    rank /= cart->dims[d];
  }
}

/* MPI_PROC_NULL for a place outside of a dimension that is not periodic. */
static int rank_of(const struct vbmpi_cart *cart, const int coords[]) {
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
  if (c->cart == 0) return vbmpi_fail(c, MPI_ERR_TOPOLOGY, function, "communicator %s has no Cartesian topology", c->name);

int PMPI_Cart_create(MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder, MPI_Comm *made) {
  VBMPI_COMM(c, comm, "MPI_Cart_create")
  (void)reorder;
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
  grid->cart = cart_new(ndims);
  for (int d = 0; d < ndims; d++) {
    grid->cart->dims[d] = dims[d];
    grid->cart->periods[d] = periods[d] != 0;
  }
  coords_of(grid->cart, grid->rank, grid->cart->coords);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_create)

int PMPI_Cartdim_get(MPI_Comm comm, int *ndims) {
  CART(c, comm, "MPI_Cartdim_get")
  *ndims = c->cart->ndims;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cartdim_get)

int PMPI_Cart_get(MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[]) {
  CART(c, comm, "MPI_Cart_get")
  for (int d = 0; d < c->cart->ndims && d < maxdims; d++) {
    dims[d] = c->cart->dims[d];
    periods[d] = c->cart->periods[d];
    coords[d] = c->cart->coords[d];
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_get)

int PMPI_Cart_rank(MPI_Comm comm, const int coords[], int *rank) {
  CART(c, comm, "MPI_Cart_rank")
  int found = rank_of(c->cart, coords);
  if (found == MPI_PROC_NULL) return vbmpi_fail(c, MPI_ERR_RANK, "MPI_Cart_rank", "the coordinates lie outside of a dimension that is not periodic");
  *rank = found;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_rank)

int PMPI_Cart_coords(MPI_Comm comm, int rank, int maxdims, int coords[]) {
  CART(c, comm, "MPI_Cart_coords")
  if (rank < 0 || rank >= c->size) return vbmpi_fail(c, MPI_ERR_RANK, "MPI_Cart_coords", "invalid rank %d (communicator %s has %d)", rank, c->name, c->size);
  if (maxdims < c->cart->ndims) return vbmpi_fail(c, MPI_ERR_ARG, "MPI_Cart_coords", "room for %d of %d coordinates", maxdims, c->cart->ndims);
  coords_of(c->cart, rank, coords);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_coords)

int PMPI_Cart_shift(MPI_Comm comm, int direction, int displacement, int *source, int *dest) {
  CART(c, comm, "MPI_Cart_shift")
  const struct vbmpi_cart *cart = c->cart;
  if (direction < 0 || direction >= cart->ndims)
    return vbmpi_fail(c, MPI_ERR_DIMS, "MPI_Cart_shift", "direction %d of a grid of %d dimensions", direction, cart->ndims);
  int here = cart->coords[direction];
  cart->coords[direction] = here + displacement;
  *dest = rank_of(cart, cart->coords);
  cart->coords[direction] = here - displacement;
  *source = rank_of(cart, cart->coords);
  cart->coords[direction] = here;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_shift)

int PMPI_Cart_sub(MPI_Comm comm, const int remain[], MPI_Comm *part) {
  CART(c, comm, "MPI_Cart_sub")
  const struct vbmpi_cart *cart = c->cart;
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
  made->cart = cart_new(kept);
  for (int d = 0, k = 0; d < cart->ndims; d++) {
    if (!remain[d]) continue;
    made->cart->dims[k] = cart->dims[d];
    made->cart->periods[k] = cart->periods[d];
    made->cart->coords[k++] = cart->coords[d];
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_sub)

int PMPI_Cart_map(MPI_Comm comm, int ndims, const int dims[], const int periods[], int *rank) {
  VBMPI_COMM(c, comm, "MPI_Cart_map")
  (void)periods;
  int nodes = 1;
  for (int d = 0; d < ndims; d++) nodes *= dims[d];
  *rank = c->rank < nodes ? c->rank : MPI_UNDEFINED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Cart_map)

int PMPI_Topo_test(MPI_Comm comm, int *status) {
  VBMPI_COMM(c, comm, "MPI_Topo_test")
  *status = c->cart ? MPI_CART : MPI_UNDEFINED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Topo_test)
