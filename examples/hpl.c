/*
 * High-Performance Linpack: solves a dense system A x = b by LU factorization with partial pivoting, and checks the solution as HPL does.
 *
 * Usage: hpl [N [NB [P Q]]] [spoil]     order of the system, width of a block, the grid of ranks (P x Q of them)
 *
 * A and b, side by side in one array of N x (N + 1) numbers, are dealt in blocks of NB x NB to a grid of P x Q ranks, cyclically in both
 * directions. Each step factors one block of columns (the ranks of one grid column agree on each pivot), broadcasts it along the grid's rows, swaps
 * rows, solves for the block's rows of U, broadcasts those along the grid's columns, and subtracts the product from what is left. b goes
 * through the same steps, so what remains is U x = y. There is no look-ahead.
 *
 * The check is that of HPL 2: the residual in units of the machine's precision, of the norms of A, x and b, and of N must be below 16.
 * `spoil` changes one number half-way, as a lost message would; the check must then fail.
 */
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILE = 4 };                          /* the product is made in tiles of 4 x 4 numbers, which fit into registers */
typedef double pair __attribute__((vector_size(16)));

static int n, nb, p, q, me, my_row, my_column;
static MPI_Comm row, column;                /* the ranks of my grid row, and of my grid column */
static int rows, columns;                   /* of the array that are mine */
static double *a;                           /* my part, column after column */

static double *at(int i, int j) { return a + (size_t)j * rows + i; }

