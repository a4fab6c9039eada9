/* Catches: generalized requests, cancelling, MPI_Isendrecv and error codes of the user that do not follow sections 3.8.4, 8.5 and 12.2. */
#include "check.h"

static int queried, released, cancelled;
static int query(void *extra, MPI_Status *status) {
  queried++;
  MPI_Status_set_elements(status, MPI_INT, *(int *)extra);
  MPI_Status_set_cancelled(status, 0);
  status->MPI_SOURCE = 3;
  status->MPI_TAG = 4;
  return MPI_SUCCESS;
}
static int release(void *extra) {
  released++;
  return MPI_SUCCESS;
}
static int cancel(void *extra, int complete) {
  cancelled += 1 + complete;
  return MPI_SUCCESS;
}

static void generalized(void) {
  int amount = 7, flag, count;
  MPI_Request request;
  MPI_Status status;
  MPI_Grequest_start(query, release, cancel, &amount, &request);
  MPI_Test(&request, &flag, &status);
  CHECK(!flag, "complete before its end");
  MPI_Cancel(&request);
  CHECK(cancelled == 1, "cancelled %d", cancelled);
  MPI_Grequest_complete(request);
  MPI_Request_get_status(request, &flag, &status);
  CHECK(flag && queried == 1 && released == 0, "queried %d, released %d", queried, released);
  MPI_Wait(&request, &status);
  MPI_Get_count(&status, MPI_INT, &count);
  CHECK(count == 7 && status.MPI_SOURCE == 3 && released == 1 && request == MPI_REQUEST_NULL, "count %d, released %d", count, released);
}

static void cancelled_receive(void) {
  int value = 5, flag;
  MPI_Request request;
  MPI_Status status;
  MPI_Irecv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 77, MPI_COMM_WORLD, &request);
  MPI_Cancel(&request);
  MPI_Wait(&request, &status);
  MPI_Test_cancelled(&status, &flag);
  CHECK(flag && value == 5, "the receive was not cancelled");
}

static void exchanged(void) {
#if MPI_VERSION >= 4 || defined VERBENA_MPI
  static int out[5000], in[5000], both[5000];
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  MPI_Request requests[2];
  for (int i = 0; i < 5000; i++) {
    out[i] = pattern(me, 1, i);
    both[i] = pattern(me, 2, i);
  }
  MPI_Isendrecv(out, 5000, MPI_INT, right, 1, in, 5000, MPI_INT, left, 1, MPI_COMM_WORLD, &requests[0]);
  MPI_Isendrecv_replace(both, 5000, MPI_INT, right, 2, left, 2, MPI_COMM_WORLD, &requests[1]);
  MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
  for (int i = 0; i < 5000; i++) CHECK(in[i] == pattern(left, 1, i) && both[i] == pattern(left, 2, i), "element %d", i);
#endif
}

static void codes(void) {
  int error_class, code, got, length, *last, flag;
  char text[MPI_MAX_ERROR_STRING];
  MPI_Add_error_class(&error_class);
  MPI_Add_error_code(error_class, &code);
  MPI_Add_error_string(code, "the tea is cold");
  CHECK(error_class > MPI_ERR_LASTCODE && code > MPI_ERR_LASTCODE, "class %d code %d", error_class, code);
  MPI_Error_class(code, &got);
  CHECK(got == error_class, "class %d", got);
  MPI_Error_string(code, text, &length);
  CHECK(strcmp(text, "the tea is cold") == 0 && length == 15, "text %s", text);
  MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &last, &flag);
  CHECK(flag && *last > MPI_ERR_LASTCODE, "last used code %d", *last);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  generalized();
  cancelled_receive();
  exchanged();
  codes();
  return end();
}
