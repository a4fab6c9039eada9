/* The programs BT, SP and LU around what each does in a step: the classes, the clock, and the specification's verification. */
#ifndef APPLICATION_H
#define APPLICATION_H

#include "flow.h"

enum { CLASSES = 3 };

struct problem {
  char class;
  int n, steps;
  double dt;
  double residual[VARIABLES], error[VARIABLES], surface; /* as published; the last for LU alone */
};

struct application {
  const char *name;
  const struct problem *problems;                  /* CLASSES of them */
  void (*allocate)(const struct problem *problem); /* when the points have been dealt */
  void (*step)(void);                              /* begins and ends with u, and rhs of it, at hand */
  int (*verify)(const struct problem *problem);    /* what else is to be verified, or null */
  double operations[4];                            /* of a step: times n^3, n^2, n and 1 */
};

/* True if all five are within 1e-8 of what the specification gives; prints them. */
static int agree(const char *what, const double found[VARIABLES], const double published[VARIABLES])
{
  int good = 1;
  for (int m = 0; m < VARIABLES; m++) {
    double off = fabs((found[m] - published[m]) / published[m]);
    if (rank == 0) printf("%s %d: %.13e, published %.13e\n", what, m + 1, found[m], published[m]);
    good = good && off <= 1e-8;
  }
  return good;
}

/* Runs one of the three and gives the exit code. */
static int run(const struct application *app, int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (int i = 0; i < CLASSES; i++)
    if (app->problems[i].class == class) p = &app->problems[i];
  if (!p || !deal(p->n)) {
    if (rank == 0 && p) fprintf(stderr, "%s: class %c has too few points for %d ranks\n", app->name, class, size);
    if (rank == 0 && !p) fprintf(stderr, "%s: class %c is not one of S, W, A\n", app->name, class);
    MPI_Finalize();
    return EXIT_FAILURE;
  }
  app->allocate(p);
  prepare();
  right_side();
  app->step(); /* untimed: touches all memory */
  initialize();
  right_side();

  MPI_Barrier(grid_comm);
  double started = MPI_Wtime();
  for (int i = 0; i < p->steps; i++) app->step();
  double mine = MPI_Wtime() - started, seconds, residual[VARIABLES], error[VARIABLES];
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, grid_comm);
  norms(residual, error);
  int verified = agree("residual", residual, p->residual) & agree("error", error, p->error);
  if (app->verify) verified &= app->verify(p);
  const double *o = app->operations;
  double operations = p->steps * (((o[0] * n + o[1]) * n + o[2]) * n + o[3]);
  int code = verified ? EXIT_SUCCESS : EXIT_FAILURE;
  if (rank == 0) code = nas_report(app->name, class, size, seconds, operations, verified);
  MPI_Finalize();
  return code;
}

#endif
