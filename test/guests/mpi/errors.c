/* Catches: wrong arguments that are not noticed, or whose class is wrong; error handlers; the environment's answers. */
#include "check.h"

static int handled, handled_code;
static void handler(MPI_Comm *comm, int *code, ...) {
  handled++;
  handled_code = *code;
}

static void expect(int code, int wanted, const char *what) {
  int error_class, length;
  char text[MPI_MAX_ERROR_STRING];
  MPI_Error_class(code, &error_class);
  CHECK(error_class == wanted, "%s: class %d, not %d", what, error_class, wanted);
  MPI_Error_string(code, text, &length);
  CHECK(length > 0 && (int)strlen(text) == length, "%s: text of %d", what, length);
}

int main(int argc, char **argv) {
  int flag, value = 0, version, subversion, length;
  char text[MPI_MAX_LIBRARY_VERSION_STRING];
  MPI_Initialized(&flag);
  if (flag) return 1;
  MPI_Get_version(&version, &subversion);
  begin(&argc, &argv);
  CHECK(version >= 3, "version %d", version);
  MPI_Initialized(&flag);
  CHECK(flag, "not initialised");
  MPI_Finalized(&flag);
  CHECK(!flag, "finalised");
  MPI_Get_library_version(text, &length);
  CHECK(length == (int)strlen(text), "library version");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  expect(MPI_Send(&value, 1, MPI_INT, ranks, 0, MPI_COMM_WORLD), MPI_ERR_RANK, "rank too large");
  expect(MPI_Send(&value, 1, MPI_INT, -5, 0, MPI_COMM_WORLD), MPI_ERR_RANK, "negative rank");
  expect(MPI_Recv(&value, 1, MPI_INT, ranks + 3, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE), MPI_ERR_RANK, "source");
  expect(MPI_Send(&value, 1, MPI_INT, 0, -3, MPI_COMM_WORLD), MPI_ERR_TAG, "tag");
  expect(MPI_Send(&value, -1, MPI_INT, 0, 0, MPI_COMM_WORLD), MPI_ERR_COUNT, "count");
  expect(MPI_Send(&value, 1, MPI_DATATYPE_NULL, 0, 0, MPI_COMM_WORLD), MPI_ERR_TYPE, "null type");
  expect(MPI_Send(NULL, 1, MPI_INT, 0, 0, MPI_COMM_WORLD), MPI_ERR_BUFFER, "null buffer");
  MPI_Datatype type;
  MPI_Type_contiguous(2, MPI_INT, &type);
  int pair[2] = {0, 0};
  expect(MPI_Send(pair, 1, type, 0, 0, MPI_COMM_WORLD), MPI_ERR_TYPE, "uncommitted type");
  MPI_Type_free(&type);
  expect(MPI_Bcast(&value, 1, MPI_INT, ranks, MPI_COMM_WORLD), MPI_ERR_ROOT, "root");
  double real = 0, other;
  expect(MPI_Allreduce(&real, &other, 1, MPI_DOUBLE, MPI_BAND, MPI_COMM_WORLD), MPI_ERR_OP, "operation and type");
  expect(MPI_Allreduce(&real, &other, 1, MPI_DOUBLE, MPI_OP_NULL, MPI_COMM_WORLD), MPI_ERR_OP, "null operation");
  expect(MPI_Comm_rank(MPI_COMM_NULL, &value), MPI_ERR_COMM, "null communicator");
  MPI_Errhandler mine;
  MPI_Comm_create_errhandler(handler, &mine);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, mine);
  MPI_Errhandler_free(&mine);
  MPI_Send(&value, 1, MPI_INT, ranks, 0, MPI_COMM_WORLD);
  CHECK(handled == 1, "the handler ran %d times", handled);
  expect(handled_code, MPI_ERR_RANK, "code in the handler");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
  double start = MPI_Wtime();
  while (MPI_Wtime() - start < 0.01) {
  }
  CHECK(MPI_Wtick() > 0 && MPI_Wtick() < 1, "tick");
  return end();
}
