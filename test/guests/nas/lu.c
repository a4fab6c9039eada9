/*
 * LU, the lower-upper Gauss-Seidel pseudo-application of the NAS Parallel Benchmarks: symmetric successive over-relaxation. Each step goes through
 * all points from one corner to the other, and back; a point needs those before it along x, y and z. A rank begins a plane of z when its neighbours have
 * handed on the edge of theirs, so a front of work passes over the ranks. Communication: two layers for the right side, and many short messages: one line for
 * each plane, direction and sweep.
 */
#include "application.h"
#include "jacobian.h"

static const struct problem problems[CLASSES] = {
  {'S', 12, 50, 0.5,
   {1.6196343210976702e-02, 2.1976745164821318e-03, 1.5179927653399185e-03, 1.5029584435994323e-03, 3.4264073155896461e-02},
   {6.4223319957960924e-04, 8.4144342047347926e-05, 5.8588269616485186e-05, 5.8474222595157350e-05, 1.3103347914111294e-03},
   7.8418928865937083e+00},
  {'W', 33, 300, 1.5e-3,
   {0.1236511638192e+02, 0.1317228477799e+01, 0.2550120713095e+01, 0.2326187750252e+01, 0.2826799444189e+02},
   {0.4867877144216e+00, 0.5064652880982e-01, 0.9281818101960e-01, 0.8570126542733e-01, 0.1084277417792e+01},
   0.1161399311023e+02},
  {'A', 64, 250, 2.0,
   {7.7902107606689367e+02, 6.3402765259692870e+01, 1.9499249727292479e+02, 1.7845301160418537e+02, 1.8384760349464247e+03},
   {2.9964085685471943e+01, 2.8194576365003349e+00, 7.3473412698774742e+00, 6.7139225687777051e+00, 7.0715315688392578e+01},
   2.6030925604886277e+01},
};

static const double omega = 1.2;
static double dt;
static point *edge[2][2]; /* [direction][in, out] */

/* Solves m x = v in place. Rows are not exchanged: the blocks are nearly diagonal. */
static inline void solve_block(block m, double *v)
{
  for (int p = 0; p < VARIABLES; p++) {
    double pivot = 1 / m[p][p];
    for (int r = p + 1; r < VARIABLES; r++) {
      double times = m[r][p] * pivot;
      for (int c = p + 1; c < VARIABLES; c++) m[r][c] -= times * m[p][c];
      v[r] -= times * v[p];
    }
  }
  for (int p = VARIABLES - 1; p >= 0; p--) {
    for (int c = p + 1; c < VARIABLES; c++) v[p] -= m[p][c] * v[c];
    v[p] /= m[p][p];
  }
}

/* The block that couples a point with itself: the viscous terms of all directions. */
static inline void diagonal(const double *v, block out)
{
  block part;
  jacobian(0, v, 0, 2 * dt * t1, 1 + 2 * dt * t1 * (smoothing[0] + smoothing[1] + smoothing[2]), out);
  for (int d = 1; d < 3; d++) {
    jacobian(d, v, 0, 2 * dt * t1, 0, part);
    for (int r = 0; r < VARIABLES; r++)
      for (int c = 0; c < VARIABLES; c++) out[r][c] += part[r][c];
  }
}

/* One point of a sweep: `way` -1 looks at the three before it, 1 at the three behind. */
static inline __attribute__((always_inline)) void relax(size_t at, int way)
{
  block m;
  point sum = {0};
  for (int d = 2; d >= 0; d--) {
    size_t beside = (size_t)((ptrdiff_t)at + way * stride[d]);
    jacobian(d, u[beside], way * dt * t2, -dt * t1, -dt * t1 * smoothing[d], m);
    subtract_product(m, rhs[beside], omega, sum);
  }
  diagonal(u[at], m);
  if (way < 0) {
    for (int c = 0; c < VARIABLES; c++) rhs[at][c] += sum[c];
    solve_block(m, rhs[at]);
  } else {
    solve_block(m, sum);
    for (int c = 0; c < VARIABLES; c++) rhs[at][c] += sum[c];
  }
}

