/* Catches: variables of the tool interface that cannot be found, read or set, that count nothing, or that raise errors (section 14.3). */
#include "check.h"

#ifdef VERBENA_MPI
static MPI_T_pvar_session session;

static unsigned long long now(const char *name, int variable_class) {
  int index, count, result = MPI_T_pvar_get_index(name, variable_class, &index);
  unsigned long long value = 0;
  MPI_T_pvar_handle handle;
  CHECK(result == MPI_SUCCESS, "no variable %s: %d", name, result);
  CHECK(MPI_T_pvar_handle_alloc(session, index, NULL, &handle, &count) == MPI_SUCCESS && count == 1, "no handle for %s", name);
  CHECK(MPI_T_pvar_read(session, handle, &value) == MPI_SUCCESS, "%s cannot be read", name);
  CHECK(MPI_T_pvar_handle_free(session, &handle) == MPI_SUCCESS && handle == MPI_T_PVAR_HANDLE_NULL, "the handle of %s stays", name);
  return value;
}

/* Names can be listed and found again; texts are cut to the room there is. */
static void lists(void) {
  int count, index, length, type_of, bind, scope, verbosity, readonly, continuous, atomic;
  char name[64], text[200], few[4];
  MPI_T_enum values;
  MPI_T_cvar_get_num(&count);
  CHECK(count > 0, "%d control variables", count);
  for (int i = 0; i < count; i++) {
    int name_length = sizeof name, text_length = sizeof text;
    MPI_Datatype type;
    CHECK(MPI_T_cvar_get_info(i, name, &name_length, &verbosity, &type, &values, text, &text_length, &bind, &scope) == MPI_SUCCESS, "variable %d", i);
    CHECK(name_length == (int)strlen(name) + 1 && text_length == (int)strlen(text) + 1, "lengths %d and %d", name_length, text_length);
    CHECK(type == MPI_INT && bind == MPI_T_BIND_NO_OBJECT && values == MPI_T_ENUM_NULL, "%s is no int", name);
    CHECK(MPI_T_cvar_get_index(name, &index) == MPI_SUCCESS && index == i, "%s is found at %d", name, index);
  }
  length = sizeof few;
  MPI_T_cvar_get_info(0, few, &length, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  CHECK(strlen(few) == 3 && length > 4, "%s of %d", few, length);
  length = 0;
  MPI_T_cvar_get_info(0, NULL, &length, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  CHECK(length > 4, "the length is %d", length);
  MPI_T_pvar_get_num(&count);
  for (int i = 0; i < count; i++) {
    int name_length = sizeof name;
    MPI_Datatype type;
    MPI_T_pvar_get_info(i, name, &name_length, &verbosity, &type_of, &type, &values, NULL, NULL, &bind, &readonly, &continuous, &atomic);
    CHECK(type == MPI_UNSIGNED_LONG_LONG && continuous && readonly, "%s", name);
    CHECK(MPI_T_pvar_get_index(name, type_of, &index) == MPI_SUCCESS && index == i, "%s is found at %d", name, index);
    CHECK(MPI_T_pvar_get_index(name, MPI_T_PVAR_CLASS_TIMER, &index) == MPI_T_ERR_INVALID_NAME, "%s is a timer, too", name);
  }
}

/* Every variable is in one category. */
static void categories(void) {
  int count, cvars, pvars, all_cvars, all_pvars, subcategories, index, stamp, list[64];
  char name[64];
  MPI_T_category_get_num(&count);
  MPI_T_cvar_get_num(&all_cvars);
  MPI_T_pvar_get_num(&all_pvars);
  for (int i = 0; i < count; i++) {
    int length = sizeof name;
    MPI_T_category_get_info(i, name, &length, NULL, NULL, &cvars, &pvars, &subcategories);
    CHECK(MPI_T_category_get_index(name, &index) == MPI_SUCCESS && index == i, "category %s is %d", name, index);
    CHECK(subcategories == 0 && cvars + pvars > 0, "category %s is empty", name);
    MPI_T_category_get_pvars(i, 64, list);
    for (int k = 0; k < pvars; k++) CHECK(list[k] >= 0 && list[k] < all_pvars, "variable %d", list[k]);
    all_cvars -= cvars;
    MPI_T_category_get_cvars(i, 64, list);
    for (int k = 1; k < cvars; k++) CHECK(list[k] > list[k - 1], "variable %d is there twice", list[k]);
  }
  for (int i = 0; i < count; i++) {
    MPI_T_category_get_info(i, NULL, NULL, NULL, NULL, NULL, &pvars, NULL);
    all_pvars -= pvars;
  }
  CHECK(all_cvars == 0 && all_pvars == 0, "%d and %d variables are in no category", all_cvars, all_pvars);
  CHECK(MPI_T_category_changed(&stamp) == MPI_SUCCESS, "stamp");
}

static void messages_are_counted(void) {
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, data[10] = {0};
  if (ranks == 1) return;
  unsigned long long sent = now("messages_sent", MPI_T_PVAR_CLASS_COUNTER), bytes = now("bytes_sent", MPI_T_PVAR_CLASS_COUNTER);
  unsigned long long received = now("messages_received", MPI_T_PVAR_CLASS_COUNTER);
  for (int i = 0; i < 7; i++) MPI_Sendrecv(data, 10, MPI_INT, right, 1, data, 10, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  CHECK(now("messages_sent", MPI_T_PVAR_CLASS_COUNTER) == sent + 7, "7 messages and %llu", sent);
  CHECK(now("bytes_sent", MPI_T_PVAR_CLASS_COUNTER) == bytes + 7 * sizeof data, "bytes");
  CHECK(now("messages_received", MPI_T_PVAR_CLASS_COUNTER) >= received + 7, "received");
}

/* Three messages wait until they are received; the one behind them says that they have arrived. */
static void unexpected_messages_are_seen(void) {
  int data[4] = {1, 2, 3, 4}, right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  if (ranks == 1) return;
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Request requests[4];
  for (int i = 0; i < 4; i++) MPI_Isend(data, 4, MPI_INT, right, i, MPI_COMM_WORLD, &requests[i]);
  MPI_Recv(data, 4, MPI_INT, left, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  CHECK(now("unexpected_messages", MPI_T_PVAR_CLASS_LEVEL) >= 3, "messages wait unseen");
  CHECK(now("unexpected_bytes", MPI_T_PVAR_CLASS_LEVEL) >= 3 * sizeof data, "bytes wait unseen");
  for (int i = 0; i < 3; i++) MPI_Recv(data, 4, MPI_INT, left, i, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
  CHECK(now("channels", MPI_T_PVAR_CLASS_LEVEL) < (unsigned long long)ranks, "more channels than ranks");
}

/* Messages that are longer than the limit wait for their receive: a synchronous effect that can be seen at once. */
static void the_eager_limit_can_be_set(void) {
  int index, count, limit, other = 0, scope;
  MPI_T_cvar_handle handle;
  CHECK(MPI_T_cvar_get_index("eager_limit", &index) == MPI_SUCCESS, "no eager limit");
  MPI_T_cvar_get_info(index, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &scope);
  CHECK(scope == MPI_T_SCOPE_LOCAL, "scope %d", scope);
  MPI_T_cvar_handle_alloc(index, NULL, &handle, &count);
  MPI_T_cvar_read(handle, &limit);
  if (ranks > 1) {
    int data[200] = {0}, flag;
    CHECK(MPI_T_cvar_write(handle, &other) == MPI_SUCCESS, "the limit cannot be set");
    MPI_Request request;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Isend(data, 200, MPI_INT, (me + 1) % ranks, 5, MPI_COMM_WORLD, &request);
    for (int i = 0; i < 20; i++) {
      MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
      CHECK(!flag, "a long message left before its receive");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Recv(data, 200, MPI_INT, (me - 1 + ranks) % ranks, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    other = 1 << 30;
    CHECK(MPI_T_cvar_write(handle, &other) == MPI_T_ERR_INVALID, "a limit beyond the buffers");
    CHECK(MPI_T_cvar_write(handle, &limit) == MPI_SUCCESS, "the limit cannot be set back");
  }
  MPI_T_cvar_handle_free(&handle);
  CHECK(handle == MPI_T_CVAR_HANDLE_NULL, "the handle stays");
  MPI_T_cvar_get_index("receive_buffers", &index);
  MPI_T_cvar_handle_alloc(index, NULL, &handle, &count);
  CHECK(MPI_T_cvar_write(handle, &limit) == MPI_T_ERR_CVAR_SET_NEVER, "a constant was set");
  MPI_T_cvar_handle_free(&handle);
}

static void misuse(void) {
  int index, count;
  unsigned long long value;
  MPI_T_pvar_handle handle;
  CHECK(MPI_T_cvar_get_index("no such variable", &index) == MPI_T_ERR_INVALID_NAME, "name");
  CHECK(MPI_T_cvar_get_info(9999, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) == MPI_T_ERR_INVALID_INDEX, "index");
  CHECK(MPI_T_cvar_read(MPI_T_CVAR_HANDLE_NULL, &index) == MPI_T_ERR_INVALID_HANDLE, "null handle");
  CHECK(MPI_T_pvar_read(MPI_T_PVAR_SESSION_NULL, MPI_T_PVAR_HANDLE_NULL, &value) == MPI_T_ERR_INVALID_SESSION, "null session");
  CHECK(MPI_T_pvar_handle_alloc(session, -1, NULL, &handle, &count) == MPI_T_ERR_INVALID_INDEX, "negative index");
  MPI_T_pvar_handle_alloc(session, 0, NULL, &handle, &count);
  CHECK(MPI_T_pvar_start(session, handle) == MPI_T_ERR_PVAR_NO_STARTSTOP, "a continuous variable was started");
  CHECK(MPI_T_pvar_start(session, MPI_T_PVAR_ALL_HANDLES) == MPI_SUCCESS, "starting all");
  CHECK(MPI_T_pvar_reset(session, handle) == MPI_T_ERR_PVAR_NO_WRITE, "a read-only variable was reset");
  MPI_T_pvar_session other;
  MPI_T_pvar_session_create(&other);
  CHECK(MPI_T_pvar_read(other, handle, &value) == MPI_T_ERR_INVALID_HANDLE, "a handle of another session");
  MPI_T_pvar_session_free(&other);
  CHECK(other == MPI_T_PVAR_SESSION_NULL, "the session stays");
}
#endif

int main(int argc, char **argv) {
#ifdef VERBENA_MPI
  int count, provided;
  CHECK(MPI_T_cvar_get_num(&count) == MPI_T_ERR_NOT_INITIALIZED, "before its start");
  MPI_T_init_thread(MPI_THREAD_SINGLE, &provided);
  CHECK(MPI_T_cvar_get_num(&count) == MPI_SUCCESS, "before MPI_Init");
#endif
  begin(&argc, &argv);
#ifdef VERBENA_MPI
  MPI_T_init_thread(MPI_THREAD_SINGLE, &provided);
  MPI_T_pvar_session_create(&session);
  lists();
  categories();
  messages_are_counted();
  unexpected_messages_are_seen();
  the_eager_limit_can_be_set();
  misuse();
  MPI_T_pvar_session_free(&session);
  MPI_T_finalize();
  CHECK(MPI_T_cvar_get_num(&count) == MPI_SUCCESS, "one of two ends closed it");
#endif
  int result = end();
#ifdef VERBENA_MPI
  MPI_T_cvar_get_num(&count);
  MPI_T_finalize();
  if (MPI_T_finalize() != MPI_T_ERR_NOT_INITIALIZED) return 1;
#endif
  return result;
}
