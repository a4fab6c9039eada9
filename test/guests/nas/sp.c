/*
 * SP, the scalar pentadiagonal pseudo-application of the NAS Parallel Benchmarks: as BT, but each direction's system is first brought to
 * diagonal form, so that every line of points is five independent systems of five diagonals: three with the speed of the flow, two with that plus and
 * minus the speed of sound. Communication: two layers for the right side, 22 numbers a line forth, 10 back, plane after plane.
 */
#include "application.h"
#include "lines.h"

static const struct problem problems[CLASSES] = {
  {'S', 12, 100, 0.015,
   {2.7470315451339479e-02, 1.0360746705285417e-02, 1.6235745065095532e-02, 1.5840557224455615e-02, 3.4849040609362460e-02},
   {2.7289258557377227e-05, 1.0364446640837285e-05, 1.6154798287166471e-05, 1.5750704994480102e-05, 3.4177666183390531e-05}, 0},
  {'W', 36, 400, 0.0015,
   {0.1893253733584e-02, 0.1717075447775e-03, 0.2778153350936e-03, 0.2887475409984e-03, 0.3143611161242e-02},
   {0.7542088599534e-04, 0.6512852253086e-05, 0.1049092285688e-04, 0.1128838671535e-04, 0.1212845639773e-03}, 0},
  {'A', 64, 400, 0.0015,
   {2.4799822399300195e+00, 1.1276337964368832e+00, 1.5028977888770491e+00, 1.4217816211695179e+00, 2.1292113035138280e+00},
   {1.0900140297820550e-04, 3.7343951769282091e-05, 5.0092785406541633e-05, 4.7671093939528255e-05, 1.3621613399213001e-04}, 0},
};

enum { SPEEDS = 3 };
/* A point after the elimination: how it depends on the next one and the one after that, for each speed, and its five values. */
struct eliminated { double next[SPEEDS], second[SPEEDS]; point value; };
struct passed { struct eliminated last, before; }; /* what a line's elimination hands on */
struct solved { point next, second; };

static double dt;
static double (*coupling)[2][SPEEDS]; /* of every point: next and second, kept for the way back */
static struct carried carried;

/* Before x: from changes of the five variables to those of the characteristic ones. */
static void to_characteristic(void)
{
  const double half = sqrt(0.5);
  for (int k = from[2]; k < to[2]; k++)
    for (int j = from[1]; j < to[1]; j++)
      for (int i = from[0]; i < to[0]; i++) {
        size_t at = index_of(i, j, k);
        const struct derived *f = &derived[at];
        double *r = rhs[at], r0 = r[0];
        const double *w = f->velocity;
        double pressure = c2 / (f->sound * f->sound) * (f->specific * r0 - w[0] * r[1] - w[1] * r[2] - w[2] * r[3] + r[4]);
        double shear = half * f->inverse * (w[0] * r0 - r[1]), wave = half * f->inverse * f->sound * pressure;
        double third = f->inverse * (w[1] * r0 - r[2]), second = -f->inverse * (w[2] * r0 - r[3]);
        r[0] = r0 - pressure, r[1] = second, r[2] = third, r[3] = wave - shear, r[4] = wave + shear;
      }
}

/* From the characteristic variables of direction d to those of the next one. */
static inline void turn(double *r, int d)
{
  const double half = sqrt(0.5);
  double mean = 0.5 * (r[3] + r[4]), difference = half * (r[3] - r[4]), wave, kept;
  if (d == 0) {
    kept = r[0], wave = half * r[2];
    r[0] = -r[1], r[1] = kept, r[2] = difference;
  } else {
    kept = r[1], wave = half * r[0];
    r[0] = difference, r[1] = -r[2], r[2] = kept;
  }
  r[3] = mean - wave, r[4] = mean + wave;
}

