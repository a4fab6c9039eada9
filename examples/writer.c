/*
 * Writes a distributed matrix to one file with MPI-IO, in the order that a serial program would: each rank sees its block through a view of a
 * subarray and writes it collectively. Reads it back with another distribution and verifies.
 *
 *   verbena run -n 6 --out results/ examples/writer.c -- 240 180
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static double value(int row, int column) { return row * 1000.0 + column; }

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, size, grid[2] = {0, 0}, periodic[2] = {0, 0}, place[2];
  int whole[2] = {argc > 2 ? atoi(argv[1]) : 120, argc > 2 ? atoi(argv[2]) : 90};
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Dims_create(size, 2, grid);
  MPI_Comm mesh;
  MPI_Cart_create(MPI_COMM_WORLD, 2, grid, periodic, 0, &mesh);
  MPI_Comm_rank(mesh, &rank);
  MPI_Cart_coords(mesh, rank, 2, place);

  /* The first ranks of each direction take what does not divide evenly. */
  int part[2], start[2];
  for (int d = 0; d < 2; d++) {
    start[d] = (int)((long)whole[d] * place[d] / grid[d]);
    part[d] = (int)((long)whole[d] * (place[d] + 1) / grid[d]) - start[d];
  }
  double *block = malloc(sizeof *block * (size_t)part[0] * (size_t)part[1]);
  for (int i = 0; i < part[0]; i++)
    for (int j = 0; j < part[1]; j++) block[i * part[1] + j] = value(start[0] + i, start[1] + j);

  MPI_Datatype piece;
  MPI_Type_create_subarray(2, whole, part, start, MPI_ORDER_C, MPI_DOUBLE, &piece);
  MPI_Type_commit(&piece);
  MPI_File file;
  MPI_File_open(mesh, "matrix.bin", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
  MPI_File_set_view(file, 0, MPI_DOUBLE, piece, "native", MPI_INFO_NULL);
  double began = MPI_Wtime();
  MPI_File_write_all(file, block, part[0] * part[1], MPI_DOUBLE, MPI_STATUS_IGNORE);
  MPI_File_sync(file);
  double seconds = MPI_Wtime() - began;

  /* Back by whole rows: rank r has those whose number is r modulo the ranks. */
  MPI_Barrier(mesh);
  MPI_File_set_view(file, 0, MPI_DOUBLE, MPI_DOUBLE, "native", MPI_INFO_NULL);
  double *row = malloc(sizeof *row * (size_t)whole[1]);
  int wrong = 0, any;
  for (int i = rank; i < whole[0]; i += size) {
    MPI_File_read_at(file, (MPI_Offset)i * whole[1], row, whole[1], MPI_DOUBLE, MPI_STATUS_IGNORE);
    for (int j = 0; j < whole[1]; j++) wrong += row[j] != value(i, j);
  }
  MPI_Offset bytes;
  MPI_File_get_size(file, &bytes);
  wrong += bytes != (MPI_Offset)(sizeof(double)) * whole[0] * whole[1];
  MPI_File_close(&file);
  MPI_Reduce(&wrong, &any, 1, MPI_INT, MPI_SUM, 0, mesh);
  if (rank == 0) printf("%d x %d matrix from a grid of %d x %d ranks in %.3f s: %s\n", whole[0], whole[1], grid[0], grid[1], seconds, any == 0 ? "verified" : "WRONG");
  free(block);
  free(row);
  MPI_Type_free(&piece);
  MPI_Comm_free(&mesh);
  int bad = rank == 0 && any != 0;
  MPI_Finalize();
  return bad;
}
