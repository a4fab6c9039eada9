/*
 * The heat equation on a square plate with a hot disc, in two dimensions over a Cartesian grid of ranks. Each step exchanges the
 * four edges of a rank's tile with its neighbours (rows as they lie, columns as a vector datatype), then relaxes by Jacobi.
 * Rank 0 writes the plate as heat.ppm in its working directory.
 *
 * Usage: heat2d [points per side, default 256] [steps, default 500]
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

struct tile {
  int nx, ny;         /* points in this tile, without the halo */
  int x0, y0;         /* where the tile lies on the plate */
  int left, right, up, down;
  double *now, *next; /* (ny + 2) rows of (nx + 2) points */
  MPI_Comm grid;
  MPI_Datatype column;
};

static double *at(const struct tile *t, double *field, int x, int y)
{
  return &field[(size_t)(y + 1) * (size_t)(t->nx + 2) + (size_t)(x + 1)];
}

static void fail(const char *message)
{
  fprintf(stderr, "heat2d: %s\n", message);
  MPI_Abort(MPI_COMM_WORLD, 2);
}

static struct tile make_tile(int n)
{
  struct tile t;
  int size, rank, dims[2] = {0, 0}, periods[2] = {0, 0}, coords[2];
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Dims_create(size, 2, dims);
  MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &t.grid);
  MPI_Comm_rank(t.grid, &rank);
  MPI_Cart_coords(t.grid, rank, 2, coords);
  MPI_Cart_shift(t.grid, 0, 1, &t.up, &t.down);
  MPI_Cart_shift(t.grid, 1, 1, &t.left, &t.right);
  t.y0 = n * coords[0] / dims[0];
  t.ny = n * (coords[0] + 1) / dims[0] - t.y0;
  t.x0 = n * coords[1] / dims[1];
  t.nx = n * (coords[1] + 1) / dims[1] - t.x0;
  if (t.nx < 1 || t.ny < 1) fail("more ranks than points");
  size_t points = (size_t)(t.nx + 2) * (size_t)(t.ny + 2);
  t.now = calloc(points, sizeof(double));
  t.next = calloc(points, sizeof(double));
  if (!t.now || !t.next) fail("out of memory");
  MPI_Type_vector(t.ny, 1, t.nx + 2, MPI_DOUBLE, &t.column);
  MPI_Type_commit(&t.column);
  return t;
}

/* The disc in the middle is held at 1, the rim of the plate at 0. */
static int in_disc(int n, int x, int y)
{
  double dx = x - n * 0.5, dy = y - n * 0.5;
  return dx * dx + dy * dy < n * n * 0.02;
}

static void start(const struct tile *t, int n)
{
  for (int y = 0; y < t->ny; y++)
    for (int x = 0; x < t->nx; x++) *at(t, t->now, x, y) = *at(t, t->next, x, y) = in_disc(n, t->x0 + x, t->y0 + y);
}

static void exchange(const struct tile *t)
{
  MPI_Request requests[8];
  MPI_Irecv(at(t, t->now, 0, -1), t->nx, MPI_DOUBLE, t->up, 0, t->grid, &requests[0]);
  MPI_Irecv(at(t, t->now, 0, t->ny), t->nx, MPI_DOUBLE, t->down, 1, t->grid, &requests[1]);
  MPI_Irecv(at(t, t->now, -1, 0), 1, t->column, t->left, 2, t->grid, &requests[2]);
  MPI_Irecv(at(t, t->now, t->nx, 0), 1, t->column, t->right, 3, t->grid, &requests[3]);
  MPI_Isend(at(t, t->now, 0, t->ny - 1), t->nx, MPI_DOUBLE, t->down, 0, t->grid, &requests[4]);
  MPI_Isend(at(t, t->now, 0, 0), t->nx, MPI_DOUBLE, t->up, 1, t->grid, &requests[5]);
  MPI_Isend(at(t, t->now, t->nx - 1, 0), 1, t->column, t->right, 2, t->grid, &requests[6]);
  MPI_Isend(at(t, t->now, 0, 0), 1, t->column, t->left, 3, t->grid, &requests[7]);
  MPI_Waitall(8, requests, MPI_STATUSES_IGNORE);
}

