/*
 * Systems along a direction, one for each line of points, solved by elimination. Lines along z belong to one rank. Along x and y the elimination
 * passes from rank to rank, plane of z after plane, so that while one rank works on a plane the next one works on the plane before.
 */
#ifndef LINES_H
#define LINES_H

#include "flow.h"

/* What a line hands on from point to point, and from rank to rank: forth while unknowns are eliminated, back while they are found. In doubles. */
struct carried { double *forth, *back; int forth_each, back_each; };

/* One point: direction, global index along it, place in the arrays, what its line carries. */
typedef void visit(int d, int g, size_t at, void *carried);

static struct carried allocate_carried(int forth_each, int back_each)
{
  size_t widest = (size_t)(count[0] > count[1] ? count[0] : count[1]);
  return (struct carried){allocate(widest * (size_t)forth_each * sizeof(double)), allocate(widest * (size_t)back_each * sizeof(double)), forth_each, back_each};
}

/* One pass over all lines; `way` 1 goes up along d, -1 down. */
static inline __attribute__((always_inline)) void pass_lines(int d, int way, double *carried, int each, visit *at_point)
{
  int stages = d == 2 ? 1 : 2, other = d == 0 ? 1 : 0, lines = to[other] - from[other];
  int come = d == 2 ? MPI_PROC_NULL : neighbour[d][way < 0], go = d == 2 ? MPI_PROC_NULL : neighbour[d][way > 0];
  MPI_Request sent = MPI_REQUEST_NULL;
  for (int stage = from[stages]; stage < to[stages]; stage++) {
    MPI_Wait(&sent, MPI_STATUS_IGNORE);
    if (come == MPI_PROC_NULL) memset(carried, 0, (size_t)(lines * each) * sizeof *carried);
    else MPI_Recv(carried, lines * each, MPI_DOUBLE, come, 2, grid_comm, MPI_STATUS_IGNORE);
    for (int o = from[other]; o < to[other]; o++)
      for (int step = from[d]; step < to[d]; step++) {
        int x = way > 0 ? step : from[d] + to[d] - 1 - step;
        size_t at = d == 0 ? index_of(x, o, stage) : d == 1 ? index_of(o, x, stage) : index_of(o, stage, x);
        at_point(d, first[d] + x, at, carried + (o - from[other]) * each);
      }
    if (go != MPI_PROC_NULL) MPI_Isend(carried, lines * each, MPI_DOUBLE, go, 2, grid_comm, &sent);
  }
  MPI_Wait(&sent, MPI_STATUS_IGNORE);
}

static inline __attribute__((always_inline)) void solve_lines(int d, const struct carried *carried, visit *forward, visit *backward)
{
  pass_lines(d, 1, carried->forth, carried->forth_each, forward);
  pass_lines(d, -1, carried->back, carried->back_each, backward);
}

static void add_step(void)
{
  for (int k = from[2]; k < to[2]; k++)
    for (int j = from[1]; j < to[1]; j++)
      for (int i = from[0]; i < to[0]; i++) {
        size_t at = index_of(i, j, k);
        for (int m = 0; m < VARIABLES; m++) u[at][m] += rhs[at][m];
      }
}

#endif
