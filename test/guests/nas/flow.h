/*
 * What BT, SP and LU have in common (NAS-95-020, chapter 3): the equations of a compressible fluid on a cube of n x n x n points with known values
 * on its surface, whose right side is made so that a given polynomial solves them. The three codes differ in how they step to the solution.
 *
 * Each rank has a block of x and y, and all of z: ranks form a grid of `across` x `deep`, and exchange two layers of points before the
 * right side is computed. Sweeps along x and y are pipelined: a rank works on one plane of z while its neighbour works on the next.
 *
 * A point has five numbers: density, momentum along x, y and z, energy. Directions are 0, 1, 2 for x, y, z.
 */
#ifndef FLOW_H
#define FLOW_H

#include "nas.h"
#include <stddef.h>
#include <string.h>

enum { VARIABLES = 5, HALO = 2, LEAST_POINTS = 2 };

static const double c1 = 1.4, c2 = 0.4, c3c4 = 0.1, c1c5 = 1.4 * 1.4, con43 = 4.0 / 3, dissipation = 0.25;
/* How strongly each direction is smoothed. */
static const double smoothing[3] = {0.75, 0.75, 1.0};

typedef double point[VARIABLES];
/* What follows from a point's five numbers. */
struct derived { double inverse, velocity[3], kinetic, specific, sound; };

static int rank, size;
static MPI_Comm grid_comm;
static int across, deep;       /* ranks along x and along y */
static int place[2];           /* mine among them */
static int neighbour[2][2];    /* [direction][0 before, 1 behind]: a rank of grid_comm, or MPI_PROC_NULL */
static int n;                  /* points along an edge */
static int count[3], first[3]; /* points that are mine, and the global index of the first, by direction */
static int from[3], to[3];     /* local indices of those that are unknown: not on the surface */
static ptrdiff_t stride[3];    /* distance of neighbours in the arrays */
static double t1, t2, t3;      /* 1/h^2, 1/(2 h), 1/h */
static point *u, *rhs, *forcing;
static struct derived *derived;

static inline size_t index_of(int i, int j, int k) { return (size_t)((ptrdiff_t)(i + HALO) + (j + HALO) * stride[1] + k * stride[2]); }
static inline size_t points(void) { return (size_t)stride[2] * (size_t)n; }