/* After z: back to the five variables. */
static inline void from_characteristic(size_t at, double *r)
{
  const struct derived *f = &derived[at];
  const double half = sqrt(0.5), density = u[at][0], *w = f->velocity;
  double pressure = half * density / f->sound * (r[3] + r[4]), lift = half * density * (r[3] - r[4]), mass = r[2] + pressure;
  double one = r[0], two = r[1];
  r[0] = mass;
  r[1] = w[0] * mass - density * two;
  r[2] = w[1] * mass + density * one;
  r[3] = w[2] * mass + lift;
  r[4] = density * (w[1] * one - w[0] * two) + f->specific * mass + f->sound * f->sound / c2 * pressure + w[2] * lift;
}

/* The strongest of the viscous terms at a point. */
static inline double viscosity(int d, const struct derived *f)
{
  double momentum = con43 * c3c4 * f->inverse, heat = c1c5 * c3c4 * f->inverse;
  return smoothing[d] + (momentum > heat ? momentum : heat);
}

/* One point of a line: removes the two before it. */
static inline __attribute__((always_inline)) void forward(int d, int g, size_t at, void *carried)
{
  struct passed *p = carried;
  ptrdiff_t s = stride[d];
  const struct derived *b = &derived[at - s], *h = &derived[at], *f = &derived[at + s];
  double fourth = dt * dissipation, flow = dt * t2;
  double below = -flow * b->velocity[d] - dt * t1 * viscosity(d, b) - (g > 1 ? 4 * fourth : 0);
  double middle = 1 + 2 * dt * t1 * viscosity(d, h) + (g == 1 || g == n - 2 ? 5 : 6) * fourth;
  double over = flow * f->velocity[d] - dt * t1 * viscosity(d, f) - (g < n - 2 ? 4 * fourth : 0);
  double farthest = g > 2 ? fourth : 0, beyond = g < n - 3 ? fourth : 0;
  struct eliminated here;
  double left[SPEEDS], scale[SPEEDS];
  for (int e = 0; e < SPEEDS; e++) {
    double sign = e == 0 ? 0 : e == 1 ? 1 : -1;
    left[e] = below - sign * flow * b->sound - farthest * p->before.next[e];
    scale[e] = 1 / (middle - farthest * p->before.second[e] - left[e] * p->last.next[e]);
    here.next[e] = (over + sign * flow * f->sound - left[e] * p->last.second[e]) * scale[e];
    here.second[e] = beyond * scale[e];
    coupling[at][0][e] = here.next[e];
    coupling[at][1][e] = here.second[e];
  }
  for (int m = 0; m < VARIABLES; m++) {
    int e = m < 3 ? 0 : m - 2;
    here.value[m] = rhs[at][m] = (rhs[at][m] - farthest * p->before.value[m] - left[e] * p->last.value[m]) * scale[e];
  }
  p->before = p->last;
  p->last = here;
}

static inline __attribute__((always_inline)) void backward(int d, int g, size_t at, void *carried)
{
  struct solved *p = carried;
  (void)g;
  double *r = rhs[at];
  for (int m = 0; m < VARIABLES; m++) {
    int e = m < 3 ? 0 : m - 2;
    r[m] -= coupling[at][0][e] * p->next[m] + coupling[at][1][e] * p->second[m];
    p->second[m] = p->next[m];
    p->next[m] = r[m];
  }
  if (d < 2) turn(r, d);
  else from_characteristic(at, r);
}

static void step(void)
{
  scale_right_side(dt);
  to_characteristic();
  solve_lines(0, &carried, forward, backward);
  solve_lines(1, &carried, forward, backward);
  solve_lines(2, &carried, forward, backward);
  add_step();
  right_side();
}

static void begin(const struct problem *problem)
{
  dt = problem->dt;
  coupling = allocate(points() * sizeof *coupling);
  carried = allocate_carried(sizeof(struct passed) / sizeof(double), sizeof(struct solved) / sizeof(double));
}

int main(int argc, char **argv)
{
  return run(&(struct application){"SP", problems, begin, step, NULL, {881.174, -4683.91, 11484.5, -19272.4}}, argc, argv);
}
