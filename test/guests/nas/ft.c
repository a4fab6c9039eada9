/*
 * FT, the 3-D FFT kernel of the NAS Parallel Benchmarks: solves a heat equation by spectra. A random field is transformed once; each step
 * multiplies the spectrum by a Gaussian and transforms it back. The field is cut along z; to transform along z it is cut along y, and one
 * Alltoall turns one into the other, so the kernel measures how fast all ranks exchange everything.
 *
 * The sign of the forward transform is of no consequence, because the Gaussian is even.
 */
#include "nas.h"
#include <string.h>

enum { STEPS = 6, LANES = 16, MOST_POINTS = 512 };

typedef struct { double re, im; } complex;

struct problem {
  char class;
  int nx, ny, nz;
  complex sums[STEPS];
};

static const struct problem problems[] = {
  {'S', 64, 64, 64,
   {{5.546087004964e+02, 4.845363331978e+02}, {5.546385409190e+02, 4.865304269511e+02}, {5.546148406171e+02, 4.883910722337e+02},
    {5.545423607415e+02, 4.901273169046e+02}, {5.544255039624e+02, 4.917475857993e+02}, {5.542683411902e+02, 4.932597244941e+02}}},
  {'W', 128, 128, 32,
   {{5.673612178944e+02, 5.293246849175e+02}, {5.631436885271e+02, 5.282149986629e+02}, {5.594024089970e+02, 5.270996558037e+02},
    {5.560698047020e+02, 5.260027904925e+02}, {5.530898991250e+02, 5.249400845633e+02}, {5.504159734538e+02, 5.239212247086e+02}}},
  {'A', 256, 256, 128,
   {{5.046735008193e+02, 5.114047905510e+02}, {5.059412319734e+02, 5.098809666433e+02}, {5.069376896287e+02, 5.098144042213e+02},
    {5.077892868474e+02, 5.101336130759e+02}, {5.085233095391e+02, 5.104914655194e+02}, {5.091487099959e+02, 5.107917842803e+02}}},
};

static int rank, size;
static int nx, ny, nz, my_ny, my_nz;
static complex roots[MOST_POINTS];        /* exp(2 pi i k / MOST_POINTS) */
static complex work[2][MOST_POINTS * LANES];

