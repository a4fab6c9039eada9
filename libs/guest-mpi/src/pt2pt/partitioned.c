/*
 * Partitioned communication (MPI-4.0, chapter 4): the parts of one message become ready one by one. The message leaves as a whole when the last
 * part is ready, which the standard allows; it has contexts of its own, so it meets no other receive.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "device/wait.h"

#define PARTITIONED 0x8000

static void start_send(struct vbmpi_request *request) {
  struct vbmpi_partitions *parts = request->partitions;
  request->active = true;
  request->complete = false;
  request->cancelled = false;
  request->error = MPI_SUCCESS;
  parts->ready = 0;
  memset(parts->marked, 0, (size_t)parts->count);
  if (parts->count == 0) vbmpi_start(request);
}

static int make(enum vbmpi_request_kind kind, const void *buf, int partitions, MPI_Count count, MPI_Datatype type, int rank, int tag, MPI_Comm comm,
                MPI_Request *handle, const char *function) {
  VBMPI_COMM(c, comm, function)
  if (handle == 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "the request argument is NULL");
  if (partitions < 0) return vbmpi_fail(c, MPI_ERR_ARG, function, "negative number of partitions %d", partitions);
  if (rank == MPI_ANY_SOURCE) return vbmpi_fail(c, MPI_ERR_RANK, function, "partitioned communication knows no MPI_ANY_SOURCE");
  if (tag == MPI_ANY_TAG) return vbmpi_fail(c, MPI_ERR_TAG, function, "partitioned communication knows no MPI_ANY_TAG");
  struct vbmpi_layout layout;
  MPI_Count total = count < 0 ? count : count * partitions;
  int result = kind == VBMPI_REQUEST_SEND ? vbmpi_check_send(c, buf, total, type, rank, tag, function, &layout)
                                          : vbmpi_check_recv(c, buf, total, type, rank, tag, function, &layout);
  if (result) return result;
  struct vbmpi_partitions *parts = calloc(1, sizeof *parts + (size_t)partitions);
  if (parts == 0) return vbmpi_fail(c, MPI_ERR_NO_MEM, function, "no memory for %d partitions", partitions);
  parts->start = kind == VBMPI_REQUEST_SEND ? start_send : vbmpi_start;
  parts->count = partitions;
  struct vbmpi_request *request = vbmpi_make_request(kind, c, buf, (size_t)total, type, &layout, rank, tag, c->context | PARTITIONED);
  request->partitions = parts;
  request->on_user_list = true;
  request->persistent = true;
  request->holds_comm = true;
  vbmpi_comm_retain(c);
  vbmpi_type_retain(type);
  request->active = false;
  request->complete = true;
  *handle = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}

int PMPI_Psend_init(const void *buf, int partitions, MPI_Count count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Info info,
                    MPI_Request *request) {
  (void)info;
  return make(VBMPI_REQUEST_SEND, buf, partitions, count, type, dest, tag, comm, request, "MPI_Psend_init");
}
VBMPI_ALIAS(Psend_init)

int PMPI_Precv_init(void *buf, int partitions, MPI_Count count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Info info,
                    MPI_Request *request) {
  (void)info;
  return make(VBMPI_REQUEST_RECV, buf, partitions, count, type, source, tag, comm, request, "MPI_Precv_init");
}
VBMPI_ALIAS(Precv_init)

static int check(MPI_Request handle, enum vbmpi_request_kind kind, const char *function, struct vbmpi_request **request) {
  VBMPI_MAIN_CHECK(function)
  *request = vbmpi_request_of(handle);
  if (*request == 0) return vbmpi_fail(0, MPI_ERR_REQUEST, function, "invalid request 0x%08x", (unsigned)handle);
  if ((*request)->partitions == 0 || (*request)->kind != kind)
    return vbmpi_fail((*request)->comm, MPI_ERR_REQUEST, function, "not a partitioned %s", kind == VBMPI_REQUEST_SEND ? "send" : "receive");
  return MPI_SUCCESS;
}

static int check_partition(const struct vbmpi_request *request, int partition, const char *function) {
  int count = request->partitions->count;
  if (partition >= 0 && partition < count) return MPI_SUCCESS;
  return vbmpi_fail(request->comm, MPI_ERR_ARG, function, "there is no partition %d (the request has %d)", partition, count);
}

static int mark(struct vbmpi_request *request, int partition, const char *function) {
  struct vbmpi_partitions *parts = request->partitions;
  int result = check_partition(request, partition, function);
  if (result) return result;
  if (!request->active) return vbmpi_fail(request->comm, MPI_ERR_REQUEST, function, "the request was not started");
  if (parts->marked[partition]) return vbmpi_fail(request->comm, MPI_ERR_ARG, function, "partition %d is ready already", partition);
  parts->marked[partition] = 1;
  if (++parts->ready == parts->count) vbmpi_start(request);
  return MPI_SUCCESS;
}

int PMPI_Pready(int partition, MPI_Request handle) {
  struct vbmpi_request *request;
  int result = check(handle, VBMPI_REQUEST_SEND, "MPI_Pready", &request);
  return result ? result : mark(request, partition, "MPI_Pready");
}
VBMPI_ALIAS(Pready)

int PMPI_Pready_range(int low, int high, MPI_Request handle) {
  struct vbmpi_request *request;
  int result = check(handle, VBMPI_REQUEST_SEND, "MPI_Pready_range", &request);
  for (int i = low; i <= high && result == MPI_SUCCESS; i++) result = mark(request, i, "MPI_Pready_range");
  return result;
}
VBMPI_ALIAS(Pready_range)

int PMPI_Pready_list(int count, const int partitions[], MPI_Request handle) {
  struct vbmpi_request *request;
  int result = check(handle, VBMPI_REQUEST_SEND, "MPI_Pready_list", &request);
  for (int i = 0; i < count && result == MPI_SUCCESS; i++) result = mark(request, partitions[i], "MPI_Pready_list");
  return result;
}
VBMPI_ALIAS(Pready_list)

int PMPI_Parrived(MPI_Request handle, int partition, int *flag) {
  struct vbmpi_request *request;
  int result = check(handle, VBMPI_REQUEST_RECV, "MPI_Parrived", &request);
  if (result == MPI_SUCCESS) result = check_partition(request, partition, "MPI_Parrived");
  if (result) return result;
  if (!request->complete) vbmpi_progress();
  *flag = request->complete;
  if (!request->complete) vbmpi_tested_in_vain();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Parrived)