static void *allocate(size_t bytes)
{
  void *memory = calloc(1, bytes);
  if (!memory) {
    fprintf(stderr, "rank %d cannot allocate %zu bytes\n", rank, bytes);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

/* Deals the points to the ranks. Gives 0 when a rank would get too few. */
static int deal(int edge)
{
  n = edge;
  int dims[2] = {0, 0}, periods[2] = {0, 0};
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Dims_create(size, 2, dims);
  across = dims[0], deep = dims[1];
  MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &grid_comm);
  MPI_Comm_rank(grid_comm, &rank);
  MPI_Cart_coords(grid_comm, rank, 2, place);
  for (int d = 0; d < 2; d++) {
    MPI_Cart_shift(grid_comm, d, 1, &neighbour[d][0], &neighbour[d][1]);
    first[d] = n * place[d] / dims[d];
    count[d] = n * (place[d] + 1) / dims[d] - first[d];
  }
  first[2] = 0, count[2] = n;
  for (int d = 0; d < 3; d++) {
    from[d] = first[d] == 0 ? 1 : 0;
    to[d] = first[d] + count[d] == n ? count[d] - 1 : count[d];
  }
  stride[0] = 1, stride[1] = count[0] + 2 * HALO, stride[2] = stride[1] * (count[1] + 2 * HALO);
  t3 = n - 1, t2 = t3 / 2, t1 = t3 * t3;
  u = allocate(points() * sizeof *u);
  rhs = allocate(points() * sizeof *rhs);
  forcing = allocate(points() * sizeof *forcing);
  derived = allocate(points() * sizeof *derived);
  return n / across >= LEAST_POINTS && n / deep >= LEAST_POINTS;
}

/* The polynomial that solves the equations, at a point of the cube given by its global indices. */
static void exact(int i, int j, int k, double value[VARIABLES])
{
  static const double c[VARIABLES][13] = {
    {2.0, 0.0, 0.0, 4.0, 5.0, 3.0, 0.5, 0.02, 0.01, 0.03, 0.5, 0.4, 0.3}, {1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 0.01, 0.03, 0.02, 0.4, 0.3, 0.5},
    {2.0, 2.0, 0.0, 0.0, 0.0, 2.0, 3.0, 0.04, 0.03, 0.05, 0.3, 0.5, 0.4}, {2.0, 2.0, 0.0, 0.0, 0.0, 2.0, 3.0, 0.03, 0.05, 0.04, 0.2, 0.1, 0.3},
    {5.0, 4.0, 3.0, 2.0, 0.1, 0.4, 0.3, 0.05, 0.04, 0.03, 0.1, 0.3, 0.2},
  };
  double at[3] = {i / t3, j / t3, k / t3};
  for (int m = 0; m < VARIABLES; m++) {
    value[m] = c[m][0];
    for (int d = 0; d < 3; d++) value[m] += at[d] * (c[m][1 + d] + at[d] * (c[m][4 + d] + at[d] * (c[m][7 + d] + at[d] * c[m][10 + d])));
  }
}

/* A layer of HALO points on one side, and the unknown ones beside them, to and from the neighbours. */
static void exchange_along(int d, point *field)
{
  int other = 1 - d, layer = HALO * count[other] * n;
  static point *buffer[2][2]; /* [out, in][side] */
  static int room;
  if (room < layer) {
    for (int i = 0; i < 4; i++) {
      free(buffer[i / 2][i % 2]);
      buffer[i / 2][i % 2] = allocate((size_t)layer * sizeof(point));
    }
    room = layer;
  }
  for (int side = 0, at = 0; side < 2; side++, at = 0)
    for (int k = 0; k < n; k++)
      for (int o = 0; o < count[other]; o++)
        for (int h = 0; h < HALO; h++, at++) {
          int x = side ? count[d] - HALO + h : h;
          memcpy(buffer[0][side][at], field[d ? index_of(o, x, k) : index_of(x, o, k)], sizeof(point));
        }
  MPI_Request requests[4];
  for (int side = 0; side < 2; side++) {
    MPI_Irecv(buffer[1][side], layer * VARIABLES, MPI_DOUBLE, neighbour[d][side], 1 - side, grid_comm, &requests[side]);
    MPI_Isend(buffer[0][side], layer * VARIABLES, MPI_DOUBLE, neighbour[d][side], side, grid_comm, &requests[2 + side]);
  }
  MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
  for (int side = 0, at = 0; side < 2; side++, at = 0)
    for (int k = 0; k < n && neighbour[d][side] != MPI_PROC_NULL; k++)
      for (int o = 0; o < count[other]; o++)
        for (int h = 0; h < HALO; h++, at++) {
          int x = side ? count[d] + h : h - HALO;
          memcpy(field[d ? index_of(o, x, k) : index_of(x, o, k)], buffer[1][side][at], sizeof(point));
        }
}

static void derive(void)
{
  size_t all = points();
  for (size_t at = 0; at < all; at++) {
    const double *v = u[at];
    struct derived *out = &derived[at];
    double inverse = 1 / v[0];
    out->inverse = inverse;
    for (int m = 0; m < 3; m++) out->velocity[m] = v[1 + m] * inverse;
    out->kinetic = 0.5 * (v[1] * v[1] + v[2] * v[2] + v[3] * v[3]) * inverse;
    out->specific = out->kinetic * inverse;
    out->sound = sqrt(c1 * c2 * inverse * (v[4] - out->kinetic));
  }
}

static inline double bend(double before, double here, double behind) { return before - 2 * here + behind; }

/* Adds what one point's neighbours along direction d bring to its right side: flux, viscosity, and smoothing of second order. */
static inline __attribute__((always_inline)) void flux(int d, size_t at, ptrdiff_t s, double *out)
{
  const double *b = u[at - s], *h = u[at], *f = u[at + s];
  const struct derived *db = &derived[at - s], *dh = &derived[at], *df = &derived[at + s];
  double vb = db->velocity[d], vh = dh->velocity[d], vf = df->velocity[d], viscous = c3c4 * t3 * t3;
  for (int m = 0; m < VARIABLES; m++) out[m] += smoothing[d] * t1 * bend(b[m], h[m], f[m]);
  out[0] -= t2 * (f[1 + d] - b[1 + d]);
  for (int m = 0; m < 3; m++) {
    double push = m == d ? c2 * ((f[4] - df->kinetic) - (b[4] - db->kinetic)) : 0;
    out[1 + m] += (m == d ? con43 : 1) * viscous * bend(db->velocity[m], dh->velocity[m], df->velocity[m]) - t2 * (f[1 + m] * vf - b[1 + m] * vb + push);
  }
  out[4] += viscous * ((1 - c1c5) * bend(db->specific, dh->specific, df->specific) + bend(vb * vb, vh * vh, vf * vf) / 6 +
                       c1c5 * bend(b[4] * db->inverse, h[4] * dh->inverse, f[4] * df->inverse)) -
            t2 * ((c1 * f[4] - c2 * df->kinetic) * vf - (c1 * b[4] - c2 * db->kinetic) * vb);
}

/* Smoothing of fourth order, one-sided beside the surface; `g` is the global index along the direction. */
static inline void dissipate(int g, size_t at, ptrdiff_t s, double *out)
{
  for (int m = 0; m < VARIABLES; m++) {
    double sum = (g == 1 || g == n - 2 ? 5 : 6) * u[at][m];
    if (g > 1) sum -= 4 * u[at - s][m];
    if (g > 2) sum += u[at - 2 * s][m];
    if (g < n - 2) sum -= 4 * u[at + s][m];
    if (g < n - 3) sum += u[at + 2 * s][m];
    out[m] -= dissipation * sum;
  }
}

/* rhs = forcing + the discrete operator of u, at all unknown points. */
static void right_side(void)
{
  exchange_along(0, u);
  exchange_along(1, u);
  derive();
  for (int k = from[2]; k < to[2]; k++)
    for (int j = from[1]; j < to[1]; j++)
      for (int i = from[0]; i < to[0]; i++) {
        size_t at = index_of(i, j, k);
        double *out = rhs[at];
        memcpy(out, forcing[at], sizeof(point));
        flux(0, at, 1, out);
        dissipate(first[0] + i, at, 1, out);
        flux(1, at, stride[1], out);
        dissipate(first[1] + j, at, stride[1], out);
        flux(2, at, stride[2], out);
        dissipate(k, at, stride[2], out);
      }
}

static void scale_right_side(double dt)
{
  for (size_t at = 0, all = points(); at < all; at++)
    for (int m = 0; m < VARIABLES; m++) rhs[at][m] *= dt;
}

/* The forcing that makes the polynomial the solution. Leaves it in u. */
static void make_forcing(void)
{
  memset(forcing, 0, points() * sizeof *forcing);
  /* The halo's corners are never read, but their density must not be 0. */
  for (int k = 0; k < n; k++)
    for (int j = -HALO; j < count[1] + HALO; j++)
      for (int i = -HALO; i < count[0] + HALO; i++) exact(first[0] + i, first[1] + j, k, u[index_of(i, j, k)]);
  right_side();
  for (size_t at = 0, all = points(); at < all; at++)
    for (int m = 0; m < VARIABLES; m++) forcing[at][m] = -rhs[at][m];
}

/* The initial field: exact on the surface, within it blended from the six faces. */
static void initialize(void)
{
  for (int k = 0; k < n; k++)
    for (int j = 0; j < count[1]; j++)
      for (int i = 0; i < count[0]; i++) {
        int g[3] = {first[0] + i, first[1] + j, k};
        double *out = u[index_of(i, j, k)], blend[3][VARIABLES];
        int inside = 1;
        for (int d = 0; d < 3; d++) inside = inside && g[d] > 0 && g[d] < n - 1;
        if (!inside) {
          exact(g[0], g[1], g[2], out);
          continue;
        }
        for (int d = 0; d < 3; d++) {
          double low[VARIABLES], high[VARIABLES], part = g[d] / t3;
          exact(d == 0 ? 0 : g[0], d == 1 ? 0 : g[1], d == 2 ? 0 : g[2], low);
          exact(d == 0 ? n - 1 : g[0], d == 1 ? n - 1 : g[1], d == 2 ? n - 1 : g[2], high);
          for (int m = 0; m < VARIABLES; m++) blend[d][m] = part * high[m] + (1 - part) * low[m];
        }
        for (int m = 0; m < VARIABLES; m++) {
          double x = blend[0][m], y = blend[1][m], z = blend[2][m];
          out[m] = x + y + z - x * y - y * z - z * x + x * y * z;
        }
      }
}

/* Prepares u, and forcing, and a clean right side. */
static void prepare(void)
{
  memset(rhs, 0, points() * sizeof *rhs);
  make_forcing();
  initialize();
}

static void root_mean(double sum[VARIABLES])
{
  MPI_Allreduce(MPI_IN_PLACE, sum, VARIABLES, MPI_DOUBLE, MPI_SUM, grid_comm);
  for (int m = 0; m < VARIABLES; m++) sum[m] = sqrt(sum[m] / pow(n - 2, 3));
}

/* Norms of the right side, and of what u differs from the exact solution. */
static void norms(double residual[VARIABLES], double error[VARIABLES])
{
  memset(residual, 0, sizeof(point));
  memset(error, 0, sizeof(point));
  for (int k = from[2]; k < to[2]; k++)
    for (int j = from[1]; j < to[1]; j++)
      for (int i = from[0]; i < to[0]; i++) {
        size_t at = index_of(i, j, k);
        double value[VARIABLES];
        exact(first[0] + i, first[1] + j, k, value);
        for (int m = 0; m < VARIABLES; m++) {
          residual[m] += rhs[at][m] * rhs[at][m];
          error[m] += (u[at][m] - value[m]) * (u[at][m] - value[m]);
        }
      }
  root_mean(residual);
  root_mean(error);
}

#endif