static complex *allocate(size_t points)
{
  complex *memory = malloc(points * sizeof *memory);
  if (!memory) {
    fprintf(stderr, "FT: rank %d cannot allocate %zu points\n", rank, points);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

/* One stage of Stockham's self-sorting transform of LANES lines of n points: butterflies over distance n/2, `groups` twiddles of `run` each. */
static void stage(const complex *from, complex *to, int n, int groups, int run, double sign)
{
  for (int g = 0; g < groups; g++) {
    complex w = roots[g * (MOST_POINTS / (2 * groups))];
    w.im *= sign;
    for (int r = 0; r < run; r++) {
      const complex *a = from + (size_t)(g * run + r) * LANES, *b = a + (size_t)(n / 2) * LANES;
      complex *sum = to + (size_t)(2 * g * run + r) * LANES, *difference = sum + (size_t)run * LANES;
      for (int lane = 0; lane < LANES; lane++) {
        double re = a[lane].re - b[lane].re, im = a[lane].im - b[lane].im;
        sum[lane] = (complex){a[lane].re + b[lane].re, a[lane].im + b[lane].im};
        difference[lane] = (complex){re * w.re - im * w.im, re * w.im + im * w.re};
      }
    }
  }
}

/* Transforms the LANES lines in work[0]; returns where the result lies. */
static complex *transform(int n, double sign)
{
  int at = 0;
  for (int groups = n / 2, run = 1; groups >= 1; groups /= 2, run *= 2, at ^= 1) stage(work[at], work[at ^ 1], n, groups, run, sign);
  return work[at];
}

/* Transforms `lines` neighbouring lines of n points that lie `stride` apart. */
static void along_stride(complex *field, int n, size_t stride, size_t lines, double sign)
{
  for (size_t first = 0; first < lines; first += LANES) {
    for (int i = 0; i < n; i++) memcpy(work[0] + (size_t)i * LANES, field + i * stride + first, LANES * sizeof *field);
    const complex *result = transform(n, sign);
    for (int i = 0; i < n; i++) memcpy(field + i * stride + first, result + (size_t)i * LANES, LANES * sizeof *field);
  }
}

/* Transforms rows of nx points that follow one another; the last group may be short. */
static void along_rows(complex *field, size_t rows, double sign)
{
  for (size_t first = 0; first < rows; first += LANES) {
    int count = rows - first < LANES ? (int)(rows - first) : LANES;
    for (int lane = 0; lane < count; lane++)
      for (int i = 0; i < nx; i++) work[0][i * LANES + lane] = field[(first + lane) * nx + i];
    const complex *result = transform(nx, sign);
    for (int lane = 0; lane < count; lane++)
      for (int i = 0; i < nx; i++) field[(first + lane) * nx + i] = result[i * LANES + lane];
  }
}

static void along_x_and_y(complex *field, double sign)
{
  along_rows(field, (size_t)my_nz * ny, sign);
  for (int z = 0; z < my_nz; z++) along_stride(field + (size_t)z * ny * nx, ny, nx, nx, sign);
}

/* From [my z][y][x] to [z][my y][x]: the pieces of all ranks, one behind the other, are in the right order. */
static void cut_along_y(const complex *field, complex *buffer, complex *spectrum)
{
  size_t piece = (size_t)my_ny * nx;
  for (int r = 0; r < size; r++)
    for (int z = 0; z < my_nz; z++)
      memcpy(buffer + ((size_t)r * my_nz + z) * piece, field + (size_t)z * ny * nx + r * piece, piece * sizeof *field);
  int count = (int)(2 * my_nz * piece);
  MPI_Alltoall(buffer, count, MPI_DOUBLE, spectrum, count, MPI_DOUBLE, MPI_COMM_WORLD);
}

static void cut_along_z(const complex *spectrum, complex *buffer, complex *field)
{
  size_t piece = (size_t)my_ny * nx;
  int count = (int)(2 * my_nz * piece);
  MPI_Alltoall(spectrum, count, MPI_DOUBLE, buffer, count, MPI_DOUBLE, MPI_COMM_WORLD);
  for (int r = 0; r < size; r++)
    for (int z = 0; z < my_nz; z++)
      memcpy(field + (size_t)z * ny * nx + r * piece, buffer + ((size_t)r * my_nz + z) * piece, piece * sizeof *field);
}

static void initial_field(complex *field)
{
  size_t points = (size_t)my_nz * ny * nx;
  uint64_t seed = (314159265ull * nas_power(NAS_A, 2 * points * (uint64_t)rank)) & NAS_MASK;
  for (size_t i = 0; i < points; i++) {
    field[i].re = nas_next(&seed, NAS_A);
    field[i].im = nas_next(&seed, NAS_A);
  }
}

static inline int frequency(int i, int n) { return i < n / 2 ? i : i - n; }

/* exp(-4 alpha pi^2 k^2) is a product of one factor for each direction. */
static void gaussian(double *factors, int n)
{
  for (int i = 0; i < n; i++) factors[i] = exp(-4e-6 * M_PI * M_PI * frequency(i, n) * frequency(i, n));
}

static void evolve(complex *spectrum, complex *out, const double *fx, const double *fy, const double *fz)
{
  for (int z = 0; z < nz; z++)
    for (int y = 0; y < my_ny; y++) {
      double factor = fz[z] * fy[rank * my_ny + y];
      size_t row = ((size_t)z * my_ny + y) * nx;
      for (int x = 0; x < nx; x++) {
        spectrum[row + x].re *= factor * fx[x];
        spectrum[row + x].im *= factor * fx[x];
        out[row + x] = spectrum[row + x];
      }
    }
}

static complex checksum(const complex *field)
{
  double mine[2] = {0, 0}, all[2];
  for (int j = 1; j <= 1024; j++) {
    int x = j % nx, y = 3 * j % ny, z = 5 * j % nz - rank * my_nz;
    if (z < 0 || z >= my_nz) continue;
    mine[0] += field[((size_t)z * ny + y) * nx + x].re;
    mine[1] += field[((size_t)z * ny + y) * nx + x].im;
  }
  MPI_Reduce(mine, all, 2, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  double points = (double)nx * ny * nz;
  return (complex){all[0] / points, all[1] / points};
}

static int near(double value, double expected) { return fabs((value - expected) / expected) < 1e-12; }

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
    if (problems[i].class == class) p = &problems[i];
  if (!p || p->nz % size || p->ny % size) {
    if (rank == 0 && p) fprintf(stderr, "FT: the number of ranks must divide %d and %d\n", p->ny, p->nz);
    else if (rank == 0) fprintf(stderr, "FT: class %c is not one of S, W, A\n", class);
    MPI_Finalize();
    return EXIT_FAILURE;
  }
  nx = p->nx, ny = p->ny, nz = p->nz;
  my_ny = ny / size, my_nz = nz / size;
  for (int k = 0; k < MOST_POINTS; k++) roots[k] = (complex){cos(2 * M_PI * k / MOST_POINTS), sin(2 * M_PI * k / MOST_POINTS)};
  size_t points = (size_t)my_nz * ny * nx;
  complex *field = allocate(points), *spectrum = allocate(points), *stepped = allocate(points), *buffer = allocate(points);
  double fx[MOST_POINTS], fy[MOST_POINTS], fz[MOST_POINTS];
  gaussian(fx, nx);
  gaussian(fy, ny);
  gaussian(fz, nz);
  initial_field(field);
  along_x_and_y(field, 1); /* an untimed round touches all memory */
  cut_along_y(field, buffer, spectrum);
  cut_along_z(spectrum, buffer, stepped);

  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  initial_field(field);
  along_x_and_y(field, 1);
  cut_along_y(field, buffer, spectrum);
  along_stride(spectrum, nz, (size_t)my_ny * nx, (size_t)my_ny * nx, 1);
  int right = 0;
  for (int step = 0; step < STEPS; step++) {
    evolve(spectrum, stepped, fx, fy, fz);
    along_stride(stepped, nz, (size_t)my_ny * nx, (size_t)my_ny * nx, -1);
    cut_along_z(stepped, buffer, field);
    along_x_and_y(field, -1);
    complex sum = checksum(field);
    if (rank != 0) continue;
    printf("step %d: checksum %.12e %.12e\n", step + 1, sum.re, sum.im);
    right += near(sum.re, p->sums[step].re) && near(sum.im, p->sums[step].im);
  }
  double mine = MPI_Wtime() - started, seconds;
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  MPI_Bcast(&right, 1, MPI_INT, 0, MPI_COMM_WORLD);
  int code = right == STEPS ? EXIT_SUCCESS : EXIT_FAILURE;
  double total = (double)nx * ny * nz;
  if (rank == 0) code = nas_report("FT", class, size, seconds, total * (14.8157 + 7.19641 * log(total) + (5.23518 + 7.21113 * log(total)) * STEPS), right == STEPS);
  MPI_Finalize();
  return code;
}
