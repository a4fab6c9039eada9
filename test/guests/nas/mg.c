/*
 * MG, the multigrid kernel of the NAS Parallel Benchmarks: V-cycles for a Poisson equation on a periodic cube. The cube is cut along z, and
 * ranks exchange the planes at their borders after each operator. Grids too coarse for two planes per rank are held whole by everyone: an
 * Allgather brings the residual, and what follows costs less than a message.
 */
#include "nas.h"
#include <string.h>

enum { MOST_LEVELS = 9, CHARGES = 10 };

struct problem {
  char class;
  int levels, cycles;
  double smoother[3];
  double norm;
};

static const struct problem problems[] = {
  {'S', 5, 4, {-3.0 / 8, 1.0 / 32, -1.0 / 64}, 0.5307707005734e-04},
  {'W', 7, 4, {-3.0 / 8, 1.0 / 32, -1.0 / 64}, 0.6467329375339e-05},
  {'A', 8, 4, {-3.0 / 8, 1.0 / 32, -1.0 / 64}, 0.2433365309069e-05},
  {'B', 8, 20, {-3.0 / 17, 1.0 / 33, -1.0 / 61}, 0.1800564401355e-05},
};

/* A level's fields have a border of one point on every side; x runs fastest. `whole` says that every rank has all planes. */
struct level {
  int n, planes, first, whole;
  double *u, *r;
};

static int rank, size;
static struct level levels[MOST_LEVELS];
static double *side, *diagonal; /* sums over the four neighbours of a row's points in y and z, and over the four across the corner */

