/*
 * A one-dimensional complex Fourier transform over all ranks by the transpose method: seen as a matrix of r x c, columns are transformed, multiplied
 * with roots of unity and transposed, rows are transformed. All communication is three transposes by MPI_Alltoall with derived datatypes.
 * Verifies against the known transform of two waves, and Parseval's sum.
 *
 *   verbena run -n 4 examples/fft.c -- 10        (a side of 2^10: 2^20 points)
 */
#include <complex.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

typedef double complex point;

/* Radix 2, in place; n is a power of 2. */
static void transform(point *x, int n)
{
  for (int i = 1, j = 0; i < n; i++) {
    int bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      point swap = x[i];
      x[i] = x[j];
      x[j] = swap;
    }
  }
  for (int length = 2; length <= n; length *= 2)
    for (int start = 0; start < n; start += length)
      for (int k = 0; k < length / 2; k++) {
        point even = x[start + k], odd = x[start + k + length / 2] * cexp(-2 * M_PI * I * k / length);
        x[start + k] = even + odd;
        x[start + k + length / 2] = even - odd;
      }
}

/* A side x side matrix in blocks of rows. The block for a rank is sent column by column, so that it arrives transposed. */
static void transpose(point *a, point *b, int side, int rows, MPI_Comm comm)
{
  int size;
  MPI_Datatype column, out, in, block;
  MPI_Comm_size(comm, &size);
  MPI_Type_vector(rows, 1, side, MPI_C_DOUBLE_COMPLEX, &column);
  MPI_Type_create_hvector(rows, 1, sizeof(point), column, &block);
  MPI_Type_create_resized(block, 0, (MPI_Aint)sizeof(point) * rows, &out);
  MPI_Type_free(&block);
  MPI_Type_vector(rows, rows, side, MPI_C_DOUBLE_COMPLEX, &block);
  MPI_Type_create_resized(block, 0, (MPI_Aint)sizeof(point) * rows, &in);
  MPI_Type_commit(&out);
  MPI_Type_commit(&in);
  MPI_Alltoall(a, 1, out, b, 1, in, comm);
  MPI_Type_free(&column);
  MPI_Type_free(&block);
  MPI_Type_free(&out);
  MPI_Type_free(&in);
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size, side = 1 << (argc > 1 ? atoi(argv[1]) : 8);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (side % size != 0) {
    if (rank == 0) fprintf(stderr, "fft: %d rows cannot be shared by %d ranks\n", side, size);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  int rows = side / size;
  long n = (long)side * side;
  point *a = malloc(sizeof(point) * (size_t)rows * (size_t)side), *b = malloc(sizeof(point) * (size_t)rows * (size_t)side);

  /* Two waves of frequencies f and g. Point j of the input is row j / side, column j % side. */
  const long f = 5, g = n / 3;
  double energy[2] = {0, 0}, all[2];
  for (long i = 0; i < (long)rows * side; i++) {
    long j = (long)rank * rows * side + i;
    a[i] = cexp(2 * M_PI * I * (double)((j * f) % n) / (double)n) + 0.5 * cexp(2 * M_PI * I * (double)(((long long)j * g) % n) / (double)n);
    energy[0] += creal(a[i] * conj(a[i]));
  }
  double began = MPI_Wtime();
  transpose(a, b, side, rows, MPI_COMM_WORLD);
  for (int r = 0; r < rows; r++) {
    transform(b + (size_t)r * side, side);
    for (int c = 0; c < side; c++) b[(size_t)r * side + c] *= cexp(-2 * M_PI * I * (double)(((long)rank * rows + r) * c) / (double)n);
  }
  transpose(b, a, side, rows, MPI_COMM_WORLD);
  for (int r = 0; r < rows; r++) transform(a + (size_t)r * side, side);
  transpose(a, b, side, rows, MPI_COMM_WORLD);
  double seconds = MPI_Wtime() - began, worst = 0, largest;

  for (long i = 0; i < (long)rows * side; i++) {
    long k = (long)rank * rows * side + i;
    double expected = k == f ? (double)n : k == g ? 0.5 * (double)n : 0;
    worst = fmax(worst, cabs(b[i] - expected) / (double)n);
    energy[1] += creal(b[i] * conj(b[i])) / (double)n;
  }
  MPI_Reduce(&worst, &largest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  MPI_Reduce(energy, all, 2, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  int good = rank != 0 || (largest < 1e-9 && fabs(all[0] - all[1]) < 1e-9 * all[0]);
  if (rank == 0) printf("%ld points in %.3f s, largest error %.1e: %s\n", n, seconds, largest, good ? "verified" : "WRONG");
  free(a);
  free(b);
  MPI_Finalize();
  return !good;
}
