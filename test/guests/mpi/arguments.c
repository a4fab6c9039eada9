/* Catches: a wrong argument, of any family of calls, that is not noticed, or is noticed as something else; a failed call that leaves a mess. */
#include "check.h"

#ifdef VERBENA_MPI
#define EXPECT(wanted, call)                                                          \
  do {                                                                                \
    int class_;                                                                       \
    MPI_Error_class(call, &class_);                                                   \
    CHECK(class_ == (wanted), "%s gives class %d, not %d", #call, class_, (wanted));  \
  } while (0)

static int value, many[64];
static const MPI_Comm world = MPI_COMM_WORLD;

static void point_to_point(void) {
  MPI_Request request, started;
  MPI_Status status;
  MPI_Message message = MPI_MESSAGE_NULL;
  int flag;
  EXPECT(MPI_ERR_RANK, MPI_Isend(&value, 1, MPI_INT, ranks, 0, world, &request));
  EXPECT(MPI_ERR_RANK, MPI_Send(&value, 1, MPI_INT, MPI_ANY_SOURCE, 0, world));
  EXPECT(MPI_ERR_TAG, MPI_Ssend(&value, 1, MPI_INT, 0, MPI_ANY_TAG, world));
  EXPECT(MPI_ERR_TAG, MPI_Irecv(&value, 1, MPI_INT, 0, -7, world, &request));
  EXPECT(MPI_ERR_COUNT, MPI_Irecv(&value, -1, MPI_INT, 0, 0, world, &request));
  EXPECT(MPI_ERR_TYPE, MPI_Recv(&value, 1, MPI_DATATYPE_NULL, 0, 0, world, &status));
  EXPECT(MPI_ERR_COMM, MPI_Isend(&value, 1, MPI_INT, 0, 0, MPI_COMM_NULL, &request));
  EXPECT(MPI_ERR_ARG, MPI_Isend(&value, 1, MPI_INT, 0, 0, world, NULL));
  EXPECT(MPI_ERR_RANK, MPI_Probe(ranks, 0, world, &status));
  EXPECT(MPI_ERR_TAG, MPI_Iprobe(0, -5, world, &flag, &status));
  EXPECT(MPI_ERR_RANK, MPI_Mprobe(-9, 0, world, &message, &status));
  EXPECT(MPI_ERR_REQUEST, MPI_Mrecv(&value, 1, MPI_INT, &message, &status));
  EXPECT(MPI_ERR_RANK, MPI_Sendrecv(&value, 1, MPI_INT, ranks, 0, many, 1, MPI_INT, 0, 0, world, &status));
  EXPECT(MPI_ERR_BUFFER, MPI_Bsend(&value, 1, MPI_INT, 0, 0, world));
  MPI_Recv_init(&value, 1, MPI_INT, 0, 9, MPI_COMM_SELF, &started);
  MPI_Start(&started);
  EXPECT(MPI_ERR_REQUEST, MPI_Start(&started));
  MPI_Send(many, 1, MPI_INT, 0, 9, MPI_COMM_SELF);
  MPI_Wait(&started, &status);
  MPI_Request_free(&started);
  started = MPI_REQUEST_NULL;
  EXPECT(MPI_ERR_REQUEST, MPI_Request_free(&started));
  EXPECT(MPI_ERR_REQUEST, MPI_Cancel(&started));
  request = (MPI_Request)0x50999999;
  EXPECT(MPI_ERR_REQUEST, MPI_Wait(&request, &status));
  EXPECT(MPI_ERR_COUNT, MPI_Waitall(-1, &request, MPI_STATUSES_IGNORE));
}

/* A message that is too long: the receive fails, and the next message is the next one. */
static void truncation(void) {
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, error_class;
  static int out[60000], in[60000];
  MPI_Request request, receive;
  MPI_Status status;
  static const int lengths[] = {5, 900, 60000};
  for (int k = 0; k < 3; k++) {
    MPI_Isend(out, lengths[k], MPI_INT, right, 1, world, &request);
    EXPECT(MPI_ERR_TRUNCATE, MPI_Recv(in, 4, MPI_INT, left, 1, world, &status));
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Irecv(in, 4, MPI_INT, left, 2, world, &receive);
    MPI_Isend(out, lengths[k], MPI_INT, right, 2, world, &request);
    MPI_Error_class(MPI_Waitall(1, &receive, &status), &error_class);
    CHECK(error_class == MPI_ERR_IN_STATUS && status.MPI_ERROR == MPI_ERR_TRUNCATE, "class %d, status %d", error_class, status.MPI_ERROR);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    out[0] = 77 + me;
    MPI_Sendrecv(out, 1, MPI_INT, right, 1, in, 1, MPI_INT, left, 1, world, MPI_STATUS_IGNORE);
    CHECK(in[0] == 77 + left, "after a message of %d: %d", lengths[k], in[0]);
  }
}

static void datatypes(void) {
  MPI_Datatype type, good;
  MPI_Aint displacements[2] = {0, 4};
  int lengths[2] = {1, -1}, ones[2] = {1, 1}, sizes[2] = {4, 4}, starts[2] = {3, 0}, parts[2] = {2, 2};
  MPI_Datatype types[2] = {MPI_INT, MPI_DATATYPE_NULL};
  EXPECT(MPI_ERR_COUNT, MPI_Type_contiguous(-1, MPI_INT, &type));
  EXPECT(MPI_ERR_TYPE, MPI_Type_contiguous(1, MPI_DATATYPE_NULL, &type));
  EXPECT(MPI_ERR_COUNT, MPI_Type_vector(-2, 1, 1, MPI_INT, &type));
  EXPECT(MPI_ERR_TYPE, MPI_Type_vector(2, 1, 1, (MPI_Datatype)0x32000777, &type));
  EXPECT(MPI_ERR_TYPE, MPI_Type_create_struct(2, ones, displacements, types, &type));
  int failed = MPI_Type_create_hindexed(2, lengths, displacements, MPI_INT, &type);
  CHECK(failed == MPI_ERR_COUNT || failed == MPI_ERR_ARG, "a negative block gives %d", failed);
  failed = MPI_Type_create_subarray(2, sizes, parts, starts, MPI_ORDER_C, MPI_INT, &type);
  CHECK(failed == MPI_ERR_ARG, "a part outside of the array gives %d", failed);
  good = MPI_INT;
  EXPECT(MPI_ERR_TYPE, MPI_Type_free(&good));
  good = MPI_DATATYPE_NULL;
  EXPECT(MPI_ERR_TYPE, MPI_Type_commit(&good));
  EXPECT(MPI_ERR_TYPE, MPI_Type_size(MPI_DATATYPE_NULL, &value));
  int position = 0;
  char small[4];
  failed = MPI_Pack(many, 8, MPI_INT, small, sizeof small, &position, world);
  CHECK(failed != MPI_SUCCESS && position == 0, "packing 32 bytes into 4 gives %d", failed);
}

static void collectives(void) {
  int counts[64], displs[64], bad = ranks;
  MPI_Op op = MPI_SUM;
  MPI_Request request;
  for (int i = 0; i < ranks && i < 64; i++) counts[i] = displs[i] = 0;
  counts[ranks - 1] = -1;
  EXPECT(MPI_ERR_ROOT, MPI_Gather(&value, 1, MPI_INT, many, 1, MPI_INT, bad, world));
  EXPECT(MPI_ERR_ROOT, MPI_Scatter(many, 1, MPI_INT, &value, 1, MPI_INT, -1, world));
  EXPECT(MPI_ERR_ROOT, MPI_Reduce(&value, many, 1, MPI_INT, MPI_SUM, bad, world));
  EXPECT(MPI_ERR_COUNT, MPI_Bcast(&value, -1, MPI_INT, 0, world));
  EXPECT(MPI_ERR_COUNT, MPI_Allgatherv(&value, 0, MPI_INT, many, counts, displs, MPI_INT, world));
  EXPECT(MPI_ERR_COUNT, MPI_Alltoallv(many, counts, displs, MPI_INT, many + 32, displs, displs, MPI_INT, world));
  EXPECT(MPI_ERR_TYPE, MPI_Allgather(&value, 1, MPI_DATATYPE_NULL, many, 1, MPI_INT, world));
  EXPECT(MPI_ERR_OP, MPI_Allreduce(&value, many, 1, MPI_FLOAT, MPI_BXOR, world));
  EXPECT(MPI_ERR_OP, MPI_Scan(&value, many, 1, MPI_INT, MPI_MINLOC, world));
  EXPECT(MPI_ERR_OP, MPI_Exscan(&value, many, 1, MPI_INT, MPI_OP_NULL, world));
  EXPECT(MPI_ERR_OP, MPI_Ireduce_scatter_block(many, &value, 1, MPI_DOUBLE, MPI_BOR, world, &request));
  EXPECT(MPI_ERR_OP, MPI_Op_free(&op));
  EXPECT(MPI_ERR_COMM, MPI_Ibarrier(MPI_COMM_NULL, &request));
  EXPECT(MPI_ERR_ROOT, MPI_Bcast_init(&value, 1, MPI_INT, bad, world, MPI_INFO_NULL, &request));
}

static void groups_and_communicators(void) {
  MPI_Group group, part;
  MPI_Comm made, all = MPI_COMM_WORLD;
  int bad[1] = {ranks}, twice[2] = {0, 0}, range[1][3] = {{0, ranks - 1, 0}}, out[1];
  MPI_Comm_group(world, &group);
  EXPECT(MPI_ERR_RANK, MPI_Group_incl(group, 1, bad, &part));
  if (ranks > 1) EXPECT(MPI_ERR_RANK, MPI_Group_incl(group, 2, twice, &part));
  EXPECT(MPI_ERR_ARG, MPI_Group_range_incl(group, 1, range, &part));
  EXPECT(MPI_ERR_RANK, MPI_Group_translate_ranks(group, 1, bad, group, out));
  EXPECT(MPI_ERR_GROUP, MPI_Group_union(group, MPI_GROUP_NULL, &part));
  EXPECT(MPI_ERR_GROUP, MPI_Comm_create(world, MPI_GROUP_NULL, &made));
  EXPECT(MPI_ERR_ARG, MPI_Comm_split(world, -2, 0, &made));
  EXPECT(MPI_ERR_ARG, MPI_Comm_split_type(world, 77, 0, MPI_INFO_NULL, &made));
  EXPECT(MPI_ERR_COMM, MPI_Comm_free(&all));
  EXPECT(MPI_ERR_COMM, MPI_Comm_dup(MPI_COMM_NULL, &made));
  EXPECT(MPI_ERR_COMM, MPI_Comm_remote_size(world, &value));
  EXPECT(MPI_ERR_ROOT, MPI_Intercomm_create(world, ranks, world, 0, 1, &made));
  EXPECT(MPI_ERR_TAG, MPI_Comm_create_group(world, group, -1, &made));
  EXPECT(MPI_ERR_KEYVAL, MPI_Comm_set_attr(world, 0x7777, &value));
  void *found;
  int flag;
  EXPECT(MPI_ERR_KEYVAL, MPI_Comm_get_attr(world, 0x7777, &found, &flag));
  EXPECT(MPI_ERR_KEYVAL, MPI_Comm_delete_attr(world, MPI_KEYVAL_INVALID));
  MPI_Group_free(&group);
}

static void topologies(void) {
  MPI_Comm made, line;
  int dims[2] = {ranks + 1, 2}, periods[2] = {0, 0}, coords[2] = {99, 0}, negative[1] = {-1}, one[1] = {ranks};
  EXPECT(MPI_ERR_TOPOLOGY, MPI_Cart_coords(world, 0, 2, coords));
  EXPECT(MPI_ERR_TOPOLOGY, MPI_Cart_shift(world, 0, 1, &value, many));
  EXPECT(MPI_ERR_TOPOLOGY, MPI_Graph_neighbors_count(world, 0, &value));
  EXPECT(MPI_ERR_TOPOLOGY, MPI_Dist_graph_neighbors_count(world, &value, many, many + 1));
  int failed = MPI_Cart_create(world, 2, dims, periods, 0, &made);
  CHECK(failed == MPI_ERR_DIMS || failed == MPI_ERR_ARG, "more places than ranks gives %d", failed);
  failed = MPI_Cart_create(world, 1, negative, periods, 0, &made);
  CHECK(failed == MPI_ERR_DIMS || failed == MPI_ERR_ARG, "a negative extent gives %d", failed);
  MPI_Cart_create(world, 1, one, periods, 0, &line);
  MPI_Comm_set_errhandler(line, MPI_ERRORS_RETURN);
  EXPECT(MPI_ERR_RANK, MPI_Cart_coords(line, ranks, 1, coords));
  failed = MPI_Cart_rank(line, coords, &value);
  CHECK(failed == MPI_ERR_ARG || failed == MPI_ERR_RANK, "coordinates outside give %d", failed);
  EXPECT(MPI_ERR_DIMS, MPI_Cart_shift(line, 5, 1, &value, many));
  MPI_Comm_free(&line);
}

static void environment(void) {
  MPI_Info info;
  MPI_Errhandler handler = (MPI_Errhandler)0x60000777;
  char key[MPI_MAX_INFO_KEY + 10];
  void *memory;
  memset(key, 'k', sizeof key);
  key[sizeof key - 1] = 0;
  MPI_Info_create(&info);
  EXPECT(MPI_ERR_INFO_KEY, MPI_Info_set(info, key, "v"));
  EXPECT(MPI_ERR_INFO_NOKEY, MPI_Info_delete(info, "nothing"));
  EXPECT(MPI_ERR_INFO_KEY, MPI_Info_get_nthkey(info, 0, key));
  MPI_Info_free(&info);
  EXPECT(MPI_ERR_INFO, MPI_Info_get_nkeys(info, &value));
  EXPECT(MPI_ERR_ARG, MPI_Comm_set_errhandler(world, handler));
  EXPECT(MPI_ERR_ARG, MPI_Errhandler_free(&handler));
  EXPECT(MPI_ERR_ARG, MPI_Add_error_string(MPI_ERR_RANK, "mine"));
  EXPECT(MPI_ERR_ARG, MPI_Alloc_mem(-1, MPI_INFO_NULL, &memory));
}
#endif

int main(int argc, char **argv) {
  begin(&argc, &argv);
#ifdef VERBENA_MPI
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  point_to_point();
  truncation();
  datatypes();
  collectives();
  groups_and_communicators();
  topologies();
  environment();
  /* After all that everything works. */
  int sum;
  MPI_Allreduce(&me, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  CHECK(sum == ranks * (ranks - 1) / 2, "sum %d", sum);
#endif
  return end();
}