static double *allocate(size_t numbers)
{
  double *memory = calloc(numbers, sizeof *memory);
  if (!memory) {
    fprintf(stderr, "MG: rank %d cannot allocate %zu numbers\n", rank, numbers);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

static inline size_t plane_size(const struct level *l) { return (size_t)(l->n + 2) * (l->n + 2); }
static inline double *row(const struct level *l, double *field, int z, int y) { return field + (z + 1) * plane_size(l) + (size_t)(y + 1) * (l->n + 2) + 1; }

/* Fills the border: x and y from the other side of the same rank, z from the neighbours. */
static void exchange(const struct level *l, double *field)
{
  int n = l->n;
  for (int z = 0; z < l->planes; z++) {
    for (int y = 0; y < n; y++) {
      double *line = row(l, field, z, y);
      line[-1] = line[n - 1];
      line[n] = line[0];
    }
    memcpy(row(l, field, z, -1) - 1, row(l, field, z, n - 1) - 1, (size_t)(n + 2) * sizeof *field);
    memcpy(row(l, field, z, n) - 1, row(l, field, z, 0) - 1, (size_t)(n + 2) * sizeof *field);
  }
  size_t points = plane_size(l);
  double *below = field, *lowest = field + points, *highest = field + l->planes * points, *above = highest + points;
  if (l->whole || size == 1) {
    memcpy(below, highest, points * sizeof *field);
    memcpy(above, lowest, points * sizeof *field);
    return;
  }
  int up = (rank + 1) % size, down = (rank + size - 1) % size;
  MPI_Request requests[4];
  MPI_Irecv(below, (int)points, MPI_DOUBLE, down, 1, MPI_COMM_WORLD, &requests[0]);
  MPI_Irecv(above, (int)points, MPI_DOUBLE, up, 2, MPI_COMM_WORLD, &requests[1]);
  MPI_Isend(highest, (int)points, MPI_DOUBLE, up, 1, MPI_COMM_WORLD, &requests[2]);
  MPI_Isend(lowest, (int)points, MPI_DOUBLE, down, 2, MPI_COMM_WORLD, &requests[3]);
  MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
}

/* The two sums of the stencil for one row, border included. */
static void neighbours(const struct level *l, double *field, int z, int y)
{
  const double *north = row(l, field, z, y + 1) - 1, *south = row(l, field, z, y - 1) - 1;
  const double *above = row(l, field, z + 1, y) - 1, *below = row(l, field, z - 1, y) - 1;
  const double *an = row(l, field, z + 1, y + 1) - 1, *as = row(l, field, z + 1, y - 1) - 1;
  const double *bn = row(l, field, z - 1, y + 1) - 1, *bs = row(l, field, z - 1, y - 1) - 1;
  for (int x = 0; x < l->n + 2; x++) {
    side[x] = south[x] + north[x] + below[x] + above[x];
    diagonal[x] = bs[x] + bn[x] + as[x] + an[x];
  }
}

/* r = v - A u; r and v may be the same. */
static void residual(const struct level *l, double *u, double *v, double *r)
{
  const double a0 = -8.0 / 3, a2 = 1.0 / 6, a3 = 1.0 / 12;
  for (int z = 0; z < l->planes; z++)
    for (int y = 0; y < l->n; y++) {
      neighbours(l, u, z, y);
      const double *at = row(l, u, z, y), *right = row(l, v, z, y), *s = side + 1, *d = diagonal + 1;
      double *out = row(l, r, z, y);
      for (int x = 0; x < l->n; x++) out[x] = right[x] - a0 * at[x] - a2 * (d[x] + s[x - 1] + s[x + 1]) - a3 * (d[x - 1] + d[x + 1]);
    }
  exchange(l, r);
}

/* u = u + S r */
static void smooth(const struct level *l, double *r, double *u, const double *c)
{
  for (int z = 0; z < l->planes; z++)
    for (int y = 0; y < l->n; y++) {
      neighbours(l, r, z, y);
      const double *at = row(l, r, z, y), *s = side + 1, *d = diagonal + 1;
      double *out = row(l, u, z, y);
      for (int x = 0; x < l->n; x++)
        out[x] += c[0] * at[x] + c[1] * (at[x - 1] + at[x + 1] + s[x]) + c[2] * (d[x] + s[x - 1] + s[x + 1]);
    }
  exchange(l, u);
}

/* The coarse residual: full weighting around the fine point 2 j + 1 of each direction. */
static void restrict_residual(const struct level *fine, const struct level *coarse)
{
  int planes = fine->planes / 2, offset = coarse->whole ? (fine->whole ? 0 : fine->first / 2) : 0;
  for (int z = 0; z < planes; z++)
    for (int y = 0; y < coarse->n; y++) {
      neighbours(fine, fine->r, 2 * z + 1, 2 * y + 1);
      const double *at = row(fine, fine->r, 2 * z + 1, 2 * y + 1), *s = side + 1, *d = diagonal + 1;
      double *out = row(coarse, coarse->r, offset + z, y);
      for (int x = 0; x < coarse->n; x++) {
        int i = 2 * x + 1;
        out[x] = 0.5 * at[i] + 0.25 * (at[i - 1] + at[i + 1] + s[i]) + 0.125 * (s[i - 1] + s[i + 1] + d[i]) + 0.0625 * (d[i - 1] + d[i + 1]);
      }
    }
  if (coarse->whole && !fine->whole && size > 1) {
    int count = (int)(planes * plane_size(coarse));
    MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, coarse->r + plane_size(coarse), count, MPI_DOUBLE, MPI_COMM_WORLD);
  }
  exchange(coarse, coarse->r);
}

/* Adds the coarse correction, interpolated along the three directions, to the fine one. */
static void interpolate(const struct level *coarse, const struct level *fine)
{
  int offset = coarse->whole && !fine->whole ? fine->first / 2 : 0;
  for (int z = 0; z < fine->planes; z++)
    for (int y = 0; y < fine->n; y++) {
      /* Odd points lie on coarse ones, even points between two. */
      int z1 = offset + z / 2, y1 = y / 2, z0 = z % 2 ? z1 : z1 - 1, y0 = y % 2 ? y1 : y1 - 1;
      const double *a = row(coarse, coarse->u, z0, y0), *b = row(coarse, coarse->u, z0, y1);
      const double *c = row(coarse, coarse->u, z1, y0), *d = row(coarse, coarse->u, z1, y1);
      for (int x = -1; x < coarse->n; x++) side[x + 1] = 0.25 * (a[x] + b[x] + c[x] + d[x]);
      double *out = row(fine, fine->u, z, y);
      for (int x = 0; x < coarse->n; x++) {
        out[2 * x] += 0.5 * (side[x] + side[x + 1]);
        out[2 * x + 1] += side[x + 1];
      }
    }
  exchange(fine, fine->u);
}

static void clear(const struct level *l, double *field) { memset(field, 0, (l->planes + 2) * plane_size(l) * sizeof *field); }

static void cycle(int finest, double *v, const double *smoother)
{
  for (int k = finest; k > 1; k--) restrict_residual(&levels[k], &levels[k - 1]);
  clear(&levels[1], levels[1].u);
  smooth(&levels[1], levels[1].r, levels[1].u, smoother);
  for (int k = 2; k <= finest; k++) {
    struct level *l = &levels[k];
    if (k < finest) clear(l, l->u);
    interpolate(&levels[k - 1], l);
    residual(l, l->u, k < finest ? l->r : v, l->r);
    smooth(l, l->r, l->u, smoother);
  }
}

struct charge { double value; long long at; };

/* Keeps the ten outermost numbers in order; `sign` 1 for the largest, -1 for the smallest. */
static void keep(struct charge *best, double value, long long at, double sign)
{
  if (sign * value <= sign * best[CHARGES - 1].value) return;
  int i = CHARGES - 1;
  for (; i > 0 && sign * value > sign * best[i - 1].value; i--) best[i] = best[i - 1];
  best[i] = (struct charge){value, at};
}

/* The right side is zero but for +1 at the ten largest numbers of a random field, and -1 at the ten smallest. */
static void charges(const struct level *l, double *v)
{
  long long points = (long long)l->planes * l->n * l->n, start = (long long)l->first * l->n * l->n;
  struct charge found[2][CHARGES];
  for (int i = 0; i < CHARGES; i++) found[0][i] = (struct charge){-1, 0}, found[1][i] = (struct charge){2, 0};
  uint64_t seed = (314159265ull * nas_power(NAS_A, (uint64_t)start)) & NAS_MASK;
  for (long long i = 0; i < points; i++) {
    double value = nas_next(&seed, NAS_A);
    keep(found[0], value, start + i, 1);
    keep(found[1], value, start + i, -1);
  }
  struct charge *all = malloc((size_t)size * sizeof found);
  if (!all) MPI_Abort(MPI_COMM_WORLD, 2);
  MPI_Allgather(found, sizeof found, MPI_BYTE, all, sizeof found, MPI_BYTE, MPI_COMM_WORLD);
  for (int r = 0; r < size; r++)
    for (int i = 0; r != rank && i < 2 * CHARGES; i++) keep(found[i / CHARGES], all[r * 2 * CHARGES + i].value, all[r * 2 * CHARGES + i].at, i < CHARGES ? 1 : -1);
  free(all);
  clear(l, v);
  for (int i = 0; i < 2 * CHARGES; i++) {
    long long at = found[i / CHARGES][i % CHARGES].at - start;
    if (at >= 0 && at < points) row(l, v, (int)(at / l->n / l->n), (int)(at / l->n % l->n))[at % l->n] = i < CHARGES ? 1 : -1;
  }
  exchange(l, v);
}

static double norm(const struct level *l)
{
  double mine = 0, all;
  for (int z = 0; z < l->planes; z++)
    for (int y = 0; y < l->n; y++)
      for (int x = 0; x < l->n; x++) mine += row(l, l->r, z, y)[x] * row(l, l->r, z, y)[x];
  MPI_Allreduce(&mine, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sqrt(all / ((double)l->n * l->n * l->n));
}

static void make_levels(int finest)
{
  for (int k = 1; k <= finest; k++) {
    struct level *l = &levels[k];
    l->n = 1 << k;
    l->whole = k < finest && l->n < 2 * size;
    l->planes = l->whole ? l->n : l->n / size;
    l->first = l->whole ? 0 : rank * l->planes;
    l->u = allocate((l->planes + 2) * plane_size(l));
    l->r = allocate((l->planes + 2) * plane_size(l));
  }
  side = allocate((size_t)levels[finest].n + 2);
  diagonal = allocate((size_t)levels[finest].n + 2);
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
    if (problems[i].class == class) p = &problems[i];
  if (!p || size & (size - 1) || 2 * size > 1 << p->levels) {
    if (rank == 0 && p) fprintf(stderr, "MG: the number of ranks must be a power of two, at most %d\n", 1 << (p->levels - 1));
    MPI_Finalize();
    return rank == 0 && !p ? nas_unknown_class("MG", class) : EXIT_FAILURE;
  }
  int finest = p->levels;
  make_levels(finest);
  struct level *top = &levels[finest];
  double *v = allocate((top->planes + 2) * plane_size(top));
  charges(top, v);
  residual(top, top->u, v, top->r);
  cycle(finest, v, p->smoother); /* an untimed round touches all memory */

  clear(top, top->u);
  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  residual(top, top->u, v, top->r);
  for (int i = 0; i < p->cycles; i++) {
    cycle(finest, v, p->smoother);
    residual(top, top->u, v, top->r);
  }
  double found = norm(top), mine = MPI_Wtime() - started, seconds;
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  int verified = fabs(found - p->norm) / p->norm <= 1e-8, code = verified ? EXIT_SUCCESS : EXIT_FAILURE;
  if (rank == 0) {
    printf("norm of the residual: %.13e\n", found);
    code = nas_report("MG", class, size, seconds, 58.0 * p->cycles * pow(top->n, 3), verified);
  }
  MPI_Finalize();
  return code;
}
