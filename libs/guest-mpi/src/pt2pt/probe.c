/* Probing, and receiving what was probed (MPI-3.1, section 3.8). */
#include <stdio.h>

#include "complete.h"

static struct vbmpi_table messages;   /* taken by MPI_Mprobe, not yet received */

struct question {
  struct vbmpi_comm *comm;
  int source;
  int tag;
};

static void describe(char *text, size_t capacity, const void *subject) {
  const struct question *question = subject;
  char source[24] = "MPI_ANY_SOURCE", tag[24] = "MPI_ANY_TAG";
  if (question->source != MPI_ANY_SOURCE) snprintf(source, sizeof source, "%d", question->source);
  if (question->tag != MPI_ANY_TAG) snprintf(tag, sizeof tag, "%d", question->tag);
  snprintf(text, capacity, "%s(source=%s, tag=%s, comm=%s)", vbmpi_call, source, tag, question->comm->name);
}

static struct vbmpi_unexpected *find(const struct question *question) {
  int world = question->source < 0 ? question->source : question->comm->group->world[question->source];
  return vbmpi_find_unexpected((uint16_t)question->comm->context, world, question->tag);
}

static void fill_status(const struct vbmpi_comm *comm, const struct vbmpi_unexpected *message, MPI_Status *status) {
  if (status == MPI_STATUS_IGNORE) return;
  status->MPI_SOURCE = vbmpi_comm_rank_of_world(comm, message->source);
  status->MPI_TAG = message->tag;
  status->vb_cancelled = 0;
  status->vb_bytes = (long long)message->length;
}

static void null_status(MPI_Status *status) {
  vbmpi_status_empty(status);
  if (status) status->MPI_SOURCE = MPI_PROC_NULL;
}

static struct vbmpi_unexpected *wait_for(const struct question *question, const char *function) {
  struct vbmpi_unexpected *message;
  uint32_t spins = 0;
  vbmpi_call = function;
  while ((message = find(question)) == 0) vbmpi_wait_turn(&spins, describe, question);
  return message;
}

static struct vbmpi_unexpected *look_for(const struct question *question) {
  vbmpi_progress();
  struct vbmpi_unexpected *message = find(question);
  if (message) {
    vbmpi_tested_well();
  } else {
    vbmpi_tested_in_vain();
    message = find(question);
  }
  return message;
}

int PMPI_Probe(int source, int tag, MPI_Comm comm, MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Probe")
  int result = vbmpi_check_probe(c, source, tag, "MPI_Probe");
  if (result) return result;
  if (source == MPI_PROC_NULL) {
    null_status(status);
    return MPI_SUCCESS;
  }
  struct question question = {c, source, tag};
  fill_status(c, wait_for(&question, "MPI_Probe"), status);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Probe)

int PMPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Iprobe")
  int result = vbmpi_check_probe(c, source, tag, "MPI_Iprobe");
  if (result) return result;
  *flag = 1;
  if (source == MPI_PROC_NULL) {
    null_status(status);
    return MPI_SUCCESS;
  }
  struct question question = {c, source, tag};
  struct vbmpi_unexpected *message = look_for(&question);
  *flag = message != 0;
  if (message) fill_status(c, message, status);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Iprobe)

static int take(struct vbmpi_comm *c, struct vbmpi_unexpected *found, MPI_Message *message, MPI_Status *status, const char *function) {
  uint32_t index = vbmpi_table_add(&messages, found, 2);
  if (index == 0) return vbmpi_fail(c, MPI_ERR_NO_MEM, function, "no memory for another message handle");
  vbmpi_take_unexpected(found);
  fill_status(c, found, status);
  *message = VBMPI_HANDLE(VBMPI_KIND_MESSAGE, index);
  return MPI_SUCCESS;
}

int PMPI_Mprobe(int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Mprobe")
  int result = vbmpi_check_probe(c, source, tag, "MPI_Mprobe");
  if (result) return result;
  if (source == MPI_PROC_NULL) {
    null_status(status);
    *message = MPI_MESSAGE_NO_PROC;
    return MPI_SUCCESS;
  }
  struct question question = {c, source, tag};
  return take(c, wait_for(&question, "MPI_Mprobe"), message, status, "MPI_Mprobe");
}
VBMPI_ALIAS(Mprobe)

