/*
 * BT, the block tridiagonal pseudo-application of the NAS Parallel Benchmarks: each step solves, along x, y and z in turn, a system of blocks of
 * 5 x 5 for every line of points. Lines along z belong to one rank; along x and y the elimination passes from rank to rank, plane after
 * plane, so that all work at the same time. Communication: two layers for the right side, 30 numbers a line forth, 5 back.
 */
#include "application.h"
#include "jacobian.h"
#include "lines.h"

static const struct problem problems[CLASSES] = {
  {'S', 12, 60, 0.010,
   {1.7034283709541311e-01, 1.2975252070034097e-02, 3.2527926989486055e-02, 2.6436421275166801e-02, 1.9211784131744430e-01},
   {4.9976913345811579e-04, 4.5195666782961927e-05, 7.3973765172921357e-05, 7.3821238632439731e-05, 8.9269630987491446e-04}, 0},
  {'W', 24, 200, 0.0008,
   {0.1125590409344e+03, 0.1180007595731e+02, 0.2710329767846e+02, 0.2469174937669e+02, 0.2638427874317e+03},
   {0.4419655736008e+01, 0.4638531260002e+00, 0.1011551749967e+01, 0.9235878729944e+00, 0.1018045837718e+02}, 0},
  {'A', 64, 200, 0.0008,
   {1.0806346714637264e+02, 1.1319730901220813e+01, 2.5974354511582465e+01, 2.3665622544678910e+01, 2.5278963211748344e+02},
   {4.2348416040525025e+00, 4.4390282496995698e-01, 9.6692480136345650e-01, 8.8302063039765474e-01, 9.7379901770829278e+00}, 0},
};

struct passed { block above; point value; }; /* what a line's elimination hands on */

static double dt;
static block *above; /* the eliminated block that couples a point with the next one */
static struct carried carried;

/* Solves m x = v in place, and the same for five columns more. Rows are not exchanged: the blocks are nearly diagonal. */
static inline void eliminate(block m, block columns, double *v)
{
  for (int p = 0; p < VARIABLES; p++) {
    double pivot = 1 / m[p][p];
    for (int c = p + 1; c < VARIABLES; c++) m[p][c] *= pivot;
    for (int c = 0; c < VARIABLES; c++) columns[p][c] *= pivot;
    v[p] *= pivot;
    for (int r = 0; r < VARIABLES; r++) {
      if (r == p) continue;
      double times = m[r][p];
      for (int c = p + 1; c < VARIABLES; c++) m[r][c] -= times * m[p][c];
      for (int c = 0; c < VARIABLES; c++) columns[r][c] -= times * columns[p][c];
      v[r] -= times * v[p];
    }
  }
}

/* One point of a line: removes the one before it, and notes what couples it with the next. */
static inline __attribute__((always_inline)) void forward(int d, int g, size_t at, void *carried)
{
  struct passed *before = carried;
  ptrdiff_t s = stride[d];
  block low, here;
  (void)g;
  jacobian(d, u[at - s], -dt * t2, -dt * t1, -dt * t1 * smoothing[d], low);
  jacobian(d, u[at], 0, 2 * dt * t1, 1 + 2 * dt * t1 * smoothing[d], here);
  jacobian(d, u[at + s], dt * t2, -dt * t1, -dt * t1 * smoothing[d], above[at]);
  subtract_product(low, before->value, 1, rhs[at]);
  for (int r = 0; r < VARIABLES; r++)
    for (int k = 0; k < VARIABLES; k++)
      for (int c = 0; c < VARIABLES; c++) here[r][c] -= low[r][k] * before->above[k][c];
  eliminate(here, above[at], rhs[at]);
  memcpy(before->above, above[at], sizeof(block));
  memcpy(before->value, rhs[at], sizeof(point));
}

static inline __attribute__((always_inline)) void backward(int d, int g, size_t at, void *carried)
{
  (void)d, (void)g;
  subtract_product(above[at], carried, 1, rhs[at]);
  memcpy(carried, rhs[at], sizeof(point));
}

static void step(void)
{
  scale_right_side(dt);
  solve_lines(0, &carried, forward, backward);
  solve_lines(1, &carried, forward, backward);
  solve_lines(2, &carried, forward, backward);
  add_step();
  right_side();
}

static void begin(const struct problem *problem)
{
  dt = problem->dt;
  above = allocate(points() * sizeof *above);
  carried = allocate_carried(sizeof(struct passed) / sizeof(double), VARIABLES);
}

int main(int argc, char **argv)
{
  return run(&(struct application){"BT", problems, begin, step, NULL, {3478.8, -17655.7, 28023.7, 0}}, argc, argv);
}
