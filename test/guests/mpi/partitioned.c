/* Catches: parts of a partitioned message that are lost, sent too early, or given to another receive (MPI-4.0, chapter 4). */
#include "check.h"

#if MPI_VERSION >= 4 || defined VERBENA_MPI
enum { PARTS = 8, EACH = 700 };
static int out[PARTS * EACH], in[PARTS * EACH];

/* Parts become ready in any order, one by one, in ranges and in lists; the receiver has fewer and longer ones. */
static void in_any_order(int right, int left) {
  MPI_Request requests[2];
  MPI_Psend_init(out, PARTS, EACH, MPI_INT, right, 4, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[0]);
  MPI_Precv_init(in, PARTS / 2, 2 * EACH, MPI_INT, left, 4, MPI_COMM_WORLD, MPI_INFO_NULL, &requests[1]);
  for (int round = 0; round < 6; round++) {
    int flag, list[2] = {7, 0};
    memset(in, 0, sizeof in);
    MPI_Startall(2, requests);
    /* An ordinary message with the same tag does not meet the partitioned receive. */
    MPI_Request ordinary;
    int word = 1000 + me, got = 0;
    MPI_Isend(&word, 1, MPI_INT, right, 4, MPI_COMM_WORLD, &ordinary);
    for (int i = 0; i < PARTS * EACH; i++) out[i] = pattern(me, round, i);
    MPI_Pready(5, requests[0]);
    MPI_Test(&requests[0], &flag, MPI_STATUS_IGNORE);
    CHECK(!flag, "sent with one part of eight");
    MPI_Pready_list(2, list, requests[0]);
    MPI_Pready_range(1, 4, requests[0]);
    MPI_Recv(&got, 1, MPI_INT, left, 4, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK(got == 1000 + left, "the ordinary message is %d", got);
    MPI_Pready(6, requests[0]);
    for (int p = PARTS / 2; p-- > 0;) {
      flag = 0;
      while (!flag) MPI_Parrived(requests[1], p, &flag);
      for (int i = 0; i < 2 * EACH; i++) CHECK(in[p * 2 * EACH + i] == pattern(left, round, p * 2 * EACH + i), "round %d, part %d, element %d", round, p, i);
    }
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    MPI_Wait(&ordinary, MPI_STATUS_IGNORE);
    CHECK(requests[0] != MPI_REQUEST_NULL && requests[1] != MPI_REQUEST_NULL, "a request was freed");
  }
  MPI_Request_free(&requests[0]);
  MPI_Request_free(&requests[1]);
}

static void nobody(void) {
  MPI_Request request;
  MPI_Psend_init(out, 2, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request);
  MPI_Start(&request);
  MPI_Pready_range(0, 1, request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  MPI_Request_free(&request);
}

static void misuse(int right) {
#ifdef VERBENA_MPI
  MPI_Request request, plain;
  int flag;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  CHECK(MPI_Precv_init(in, 1, 1, MPI_INT, MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request) == MPI_ERR_RANK, "any source");
  CHECK(MPI_Precv_init(in, 1, 1, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, MPI_INFO_NULL, &request) == MPI_ERR_TAG, "any tag");
  CHECK(MPI_Psend_init(out, -1, 1, MPI_INT, right, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request) == MPI_ERR_ARG, "partitions");
  CHECK(MPI_Psend_init(out, 2, -1, MPI_INT, right, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request) == MPI_ERR_COUNT, "count");
  MPI_Psend_init(out, 2, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, MPI_INFO_NULL, &request);
  CHECK(MPI_Pready(0, request) == MPI_ERR_REQUEST, "not started");
  MPI_Start(&request);
  CHECK(MPI_Pready(2, request) == MPI_ERR_ARG, "a part that does not exist");
  MPI_Pready(1, request);
  CHECK(MPI_Pready(1, request) == MPI_ERR_ARG, "a part that is ready");
  CHECK(MPI_Parrived(request, 0, &flag) == MPI_ERR_REQUEST, "arrival at the sender");
  MPI_Pready(0, request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  MPI_Request_free(&request);
  MPI_Send_init(out, 1, MPI_INT, right, 0, MPI_COMM_WORLD, &plain);
  CHECK(MPI_Pready(0, plain) == MPI_ERR_REQUEST, "a request without parts");
  MPI_Request_free(&plain);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
#endif
}
#endif

int main(int argc, char **argv) {
  begin(&argc, &argv);
#if MPI_VERSION >= 4 || defined VERBENA_MPI
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  in_any_order(right, left);
  nobody();
  misuse(right);
#endif
  return end();
}