static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(16, (bytes + 31) / 16 * 16);
  if (!memory) {
    fprintf(stderr, "hpl: rank %d cannot allocate %zu bytes\n", me, bytes);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

/* How many of the first `count` indices belong to the rank at `place` of `places`; also the local index of the first that is not among them. */
static int share(int count, int place, int places) {
  int blocks = count / nb, own = blocks / places * nb;
  if (place < blocks % places) own += nb;
  else if (place == blocks % places) own += count % nb;
  return own;
}

static int owner(int index, int places) { return index / nb % places; }
static int local(int index, int places) { return index / nb / places * nb + index % nb; }
static int global(int index, int place, int places) { return (index / nb * places + place) * nb + index % nb; }

/* Row i, column j of [A b], from its position alone: a number in [-0.5, 0.5). */
static double element(int i, int j) {
  uint64_t x = (uint64_t)i * (uint64_t)(n + 1) + (uint64_t)j + 1;
  x *= 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return (double)((x ^ (x >> 31)) >> 11) * 0x1p-53 - 0.5;
}

static void fill(void) {
  for (int j = 0; j < columns; j++)
    for (int i = 0; i < rows; i++) *at(i, j) = element(global(i, my_row, p), global(j, my_column, q));
}

/* Exchanges two rows of [A b] in my columns from `first` up to `end`; `out` and `in` have room for them. */
static void swap_rows(int one, int other, int first, int end, double *out, double *in) {
  if (one == other || end <= first) return;
  int here = owner(one, p), there = owner(other, p);
  if (here == there) {
    if (my_row != here) return;
    int i = local(one, p), k = local(other, p);
    for (int j = first; j < end; j++) {
      double kept = *at(i, j);
      *at(i, j) = *at(k, j);
      *at(k, j) = kept;
    }
    return;
  }
  if (my_row != here && my_row != there) return;
  int i = local(my_row == here ? one : other, p), partner = my_row == here ? there : here;
  for (int j = first; j < end; j++) out[j - first] = *at(i, j);
  MPI_Sendrecv(out, end - first, MPI_DOUBLE, partner, 1, in, end - first, MPI_DOUBLE, partner, 1, column, MPI_STATUS_IGNORE);
  for (int j = first; j < end; j++) *at(i, j) = in[j - first];
}

/* Factors columns k .. k + width, by the ranks of the grid column that has them. Notes each column's pivot row. */
static void factor(int k, int width, int *pivots, double *out, double *in) {
  int left = local(k, q);
  for (int c = 0; c < width; c++) {
    int step = k + c, mine = share(step, my_row, p);
    struct { double size; int row; } best = {-1, n}, all;
    for (int i = mine; i < rows; i++)
      if (fabs(*at(i, left + c)) > best.size) best.size = fabs(*at(i, left + c)), best.row = global(i, my_row, p);
    MPI_Allreduce(&best, &all, 1, MPI_DOUBLE_INT, MPI_MAXLOC, column);
    if (!(all.size > 0)) {
      fprintf(stderr, "hpl: column %d has no pivot: the matrix is singular\n", step);
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
    pivots[c] = all.row;
    swap_rows(step, all.row, left, left + width, out, in);
    double *pivot_row = out;
    if (my_row == owner(step, p))
      for (int j = c; j < width; j++) pivot_row[j] = *at(local(step, p), left + j);
    MPI_Bcast(pivot_row + c, width - c, MPI_DOUBLE, owner(step, p), column);
    double scale = 1 / pivot_row[c];
    int below = share(step + 1, my_row, p);
    for (int i = below; i < rows; i++) *at(i, left + c) *= scale;
    for (int j = c + 1; j < width; j++)
      for (int i = below; i < rows; i++) *at(i, left + j) -= *at(i, left + c) * pivot_row[j];
  }
}

/* The block's rows of U: divides `width` rows of `count` columns by the unit lower triangle that the panel begins with. */
static void solve_rows(const double *triangle, int height, int width, double *u, int count) {
  for (int j = 0; j < count; j++)
    for (int c = 0; c < width; c++)
      for (int i = c + 1; i < width; i++) u[(size_t)j * width + i] -= triangle[(size_t)c * height + i] * u[(size_t)j * width + c];
}

/* Four rows by four columns of C -= L U; L in tiles of four rows, U in tiles of four columns. */
static void tile(const double *l, const double *u, int width, double *c, size_t stride, int height, int count) {
  pair sum[TILE][2] = {{{0, 0}}};
  for (int k = 0; k < width; k++) {
    pair low = *(const pair *)(l + k * TILE), high = *(const pair *)(l + k * TILE + 2);
    for (int j = 0; j < TILE; j++) {
      pair times = {u[k * TILE + j], u[k * TILE + j]};
      sum[j][0] += low * times;
      sum[j][1] += high * times;
    }
  }
  for (int j = 0; j < count; j++)
    for (int i = 0; i < height; i++) c[j * stride + i] -= sum[j][i / 2][i % 2];
}

/* Gathers numbers in tiles: `across` of them side by side, for each of the `width` steps of the product; zeros where there is nothing. */
static void pack(const double *from, size_t step, size_t next, int count, int width, double *to) {
  for (int first = 0; first < count; first += TILE)
    for (int k = 0; k < width; k++)
      for (int i = 0; i < TILE; i++) *to++ = first + i < count ? from[(size_t)(first + i) * next + (size_t)k * step] : 0;
}

static void subtract_product(const double *l, int height, int below, const double *u, int width, int left, double *l_tiles, double *u_tiles) {
  int tall = rows - below, wide = columns - left;
  if (tall <= 0 || wide <= 0) return;
  pack(l + (height - tall), (size_t)height, 1, tall, width, l_tiles);
  pack(u, 1, (size_t)width, wide, width, u_tiles);
  enum { STRIP = 64 }; /* rows at a time, so that their tiles stay in the first cache */
  for (int from = 0; from < tall; from += STRIP)
    for (int j = 0; j < wide; j += TILE)
      for (int i = from; i < tall && i < from + STRIP; i += TILE)
        tile(l_tiles + (size_t)i * width, u_tiles + (size_t)j * width, width, at(below + i, left + j), (size_t)rows, tall - i < TILE ? tall - i : TILE,
             wide - j < TILE ? wide - j : TILE);
}

static void factorize(int spoil) {
  size_t most = (size_t)nb * (size_t)(rows + 2 * TILE), wide = (size_t)nb * (size_t)(columns + 2 * TILE);
  double *panel = allocate(most * sizeof *panel), *u = allocate(wide * sizeof *u);
  double *l_tiles = allocate(most * sizeof *l_tiles), *u_tiles = allocate(wide * sizeof *u_tiles);
  double *out = allocate((size_t)(columns + nb) * sizeof *out), *in = allocate((size_t)(columns + nb) * sizeof *in);
  int *pivots = allocate((size_t)nb * sizeof *pivots);
  for (int k = 0; k < n; k += nb) {
    int width = n - k < nb ? n - k : nb, top = share(k, my_row, p), height = rows - top, home = owner(k, q);
    if (my_column == home) {
      factor(k, width, pivots, out, in);
      for (int c = 0; c < width; c++) memcpy(panel + (size_t)c * height, at(top, local(k, q) + c), (size_t)height * sizeof *panel);
    }
    MPI_Bcast(pivots, width, MPI_INT, home, row);
    MPI_Bcast(panel, height * width, MPI_DOUBLE, home, row);
    int left = share(k + width, my_column, q), count = columns - left, below = share(k + width, my_row, p);
    for (int c = 0; c < width; c++) swap_rows(k + c, pivots[c], left, columns, out, in);
    if (my_row == owner(k, p)) {
      for (int j = 0; j < count; j++) memcpy(u + (size_t)j * width, at(top, left + j), (size_t)width * sizeof *u);
      solve_rows(panel, height, width, u, count);
      for (int j = 0; j < count; j++) memcpy(at(top, left + j), u + (size_t)j * width, (size_t)width * sizeof *u);
    }
    MPI_Bcast(u, count * width, MPI_DOUBLE, owner(k, p), column);
    subtract_product(panel, height, below, u, width, left, l_tiles, u_tiles);
    if (spoil && k <= n / 2 && n / 2 < k + nb && rows > below && columns > left) *at(below, left) += 1e-4;
  }
  free(panel), free(u), free(l_tiles), free(u_tiles), free(out), free(in), free(pivots);
}

/* Solves U x = y from the last block to the first; every rank gets all of x. */
static void substitute(double *x) {
  double *rest = allocate((size_t)rows * sizeof *rest + sizeof *rest), *block = allocate((size_t)nb * sizeof *block);
  for (int i = 0; i < rows; i++) rest[i] = my_column == owner(n, q) ? *at(i, local(n, q)) : 0;
  for (int i = 0; i < n; i++) x[i] = 0;
  for (int k = (n - 1) / nb * nb; k >= 0; k -= nb) {
    int width = n - k < nb ? n - k : nb, home = owner(k, q), top = share(k, my_row, p), left = local(k, q);
    if (my_row == owner(k, p)) MPI_Reduce(rest + top, block, width, MPI_DOUBLE, MPI_SUM, home, row);
    if (my_column != home) continue;
    if (my_row == owner(k, p))
      for (int c = width - 1; c >= 0; c--) {
        block[c] /= *at(top + c, left + c);
        for (int i = 0; i < c; i++) block[i] -= *at(top + i, left + c) * block[c];
      }
    MPI_Bcast(block, width, MPI_DOUBLE, owner(k, p), column);
    for (int c = 0; c < width; c++)
      for (int i = 0; i < top; i++) rest[i] -= *at(i, left + c) * block[c];
    if (my_row == 0) memcpy(x + k, block, (size_t)width * sizeof *x);
  }
  MPI_Allreduce(MPI_IN_PLACE, x, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  free(rest), free(block);
}

static double largest(const double *values, int count) {
  double most = 0, all;
  for (int i = 0; i < count; i++) most = fabs(values[i]) > most || isnan(values[i]) ? fabs(values[i]) : most;
  MPI_Allreduce(&most, &all, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  return all;
}

/* HPL's residual of a solution, with [A b] made anew; true if it is small. A value that is no number is not small. */
static int check(const double *x) {
  fill();
  int own = columns - (my_column == owner(n, q)); /* without b */
  size_t bytes = ((size_t)rows + 1) * sizeof(double);
  double *residual = allocate(bytes), *row_sums = allocate(bytes);
  memset(residual, 0, bytes), memset(row_sums, 0, bytes);
  double b_most = 0, x_most = 0;
  for (int j = 0; j < columns; j++)
    for (int i = 0; i < rows; i++) {
      double value = *at(i, j);
      residual[i] += j < own ? value * x[global(j, my_column, q)] : -value;
      if (j < own) row_sums[i] += fabs(value);
      else if (fabs(value) > b_most) b_most = fabs(value);
    }
  MPI_Allreduce(MPI_IN_PLACE, residual, rows, MPI_DOUBLE, MPI_SUM, row);
  MPI_Allreduce(MPI_IN_PLACE, row_sums, rows, MPI_DOUBLE, MPI_SUM, row);
  MPI_Allreduce(MPI_IN_PLACE, &b_most, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
  int numbers = 1;
  for (int i = 0; i < n; i++) numbers = numbers && !isnan(x[i]), x_most = fabs(x[i]) > x_most ? fabs(x[i]) : x_most;
  double r = largest(residual, rows), a_most = largest(row_sums, rows);
  double scaled = r / (0x1p-53 * (a_most * x_most + b_most) * n);
  int small = scaled < 16 && numbers;
  if (me == 0) printf("||Ax-b||_oo / (eps (||A||_oo ||x||_oo + ||b||_oo) N) = %.7f, must be below 16\n", scaled);
  free(residual), free(row_sums);
  return small;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int size, spoil = argc > 1 && strcmp(argv[argc - 1], "spoil") == 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &me);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  argc -= spoil;
  n = argc > 1 ? atoi(argv[1]) : 512;
  nb = argc > 2 ? atoi(argv[2]) : 32;
  int grid[2] = {argc > 4 ? atoi(argv[3]) : 0, argc > 4 ? atoi(argv[4]) : 0};
  if (argc <= 4) {
    MPI_Dims_create(size, 2, grid);
    int kept = grid[0]; /* at least as wide as tall: swaps cost more than broadcasts */
    grid[0] = grid[1], grid[1] = kept;
  }
  p = grid[0], q = grid[1];
  if (argc == 4 || argc > 5 || n < 1 || nb < 1 || p < 1 || q < 1 || p > size || q > size || p * q != size) {
    if (me == 0) fprintf(stderr, "usage: hpl [N [NB [P Q]]] [spoil], with N and NB from 1, on P x Q ranks (there are %d)\n", size);
    MPI_Finalize();
    return 2;
  }
  my_row = me / q, my_column = me % q;
  MPI_Comm_split(MPI_COMM_WORLD, my_row, my_column, &row);
  MPI_Comm_split(MPI_COMM_WORLD, my_column, my_row, &column);
  rows = share(n, my_row, p);
  columns = share(n + 1, my_column, q);
  a = allocate((size_t)rows * (size_t)columns * sizeof *a);
  double *x = allocate((size_t)n * sizeof *x);
  fill();
  MPI_Barrier(MPI_COMM_WORLD);
  double start = MPI_Wtime();
  factorize(spoil);
  substitute(x);
  double mine = MPI_Wtime() - start, seconds;
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  double operations = 2.0 / 3 * pow(n, 3) + 3.0 / 2 * pow(n, 2);
  if (me == 0) printf("HPL N=%d NB=%d P=%d Q=%d on %d ranks: %.3f s, %.3f GFLOP/s\n", n, nb, p, q, size, seconds, operations / seconds * 1e-9);
  int good = check(x);
  if (me == 0) printf("HPL: VERIFICATION %s\n", good ? "SUCCESSFUL" : "FAILED");
  free(a), free(x);
  MPI_Comm_free(&row);
  MPI_Comm_free(&column);
  MPI_Finalize();
  return good ? 0 : 1;
}
