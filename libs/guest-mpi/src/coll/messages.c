/* Messages, copies, reductions and scratch space inside collectives: done at once, or recorded. */
#include <stdlib.h>
#include <string.h>

#include "check/check.h"
#include "device/wait.h"
#include "entry.h"
#include "env/error.h"
#include "pt2pt/check.h"
#include "pt2pt/short.h"

static struct vbmpi_comm *current;
static int error;
static size_t arrived, expected;
static int sender;

/* What the collective that begins must have in common at all ranks. */
static const struct vbmpi_agreement nothing = {VBMPI_ANYTHING, VBMPI_ANYTHING, VBMPI_ANYTHING};
static struct vbmpi_agreement wanted = {VBMPI_ANYTHING, VBMPI_ANYTHING, VBMPI_ANYTHING};

static void agree(const char *name, struct vbmpi_comm *comm) {
  struct vbmpi_agreement mine = wanted;
  wanted = nothing;
  vbmpi_check_agreement(name, &mine, comm);
}

void vbmpi_coll_agree(int root, int op, size_t count, MPI_Datatype type) {
  struct vbmpi_layout layout;
  if (!vbmpi_checking) return;
  /* Handles of the user's own operations are each rank's own. */
  wanted = (struct vbmpi_agreement){root, VBMPI_KIND(op) == VBMPI_KIND_OP ? op : VBMPI_ANYTHING, VBMPI_ANYTHING};
  if (type != MPI_DATATYPE_NULL && vbmpi_layout_of(type, false, &layout) == MPI_SUCCESS) wanted.bytes = (long long)(count * layout.size);
}

void vbmpi_coll_enter_part(const char *name, struct vbmpi_comm *comm) {
  vbmpi_collective = name;
  current = comm;
  error = MPI_SUCCESS;
}

void vbmpi_coll_enter(const char *name, struct vbmpi_comm *comm) {
  vbmpi_coll_enter_part(name, comm);
  if (__builtin_expect(vbmpi_checking, 0)) agree(name, comm);
}

int vbmpi_coll_leave(void) {
  const char *name = vbmpi_collective;
  vbmpi_collective = 0;
  if (__builtin_expect(error == MPI_SUCCESS, 1)) return MPI_SUCCESS;
  return vbmpi_fail(current, error, name, "a message of %zu bytes from rank %d instead of %zu: do all ranks pass the same counts, types and root?", arrived,
                    sender, expected);
}

void vbmpi_coll_begin(const struct vbmpi_coll_call *call, struct vbmpi_comm *comm) {
  if (call->how == VBMPI_BLOCKING) {
    vbmpi_coll_enter(call->function, comm);
  } else {
    wanted = nothing;
    vbmpi_schedule_record(call->function, comm);
  }
}

int vbmpi_coll_end(const struct vbmpi_coll_call *call) {
  if (call->how == VBMPI_BLOCKING) return vbmpi_coll_leave();
  struct vbmpi_request *request = vbmpi_schedule_recorded();
  request->on_user_list = true;
  request->persistent = call->how == VBMPI_PERSISTENT;
  if (!request->persistent) vbmpi_schedule_start(request);
  *call->request = vbmpi_request_handle(request);
  return MPI_SUCCESS;
}

static inline int layout_of(MPI_Datatype type, struct vbmpi_layout *layout) {
  if (__builtin_expect(!vbmpi_basic_exists(type), 0)) return vbmpi_layout_of(type, false, layout);
  *layout = vbmpi_basic_layout(type);
  return MPI_SUCCESS;
}

struct vbmpi_request *vbmpi_coll_message(bool sends, const void *buf, size_t count, MPI_Datatype type, int rank, int tag, struct vbmpi_comm *comm) {
  struct vbmpi_layout layout;
  layout_of(type, &layout);
  struct vbmpi_request *request =
      vbmpi_make_request(sends ? VBMPI_REQUEST_SEND : VBMPI_REQUEST_RECV, comm, buf, count, type, &layout, rank, tag, comm->context + 1);
  vbmpi_start(request);
  return request;
}

int vbmpi_coll_verdict(const struct vbmpi_request *request) {
  if (request->error != MPI_SUCCESS) return request->error;
  bool is_short = request->kind == VBMPI_REQUEST_RECV && request->status_bytes != request->bytes && request->wanted_peer >= 0;
  return is_short ? MPI_ERR_COUNT : MPI_SUCCESS;
}

struct vbmpi_request *vbmpi_coll_isend(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm) {
  if (__builtin_expect(vbmpi_recording != 0, 0)) return vbmpi_record_message(true, buf, count, type, dest, comm);
  return vbmpi_coll_message(true, buf, count, type, dest, comm->collective_tag, comm);
}

struct vbmpi_request *vbmpi_coll_irecv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm) {
  if (__builtin_expect(vbmpi_recording != 0, 0)) return vbmpi_record_message(false, buf, count, type, source, comm);
  return vbmpi_coll_message(false, buf, count, type, source, comm->collective_tag, comm);
}