/* The points of plane k on one edge of the rank, into the halo or out of the block. */
static void copy_edge(int d, int x, int k, point *line, int into)
{
  for (int o = 0; o < count[1 - d]; o++) {
    double *value = rhs[d ? index_of(o, x, k) : index_of(x, o, k)];
    if (into) memcpy(value, line[o], sizeof(point));
    else memcpy(line[o], value, sizeof(point));
  }
}

static inline __attribute__((always_inline)) void sweep(int way)
{
  MPI_Request sent[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};
  int come = way < 0 ? 0 : 1;
  for (int p = 1; p < n - 1; p++) {
    int k = way < 0 ? p : n - 1 - p;
    for (int d = 0; d < 2; d++)
      if (neighbour[d][come] != MPI_PROC_NULL) {
        MPI_Recv(edge[d][0], count[1 - d] * VARIABLES, MPI_DOUBLE, neighbour[d][come], 2, grid_comm, MPI_STATUS_IGNORE);
        copy_edge(d, way < 0 ? -1 : count[d], k, edge[d][0], 1);
      }
    for (int b = 0; b < to[1] - from[1]; b++)
      for (int a = 0; a < to[0] - from[0]; a++)
        relax(way < 0 ? index_of(from[0] + a, from[1] + b, k) : index_of(to[0] - 1 - a, to[1] - 1 - b, k), way);
    for (int d = 0; d < 2; d++)
      if (neighbour[d][1 - come] != MPI_PROC_NULL) {
        MPI_Wait(&sent[d], MPI_STATUS_IGNORE);
        copy_edge(d, way < 0 ? count[d] - 1 : 0, k, edge[d][1], 0);
        MPI_Isend(edge[d][1], count[1 - d] * VARIABLES, MPI_DOUBLE, neighbour[d][1 - come], 2, grid_comm, &sent[d]);
      }
  }
  MPI_Waitall(2, sent, MPI_STATUSES_IGNORE);
}

static void step(void)
{
  scale_right_side(dt);
  sweep(-1);
  sweep(1);
  double share = 1 / (omega * (2 - omega));
  for (int k = from[2]; k < to[2]; k++)
    for (int j = from[1]; j < to[1]; j++)
      for (int i = from[0]; i < to[0]; i++) {
        size_t at = index_of(i, j, k);
        for (int m = 0; m < VARIABLES; m++) u[at][m] += share * rhs[at][m];
      }
  right_side();
}

/* The pressure integrated over six faces of a box within the cube, by trapezoids. Bounds are global indices, as the specification has them. */
static double surface_integral(void)
{
  const int low[3] = {1, 1, 2}, high[3] = {n - 2, n - 3, n - 2};
  double sum = 0;
  for (int k = low[2]; k <= high[2]; k++)
    for (int j = 0; j < count[1]; j++)
      for (int i = 0; i < count[0]; i++) {
        int g[3] = {first[0] + i, first[1] + j, k}, within = 1, faces = 0, ends[3];
        for (int d = 0; d < 3; d++) {
          within = within && g[d] >= low[d] && g[d] <= high[d];
          ends[d] = g[d] == low[d] || g[d] == high[d];
          faces += ends[d];
        }
        if (!within || !faces) continue;
        const double *v = u[index_of(i, j, k)];
        double pressure = c2 * (v[4] - 0.5 * (v[1] * v[1] + v[2] * v[2] + v[3] * v[3]) / v[0]);
        /* On each face that the point lies on, an inner one belongs to four squares, one on an edge to two, a corner to one. */
        for (int d = 0; d < 3; d++)
          if (ends[d]) sum += pressure * 4 / (1 << (faces - 1));
      }
  MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_DOUBLE, MPI_SUM, grid_comm);
  return 0.25 * sum / t1;
}

static int verify_surface(const struct problem *problem)
{
  double found = surface_integral();
  if (rank == 0) printf("surface integral: %.13e, published %.13e\n", found, problem->surface);
  return fabs((found - problem->surface) / problem->surface) <= 1e-8;
}

static void begin(const struct problem *problem)
{
  dt = problem->dt;
  for (int i = 0; i < 4; i++) edge[i / 2][i % 2] = allocate((size_t)count[1 - i / 2] * sizeof(point));
}

int main(int argc, char **argv)
{
  return run(&(struct application){"LU", problems, begin, step, verify_surface, {1984.77, -10923.3, 27770.9, -144010}}, argc, argv);
}
