/*
 * Smooths values on the vertices of an unstructured mesh: each rank has a block of vertices, finds out which of its neighbours lie elsewhere, and
 * exchanges those halos in every step over a distributed graph topology. Verifies against the same steps without any communication.
 *
 *   verbena run -n 6 examples/mesh.c -- 20000 50
 */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEGREE = 6 };

/* The neighbours of a vertex: along a ring, and symmetric chords whose spans depend on no regular grid. */
static int neighbour(int vertex, int k, int n)
{
  static const int spans[DEGREE / 2] = {1, 17, 253};
  int span = spans[k / 2] % n;
  return k % 2 ? (vertex + span) % n : (vertex - span + n) % n;
}
static double initial(int vertex) { return sin(0.01 * vertex) + vertex % 7; }
static int first(int rank, int n, int size) { return (int)((long long)rank * n / size); }

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size, n = argc > 1 ? atoi(argv[1]) : 5000, steps = argc > 2 ? atoi(argv[2]) : 20;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int start = first(rank, n, size), mine = first(rank + 1, n, size) - start;

  /* Which vertices of others are needed, each once, sorted by number and so by owner. */
  int *local = malloc(sizeof *local * (size_t)n), ghosts = 0;
  for (int v = 0; v < n; v++) local[v] = -1;
  for (int v = 0; v < mine; v++) local[start + v] = v;
  for (int v = 0; v < mine; v++)
    for (int k = 0; k < DEGREE; k++)
      if (local[neighbour(start + v, k, n)] == -1) local[neighbour(start + v, k, n)] = -2;
  int *wanted = malloc(sizeof *wanted * (size_t)n), *need = calloc((size_t)size, sizeof *need), *give = calloc((size_t)size, sizeof *give);
  for (int v = 0, at = 0; v < n; v++) {
    while (v >= first(at + 1, n, size)) at++;
    if (local[v] != -2) continue;
    local[v] = mine + ghosts;
    wanted[ghosts++] = v;
    need[at]++;
  }

  /* Tell the owners, then keep only the ranks that matter. */
  MPI_Alltoall(need, 1, MPI_INT, give, 1, MPI_INT, MPI_COMM_WORLD);
  int sources = 0, targets = 0, total = 0;
  int *from = malloc(sizeof *from * (size_t)size * 6), *to = from + size, *in = from + 2 * size, *out = from + 3 * size, *in_at = from + 4 * size, *out_at = from + 5 * size;
  for (int r = 0, got = 0; r < size; r++) {
    if (need[r] > 0) from[sources] = r, in[sources] = need[r], in_at[sources++] = got, got += need[r];
    if (give[r] > 0) to[targets] = r, out[targets] = give[r], out_at[targets++] = total, total += give[r];
  }
  int *asked = malloc(sizeof *asked * ((size_t)total + 1));
  MPI_Comm back, graph;
  MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, targets, to, MPI_UNWEIGHTED, sources, from, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &back);
  MPI_Neighbor_alltoallv(wanted, in, in_at, MPI_INT, asked, out, out_at, MPI_INT, back);
  MPI_Comm_free(&back);
  MPI_Dist_graph_create_adjacent(MPI_COMM_WORLD, sources, from, MPI_UNWEIGHTED, targets, to, MPI_UNWEIGHTED, MPI_INFO_NULL, 0, &graph);

  double *old = malloc(sizeof *old * (size_t)(mine + ghosts)), *next = malloc(sizeof *next * (size_t)(mine + ghosts)), *packed = malloc(sizeof *packed * ((size_t)total + 1));
  for (int v = 0; v < mine; v++) old[v] = initial(start + v);
  double began = MPI_Wtime();
  for (int step = 0; step < steps; step++) {
    for (int i = 0; i < total; i++) packed[i] = old[asked[i] - start];
    MPI_Neighbor_alltoallv(packed, out, out_at, MPI_DOUBLE, old + mine, in, in_at, MPI_DOUBLE, graph);
    for (int v = 0; v < mine; v++) {
      double sum = 0;
      for (int k = 0; k < DEGREE; k++) sum += old[local[neighbour(start + v, k, n)]];
      next[v] = 0.5 * old[v] + 0.5 * sum / DEGREE;
    }
    double *swap = old;
    old = next;
    next = swap;
  }
  double seconds = MPI_Wtime() - began;

  double *alone = malloc(sizeof *alone * (size_t)n * 2), *then = alone + n;
  for (int v = 0; v < n; v++) alone[v] = initial(v);
  double *a = alone, *b = then;
  for (int step = 0; step < steps; step++) {
    for (int v = 0; v < n; v++) {
      double sum = 0;
      for (int k = 0; k < DEGREE; k++) sum += a[neighbour(v, k, n)];
      b[v] = 0.5 * a[v] + 0.5 * sum / DEGREE;
    }
    double *swap = a;
    a = b;
    b = swap;
  }
  int wrong = 0, any, most;
  for (int v = 0; v < mine; v++) wrong += old[v] != a[start + v];
  MPI_Reduce(&wrong, &any, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  MPI_Reduce(&ghosts, &most, 1, MPI_INT, MPI_MAX, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("%d vertices, at most %d of them halo, %d steps in %.3f s: %s\n", n, most, steps, seconds, any == 0 ? "verified" : "WRONG");
  MPI_Comm_free(&graph);
  int bad = rank == 0 && any != 0;
  MPI_Finalize();
  return bad;
}
