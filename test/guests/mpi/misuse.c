/* Catches: handles that were freed or never made, and collectives whose ranks disagree, that trap or hang instead of raising their class. */
#include "check.h"

static void expect(int code, int wanted, const char *what) {
  int error_class;
  MPI_Error_class(code, &error_class);
  CHECK(error_class == wanted, "%s: class %d, not %d", what, error_class, wanted);
}

#ifdef VERBENA_MPI
static void freed_handles(void) {
  int value = 0, flag;
  MPI_Comm comm, freed_comm;
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  freed_comm = comm;
  MPI_Comm_free(&comm);
  expect(MPI_Barrier(freed_comm), MPI_ERR_COMM, "barrier on a freed communicator");
  expect(MPI_Send(&value, 1, MPI_INT, 0, 0, freed_comm), MPI_ERR_COMM, "send on a freed communicator");
  MPI_Datatype type, freed_type;
  MPI_Type_contiguous(2, MPI_INT, &type);
  MPI_Type_commit(&type);
  freed_type = type;
  MPI_Type_free(&type);
  expect(MPI_Bcast(&value, 0, freed_type, 0, MPI_COMM_WORLD), MPI_ERR_TYPE, "broadcast of a freed datatype");
  expect(MPI_Type_free(&freed_type), MPI_ERR_TYPE, "freeing a datatype twice");
  MPI_Request request, freed_request;
  MPI_Irecv(&value, 1, MPI_INT, me, 1, MPI_COMM_WORLD, &request);
  freed_request = request;
  MPI_Send(&value, 1, MPI_INT, me, 1, MPI_COMM_WORLD);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  expect(MPI_Test(&freed_request, &flag, MPI_STATUS_IGNORE), MPI_ERR_REQUEST, "testing a request that has ended");
  expect(MPI_Start(&freed_request), MPI_ERR_REQUEST, "starting a request that has ended");
  MPI_Group group, freed_group;
  MPI_Comm_group(MPI_COMM_WORLD, &group);
  freed_group = group;
  MPI_Group_free(&group);
  expect(MPI_Group_size(freed_group, &value), MPI_ERR_GROUP, "size of a freed group");
  MPI_Op op = (MPI_Op)0x41000123;
  expect(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT, op, MPI_COMM_WORLD), MPI_ERR_OP, "an operation that was never made");
  expect(MPI_Comm_free_keyval(&value), MPI_ERR_KEYVAL, "freeing a key that was never made");
  expect(MPI_Info_set((MPI_Info)0x70000999, "key", "value"), MPI_ERR_INFO, "an info object that was never made");
  expect(MPI_Win_fence(0, MPI_WIN_NULL), MPI_ERR_WIN, "a null window");
}

static void wrong_arguments(void) {
  int value = 0, dims[2] = {3, 0};
  MPI_Comm made;
  MPI_Request request;
  expect(MPI_Ibcast(&value, 1, MPI_INT, ranks, MPI_COMM_WORLD, &request), MPI_ERR_ROOT, "root of a non-blocking broadcast");
  expect(MPI_Iallreduce(&value, &value, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &request), MPI_ERR_BUFFER, "one buffer for both");
  expect(MPI_Gather(MPI_IN_PLACE, 1, MPI_INT, &value, 1, MPI_INT, (me + 1) % ranks, MPI_COMM_WORLD), ranks > 1 ? MPI_ERR_BUFFER : MPI_SUCCESS,
         "in place away from the root");
  expect(MPI_Neighbor_allgather(&value, 1, MPI_INT, &value, 1, MPI_INT, MPI_COMM_WORLD), MPI_ERR_TOPOLOGY, "neighbours without a topology");
  expect(MPI_Dims_create(7, 2, dims), MPI_ERR_DIMS, "seven nodes in rows of three");
  expect(MPI_Intercomm_merge(MPI_COMM_WORLD, 0, &made), MPI_ERR_COMM, "merging an intra-communicator");
  expect(MPI_Comm_spawn("x", MPI_ARGV_NULL, 1, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &made, MPI_ERRCODES_IGNORE), MPI_ERR_SPAWN, "spawn");
}

/* The root sends more, or less, than the others expect. */
static void mismatch(void) {
  int data[8] = {0};
  if (ranks == 1) return;
  int result = MPI_Bcast(data, me == 0 ? 8 : 4, MPI_INT, 0, MPI_COMM_WORLD);
  /* Those that get it from another than the root get what that one had room for. */
  int from_root = me != 0 && (me & (me - 1)) == 0;
  if (from_root) expect(result, MPI_ERR_TRUNCATE, "a longer broadcast");
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Request request;
  MPI_Ibcast(data, me == 0 ? 8 : 4, MPI_INT, 0, MPI_COMM_WORLD, &request);
  result = MPI_Wait(&request, MPI_STATUS_IGNORE);
  if (from_root) expect(result, MPI_ERR_TRUNCATE, "a longer non-blocking broadcast");
  CHECK(request == MPI_REQUEST_NULL, "the request is still there");
}
#endif

int main(int argc, char **argv) {
  begin(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  expect(MPI_Send(&me, 1, MPI_INT, ranks, 0, MPI_COMM_WORLD), MPI_ERR_RANK, "a rank that does not exist");
#ifdef VERBENA_MPI
  freed_handles();
  wrong_arguments();
  mismatch();
#endif
  return end();
}