/* One step; returns the largest change of this tile. */
static double relax(struct tile *t, int n)
{
  double change = 0;
  for (int y = 0; y < t->ny; y++)
    for (int x = 0; x < t->nx; x++) {
      if (in_disc(n, t->x0 + x, t->y0 + y)) continue;
      double mean = 0.25 * (*at(t, t->now, x - 1, y) + *at(t, t->now, x + 1, y) + *at(t, t->now, x, y - 1) + *at(t, t->now, x, y + 1));
      change = fmax(change, fabs(mean - *at(t, t->now, x, y)));
      *at(t, t->next, x, y) = mean;
    }
  double *swap = t->now;
  t->now = t->next;
  t->next = swap;
  return change;
}

/* Black, red, yellow, white. */
static void colour(double heat, unsigned char rgb[3])
{
  for (int i = 0; i < 3; i++) rgb[i] = (unsigned char)(255.0 * fmin(1.0, fmax(0.0, 3.0 * heat - i)));
}

/* Every rank sends its tile and where it lies to rank 0, which writes the picture. */
static void write_picture(const struct tile *t, int n, const char *path)
{
  int rank, size, place[4] = {t->x0, t->y0, t->nx, t->ny};
  MPI_Comm_rank(t->grid, &rank);
  MPI_Comm_size(t->grid, &size);
  double *tile = malloc((size_t)t->nx * (size_t)t->ny * sizeof(double));
  if (!tile) fail("out of memory");
  for (int y = 0; y < t->ny; y++)
    for (int x = 0; x < t->nx; x++) tile[(size_t)y * t->nx + x] = *at(t, t->now, x, y);
  if (rank != 0) {
    MPI_Send(place, 4, MPI_INT, 0, 10, t->grid);
    MPI_Send(tile, t->nx * t->ny, MPI_DOUBLE, 0, 11, t->grid);
    free(tile);
    return;
  }

  unsigned char *picture = malloc((size_t)n * (size_t)n * 3);
  if (!picture) fail("out of memory");
  for (int r = 0; r < size; r++) {
    if (r > 0) {
      MPI_Recv(place, 4, MPI_INT, r, 10, t->grid, MPI_STATUS_IGNORE);
      tile = realloc(tile, (size_t)place[2] * (size_t)place[3] * sizeof(double));
      if (!tile) fail("out of memory");
      MPI_Recv(tile, place[2] * place[3], MPI_DOUBLE, r, 11, t->grid, MPI_STATUS_IGNORE);
    }
    for (int y = 0; y < place[3]; y++)
      for (int x = 0; x < place[2]; x++)
        colour(tile[(size_t)y * place[2] + x], &picture[3 * ((size_t)(place[1] + y) * n + place[0] + x)]);
  }
  FILE *file = fopen(path, "wb");
  if (!file) {
    perror(path);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  fprintf(file, "P6\n%d %d\n255\n", n, n);
  fwrite(picture, 3, (size_t)n * n, file);
  if (fclose(file) != 0) fail("cannot write the picture");
  free(picture);
  free(tile);
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int n = argc > 1 ? atoi(argv[1]) : 256, steps = argc > 2 ? atoi(argv[2]) : 500;
  if (n < 8 || n > 16384 || steps < 1) fail("usage: heat2d [points per side, 8 to 16384] [steps]");

  struct tile t = make_tile(n);
  start(&t, n);
  double begun = MPI_Wtime(), change = 0;
  for (int step = 0; step < steps; step++) {
    exchange(&t);
    change = relax(&t, n);
  }
  double seconds = MPI_Wtime() - begun, heat = 0, total, largest;
  for (int y = 0; y < t.ny; y++)
    for (int x = 0; x < t.nx; x++) heat += *at(&t, t.now, x, y);
  MPI_Allreduce(&heat, &total, 1, MPI_DOUBLE, MPI_SUM, t.grid);
  MPI_Allreduce(&change, &largest, 1, MPI_DOUBLE, MPI_MAX, t.grid);
  write_picture(&t, n, "heat.ppm");

  int rank;
  MPI_Comm_rank(t.grid, &rank);
  if (rank == 0)
    printf("%d x %d plate, %d steps in %.3f s: mean %.6f, last change %.3e, picture heat.ppm\n", n, n, steps, seconds, total / n / n, largest);
  MPI_Type_free(&t.column);
  MPI_Comm_free(&t.grid);
  free(t.now);
  free(t.next);
  MPI_Finalize();
  return 0;
}
