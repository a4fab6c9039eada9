/* A program without mistakes: neighbours exchange columns whose bounds overlap, in place reductions, its own operation, everything is freed. */
#include <mpi.h>
#include <stdio.h>

static void largest(void *in, void *inout, int *count, MPI_Datatype *type)
{
  (void)type;
  for (int i = 0; i < *count; i++)
    if (((double *)in)[i] > ((double *)inout)[i]) ((double *)inout)[i] = ((double *)in)[i];
}

int main(int argc, char **argv)
{
  double a[4][4] = {{0}};
  int rank, size;
  MPI_Datatype column;
  MPI_Request requests[4];
  MPI_Op op;
  MPI_Win win;
  MPI_Group group;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int right = (rank + 1) % size, left = (rank + size - 1) % size;
  MPI_Type_vector(4, 1, 4, MPI_DOUBLE, &column);
  MPI_Type_commit(&column);
  MPI_Irecv(&a[0][0], 1, column, left, 0, MPI_COMM_WORLD, &requests[0]);
  MPI_Irecv(&a[0][3], 1, column, right, 1, MPI_COMM_WORLD, &requests[1]);
  MPI_Isend(&a[0][2], 1, column, right, 0, MPI_COMM_WORLD, &requests[2]);
  MPI_Isend(&a[0][1], 1, column, left, 1, MPI_COMM_WORLD, &requests[3]);
  MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
  MPI_Type_free(&column);
  MPI_Op_create(largest, 1, &op);
  MPI_Allreduce(MPI_IN_PLACE, a, 16, MPI_DOUBLE, op, MPI_COMM_WORLD);
  MPI_Op_free(&op);
  MPI_Win_create(a, sizeof a, sizeof(double), MPI_INFO_NULL, MPI_COMM_WORLD, &win);
  MPI_Win_fence(0, win);
  MPI_Win_free(&win);
  MPI_Comm_group(MPI_COMM_WORLD, &group);
  MPI_Group_free(&group);
  MPI_Gather(&rank, 1, MPI_INT, rank == 0 ? (void *)a : NULL, 1, MPI_INT, 0, MPI_COMM_WORLD);
  MPI_Finalize();
  puts("ok");
  return 0;
}
