/*
 * Molecular dynamics: particles with Lennard-Jones forces in a periodic box, cut into slabs along x. In every step each rank gets copies of the
 * particles near its borders from its two neighbours, moves its own by velocity Verlet, and hands over those that have left. Verifies that
 * particles, momentum and energy are kept.
 *
 *   verbena run -n 4 examples/md.c -- 8 100      (8 x 8 x 8 particles, 100 steps)
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct particle {
  double x[3], v[3], f[3];
};
static const double cut = 2.0, spacing = 1.2, dt = 0.002;
static double box, low, high;
static int rank, size, left, right, most;
static struct particle *own, *outgoing;
static int count;

/* Sends `n` particles of `outgoing` to one side, appends what comes from the other. */
static int shift(int n, int to, int from, int at)
{
  MPI_Status status;
  int bytes;
  MPI_Sendrecv(outgoing, n * (int)sizeof *own, MPI_BYTE, to, 1, own + at, (most - at) * (int)sizeof *own, MPI_BYTE, from, 1, MPI_COMM_WORLD, &status);
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  return bytes / (int)sizeof *own;
}

/* Copies of the neighbours' particles within the cut-off of the border, behind our own; one slab must be at least that thick. */
static int ghosts(void)
{
  int n = 0, all = count;
  for (int i = 0; i < count; i++)
    if (own[i].x[0] >= high - cut) outgoing[n++] = own[i];
  all += shift(n, right, left, all);
  n = 0;
  for (int i = 0; i < count; i++)
    if (own[i].x[0] < low + cut) outgoing[n++] = own[i];
  return all + shift(n, left, right, all);
}

/* Forces on our own particles, and the potential energy, half of each pair. */
static double forces(int all)
{
  double energy = 0, shifted = 4 * (pow(cut, -12) - pow(cut, -6));
  for (int i = 0; i < count; i++) {
    memset(own[i].f, 0, sizeof own[i].f);
    for (int j = 0; j < all; j++) {
      double d[3], r2 = 0;
      if (i == j) continue;
      for (int k = 0; k < 3; k++) {
        d[k] = own[i].x[k] - own[j].x[k];
        d[k] -= box * round(d[k] / box);
        r2 += d[k] * d[k];
      }
      if (r2 >= cut * cut) continue;
      double s6 = 1 / (r2 * r2 * r2), strength = 24 * (2 * s6 * s6 - s6) / r2;
      for (int k = 0; k < 3; k++) own[i].f[k] += strength * d[k];
      energy += 0.5 * (4 * (s6 * s6 - s6) - shifted);
    }
  }
  return energy;
}

static void hand_over(void)
{
  struct particle *leaving = outgoing + most / 2;
  int to_right = 0, to_left = 0, kept = 0;
  for (int i = 0; i < count; i++) {
    double x = own[i].x[0];
    if (x >= low && x < high) own[kept++] = own[i];
    else if (size > 1 && (x >= high) == (fabs(x - high) < box / 2)) outgoing[to_right++] = own[i];
    else leaving[to_left++] = own[i];
  }
  count = kept;
  count += shift(to_right, right, left, count);
  memmove(outgoing, leaving, sizeof *own * (size_t)to_left);
  count += shift(to_left, left, right, count);
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int side = argc > 1 ? atoi(argv[1]) : 8, steps = argc > 2 ? atoi(argv[2]) : 50;
  box = side * spacing;
  low = box * rank / size;
  high = box * (rank + 1) / size;
  if (box / size < cut || (size == 2 && box < 4 * cut)) {
    if (rank == 0) fprintf(stderr, "md: slabs of %.1f are thinner than the cut-off %.1f: take more particles or fewer ranks\n", box / size, cut);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  left = size > 1 ? (rank + size - 1) % size : MPI_PROC_NULL;
  right = size > 1 ? (rank + 1) % size : MPI_PROC_NULL;
  most = 2 * side * side * side + 64;
  own = calloc((size_t)most, sizeof *own);
  outgoing = calloc((size_t)most, sizeof *own);
  for (int i = 0; i < side * side * side; i++) {
    int cell[3] = {i % side, i / side % side, i / side / side};
    unsigned seed = 2654435761u * (unsigned)(i / 2 + 1);
    struct particle p = {0};
    for (int k = 0; k < 3; k++) {
      p.x[k] = (cell[k] + 0.5) * spacing;
      seed = seed * 1664525u + 1013904223u;
      p.v[k] = ((seed >> 8) / 16777216.0 - 0.5) * (i % 2 ? 1 : -1); /* in pairs, so that the sum is 0 */
    }
    if (p.x[0] >= low && p.x[0] < high) own[count++] = p;
  }

  double first = 0, last[6] = {0}, began = MPI_Wtime();
  double potential = forces(ghosts());
  for (int step = 0; step <= steps; step++) {
    double sums[6] = {potential, 0, 0, 0, 0, count};
    for (int i = 0; i < count; i++)
      for (int k = 0; k < 3; k++) sums[1] += 0.5 * own[i].v[k] * own[i].v[k], sums[2 + k] += own[i].v[k];
    MPI_Allreduce(sums, last, 6, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    if (step == 0) first = last[0] + last[1];
    if (step == steps) break;
    for (int i = 0; i < count; i++)
      for (int k = 0; k < 3; k++) {
        own[i].v[k] += 0.5 * dt * own[i].f[k];
        own[i].x[k] += dt * own[i].v[k];
        own[i].x[k] -= box * floor(own[i].x[k] / box);
      }
    hand_over();
    potential = forces(ghosts());
    for (int i = 0; i < count; i++)
      for (int k = 0; k < 3; k++) own[i].v[k] += 0.5 * dt * own[i].f[k];
  }
  double drift = fabs(last[0] + last[1] - first) / fabs(first), momentum = fabs(last[2]) + fabs(last[3]) + fabs(last[4]);
  int good = (int)last[5] == side * side * side && drift < 1e-3 && momentum < 1e-9;
  if (rank == 0)
    printf("%d particles, %d steps in %.3f s, energy drift %.1e: %s\n", side * side * side, steps, MPI_Wtime() - began, drift, good ? "verified" : "WRONG");
  free(own);
  free(outgoing);
  MPI_Finalize();
  return !good;
}