int PMPI_Improbe(int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message, MPI_Status *status) {
  VBMPI_COMM(c, comm, "MPI_Improbe")
  int result = vbmpi_check_probe(c, source, tag, "MPI_Improbe");
  if (result) return result;
  *flag = 1;
  if (source == MPI_PROC_NULL) {
    null_status(status);
    *message = MPI_MESSAGE_NO_PROC;
    return MPI_SUCCESS;
  }
  struct question question = {c, source, tag};
  struct vbmpi_unexpected *found = look_for(&question);
  *flag = found != 0;
  return found ? take(c, found, message, status, "MPI_Improbe") : MPI_SUCCESS;
}
VBMPI_ALIAS(Improbe)

/* The communicator of a message that was probed: receives need it for the status. */
static struct vbmpi_comm *comm_of_context(uint16_t context) {
  for (uint32_t i = 1; i < vbmpi_comms.used; i++) {
    struct vbmpi_comm *comm = vbmpi_comms.slots[i];
    if (comm && comm->context == context) return comm;
  }
  return 0;
}

static int receive(void *buf, MPI_Count count, MPI_Datatype type, MPI_Message *message, const char *function, struct vbmpi_request **started) {
  VBMPI_MAIN_CHECK(function)
  bool no_process = *message == MPI_MESSAGE_NO_PROC;
  struct vbmpi_unexpected *found =
      VBMPI_KIND(*message) == VBMPI_KIND_MESSAGE && !no_process ? vbmpi_table_get(&messages, VBMPI_INDEX(*message)) : 0;
  if (found == 0 && !no_process) return vbmpi_fail(0, MPI_ERR_REQUEST, function, "invalid message handle");
  struct vbmpi_comm *c = no_process ? vbmpi_comm_of(MPI_COMM_SELF) : comm_of_context(found->context);
  if (c == 0) return vbmpi_fail(0, MPI_ERR_COMM, function, "the communicator of the message was freed");
  struct vbmpi_layout layout;
  int result = vbmpi_check_buffer(c, buf, count, type, function, &layout);
  if (result) return result;
  int rank = no_process ? MPI_PROC_NULL : vbmpi_comm_rank_of_world(c, found->source);
  struct vbmpi_request *request =
      vbmpi_make_request(VBMPI_REQUEST_RECV, c, buf, (size_t)count, type, &layout, rank, no_process ? 0 : found->tag, c->context);
  request->complete = false;
  if (no_process) {
    vbmpi_start(request);
  } else {
    vbmpi_table_remove(&messages, VBMPI_INDEX(*message));
    vbmpi_prepare_recv(request);
    vbmpi_receive_unexpected(request, found);
  }
  *message = MPI_MESSAGE_NULL;
  *started = request;
  return MPI_SUCCESS;
}

static int mrecv(void *buf, MPI_Count count, MPI_Datatype type, MPI_Message *message, MPI_Status *status, const char *function) {
  struct vbmpi_request *request;
  int result = receive(buf, count, type, message, function, &request);
  return result ? result : vbmpi_finish_blocking(request, status, function);
}

int PMPI_Mrecv(VB_ARGS_Mrecv(int, int)) { return mrecv(buf, count, type, message, status, "MPI_Mrecv"); }
VBMPI_ALIAS(Mrecv)
int PMPI_Mrecv_c(VB_ARGS_Mrecv(MPI_Count, MPI_Aint)) { return mrecv(buf, count, type, message, status, "MPI_Mrecv_c"); }
VBMPI_ALIAS(Mrecv_c)

static int imrecv(void *buf, MPI_Count count, MPI_Datatype type, MPI_Message *message, MPI_Request *handle, const char *function) {
  struct vbmpi_request *request;
  int result = receive(buf, count, type, message, function, &request);
  if (result) return result;
  request->on_user_list = request->holds_comm = true;
  vbmpi_comm_retain(request->comm);
  vbmpi_type_retain(type);
  *handle = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}

int PMPI_Imrecv(VB_ARGS_Imrecv(int, int)) { return imrecv(buf, count, type, message, request, "MPI_Imrecv"); }
VBMPI_ALIAS(Imrecv)
int PMPI_Imrecv_c(VB_ARGS_Imrecv(MPI_Count, MPI_Aint)) { return imrecv(buf, count, type, message, request, "MPI_Imrecv_c"); }
VBMPI_ALIAS(Imrecv_c)