void vbmpi_coll_wait(struct vbmpi_request *request) {
  if (__builtin_expect(vbmpi_recording != 0, 0)) {
    vbmpi_record_wait(request);
    return;
  }
  vbmpi_wait_request(request);
  int verdict = vbmpi_coll_verdict(request);
  if (__builtin_expect(verdict != MPI_SUCCESS, 0)) {
    error = verdict;
    arrived = request->error ? request->truncated : request->status_bytes;
    expected = request->bytes;
    sender = request->status_source;
  }
  vbmpi_request_free(request);
}

/* Most messages of a collective are complete when they are posted. */
static inline bool sent_at_once(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm) {
  return vbmpi_recording == 0 && !vbmpi_checking && dest >= 0 && vbmpi_basic_exists(type) &&
         vbmpi_send_short(comm->group->world[dest], comm->context + 1, comm->collective_tag, buf, count * vbmpi_basic_size(type));
}

void vbmpi_coll_send(const void *buf, size_t count, MPI_Datatype type, int dest, struct vbmpi_comm *comm) {
  if (sent_at_once(buf, count, type, dest, comm)) return;
  vbmpi_coll_wait(vbmpi_coll_isend(buf, count, type, dest, comm));
}

void vbmpi_coll_recv(void *buf, size_t count, MPI_Datatype type, int source, struct vbmpi_comm *comm) {
  vbmpi_coll_wait(vbmpi_coll_irecv(buf, count, type, source, comm));
}

void vbmpi_coll_sendrecv(const void *out, size_t out_count, MPI_Datatype out_type, int dest, void *in, size_t in_count, MPI_Datatype in_type,
                         int source, struct vbmpi_comm *comm) {
  struct vbmpi_request *recv = vbmpi_coll_irecv(in, in_count, in_type, source, comm);
  if (__builtin_expect(sent_at_once(out, out_count, out_type, dest, comm), 1)) {
    vbmpi_coll_wait(recv);
    return;
  }
  struct vbmpi_request *send = vbmpi_coll_isend(out, out_count, out_type, dest, comm);
  vbmpi_coll_wait(recv);
  vbmpi_coll_wait(send);
}

void vbmpi_coll_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type) {
  if (__builtin_expect(vbmpi_recording != 0, 0)) {
    vbmpi_record_copy(from, from_count, from_type, to, to_count, to_type);
    return;
  }
  if (vbmpi_basic_exists(from_type) && from_type == to_type && from_count == to_count) {
    size_t bytes = from_count * vbmpi_basic_size(from_type);
    if (bytes == 8) {
      memcpy(to, from, 8);
    } else if (bytes != 0) {
      memmove(to, from, bytes);
    }
    return;
  }
  struct vbmpi_layout out, in;
  if (layout_of(from_type, &out) || layout_of(to_type, &in)) return;
  vbmpi_copy_typed(to, to_count, &in, from, from_count, &out);
}

void vbmpi_coll_reduce(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count) {
  if (__builtin_expect(vbmpi_recording != 0, 0)) {
    vbmpi_record_reduce(reduction, in, inout, count);
  } else {
    vbmpi_reduce_local(reduction, in, inout, count);
  }
}

void *vbmpi_scratch(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (memory == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %zu bytes of scratch space", bytes);
  return memory;
}

void *vbmpi_coll_scratch(size_t bytes) { return vbmpi_recording ? vbmpi_record_scratch(bytes) : vbmpi_scratch(bytes); }

/* A schedule's scratch space lives as long as the schedule. */
void vbmpi_coll_free(void *scratch) {
  if (vbmpi_recording == 0) free(scratch);
}

/* How far before its first byte of data and behind its last an operation of the user's may touch an element: a function that assigns whole
 * structures also stores their gaps, which lie within the extent. */
static size_t margin(const struct vbmpi_layout *layout) { return (size_t)(layout->extent < 0 ? -layout->extent : layout->extent); }

void *vbmpi_typed_scratch(size_t count, const struct vbmpi_layout *layout) {
  size_t step = margin(layout), rest = (count ? count - 1 : 0) * step;
  uint8_t *memory = vbmpi_coll_scratch(step + (size_t)layout->true_extent + rest + step);
  /* Elements with a negative extent run towards lower addresses. */
  return memory + step - layout->true_lb + (layout->extent < 0 ? rest : 0);
}

void vbmpi_typed_free(void *buffer, const struct vbmpi_layout *layout) {
  if (layout->extent < 0) return;   /* the beginning is not known any more; such types are a curiosity */
  vbmpi_coll_free((uint8_t *)buffer + layout->true_lb - margin(layout));
}

uint8_t *vbmpi_block_at(const struct vbmpi_blocks *blocks, int i) {
  ptrdiff_t displacement = (ptrdiff_t)vbmpi_element(&blocks->displs, i);
  if (blocks->types) return vbmpi_at(blocks->base, displacement, 1);
  struct vbmpi_layout layout;
  vbmpi_layout_of(blocks->type, false, &layout);
  return vbmpi_at(blocks->base, displacement, layout.extent);
}
