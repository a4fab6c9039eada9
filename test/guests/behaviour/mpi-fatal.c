/* Catches: a fatal MPI error whose message does not name the call. The argument is the call; the program must not reach its end. */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

static int value, other;
static MPI_Request request, none = MPI_REQUEST_NULL;
static MPI_Status status;
static MPI_Comm made;
static MPI_Datatype type;
static MPI_Win win;
static MPI_Info info = MPI_INFO_NULL;
static MPI_Session session = MPI_SESSION_NULL;

#define CASES(CASE)                                                                              \
  CASE(MPI_Send, (&value, 1, MPI_INT, 5, 0, MPI_COMM_WORLD))                                     \
  CASE(MPI_Isend, (&value, 1, MPI_INT, 0, -3, MPI_COMM_WORLD, &request))                         \
  CASE(MPI_Recv, (&value, -1, MPI_INT, 0, 0, MPI_COMM_WORLD, &status))                           \
  CASE(MPI_Probe, (7, 0, MPI_COMM_WORLD, &status))                                               \
  CASE(MPI_Start, (&none))                                                                       \
  CASE(MPI_Type_contiguous, (-1, MPI_INT, &type))                                                \
  CASE(MPI_Bcast, (&value, 1, MPI_INT, 9, MPI_COMM_WORLD))                                       \
  CASE(MPI_Iallreduce, (&value, &other, 1, MPI_DOUBLE, MPI_BAND, MPI_COMM_WORLD, &request))      \
  CASE(MPI_Allgather, (&value, 1, MPI_DATATYPE_NULL, &other, 1, MPI_INT, MPI_COMM_WORLD))        \
  CASE(MPI_Comm_split, (MPI_COMM_WORLD, -2, 0, &made))                                           \
  CASE(MPI_Comm_dup, (MPI_COMM_NULL, &made))                                                     \
  CASE(MPI_Group_size, (MPI_GROUP_NULL, &value))                                                 \
  CASE(MPI_Cart_coords, (MPI_COMM_WORLD, 0, 1, &value))                                          \
  CASE(MPI_Win_fence, (0, MPI_WIN_NULL))                                                         \
  CASE(MPI_Win_create, (&value, -1, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win))                     \
  CASE(MPI_Info_set, (info, "key", "value"))                                                     \
  CASE(MPI_Comm_spawn, ("x", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &made, MPI_ERRCODES_IGNORE)) \
  CASE(MPI_Comm_accept, ("x", MPI_INFO_NULL, 0, MPI_COMM_WORLD, &made))                          \
  CASE(MPI_Lookup_name, ("nobody", MPI_INFO_NULL, NULL))                                         \
  CASE(MPI_Session_finalize, (&session))                                                         \
  CASE(MPI_Pready, (0, none))                                                                    \
  CASE(MPI_Init, (NULL, NULL))

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
#define RUN(name, arguments) \
  if (argc > 1 && strcmp(argv[1], #name) == 0) name arguments;
  CASES(RUN)
#define SHOW(name, arguments) puts(#name);
  CASES(SHOW)
  MPI_Finalize();
  return 0;
}
