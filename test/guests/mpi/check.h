/* What the MPI test guests have in common: they run to the end of a check or say where they failed, and print "ok" from rank 0. */
#ifndef CHECK_H
#define CHECK_H

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int me, ranks;

#define CHECK(condition, ...)                                                       \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "rank %d, %s:%d: %s: ", me, __FILE__, __LINE__, #condition);  \
      fprintf(stderr, __VA_ARGS__);                                                 \
      fprintf(stderr, "\n");                                                        \
      MPI_Abort(MPI_COMM_WORLD, 99);                                                \
    }                                                                               \
  } while (0)

static void begin(int *argc, char ***argv) {
  MPI_Init(argc, argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &me);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
}

static int end(void) {
  MPI_Barrier(MPI_COMM_WORLD);
  if (me == 0) printf("ok\n");
  MPI_Finalize();
  return 0;
}

/* A value that depends on who sent it, which message it is and where it lies. */
static inline int pattern(int rank, int message, int index) { return rank * 1000003 + message * 7919 + index; }

static inline unsigned next_random(unsigned *seed) { return (*seed = *seed * 1664525u + 1013904223u) >> 8; }

#endif
