/* Put, get, accumulate and their kin (MPI-3.1, section 11.3): at the origin, and carried out at the target. */
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/wait.h"
#include "op/op.h"
#include "pt2pt/check.h"
#include "rma.h"

/* --- tickets: where the answer to a get goes --- */

struct ticket {
  void *buffer;
  size_t count;
  MPI_Datatype type;
  struct vbmpi_request *request;
};
static struct vbmpi_table tickets;

uint32_t vbmpi_rma_ticket(void *buffer, size_t count, MPI_Datatype type, struct vbmpi_request *request) {
  struct ticket *ticket = malloc(sizeof *ticket);
  uint32_t index = ticket ? vbmpi_table_add(&tickets, ticket, 1) : 0;
  if (index == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for another one-sided operation");
  *ticket = (struct ticket){buffer, count, type, request};
  vbmpi_type_retain(type);
  return index;
}

void vbmpi_rma_answer(uint32_t index, const uint8_t *data, size_t bytes) {
  struct ticket *ticket = vbmpi_table_get(&tickets, index);
  if (ticket == 0) vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "an answer to no question");
  struct vbmpi_layout layout;
  vbmpi_layout_of(ticket->type, false, &layout);
  vbmpi_unpack(ticket->buffer, data, bytes, ticket->count, &layout);
  vbmpi_type_release(ticket->type);
  if (ticket->request) vbmpi_request_complete(ticket->request);
  vbmpi_table_remove(&tickets, index);
  free(ticket);
}

/* --- at the target --- */

/* The target's type as its message describes it. */
static void layout_of(const struct vbmpi_rma_header *header, const uint8_t *payload, struct vbmpi_type *type, struct vbmpi_layout *layout) {
  *type = (struct vbmpi_type){.runs_used = header->many_runs, .runs = (struct vbmpi_run *)(uintptr_t)payload};
  *layout = (struct vbmpi_layout){.size = (size_t)header->size, .extent = (ptrdiff_t)header->extent, .true_lb = (ptrdiff_t)header->true_lb,
                                  .contiguous = header->contiguous != 0, .object = type};
}

/* A span that a dynamic window has attached. Other windows are checked at the origin. */
static void check_span(const struct vbmpi_win *win, const struct vbmpi_rma_header *header, int source) {
  if (win->flavor != MPI_WIN_FLAVOR_DYNAMIC || header->count == 0) return;
  uint64_t from = header->address + (uint64_t)header->true_lb, to = from + (header->count - 1) * (uint64_t)header->extent + 1;
  for (const struct vbmpi_rma_region *region = win->regions; region; region = region->next)
    if (from >= region->base && to <= region->base + region->size) return;
  vbmpi_fatal(MPI_ERR_RMA_RANGE, vbmpi_collective_or_call(), "rank %d accesses memory that is not attached to the window", source);
}

static struct vbmpi_reduction reduction_of(MPI_Op op, MPI_Datatype basic) {
  struct vbmpi_reduction reduction;
  vbmpi_reduction_of(op, basic, 0, "MPI_Accumulate", &reduction);
  return reduction;
}

/* target = target op data, element by element; `packed` is the target's data and becomes the result. */
static void combine(uint8_t *packed, const uint8_t *data, size_t bytes, MPI_Op op, MPI_Datatype basic) {
  struct vbmpi_reduction reduction = reduction_of(op, basic);
  size_t count = bytes / reduction.layout.size, room = count * (size_t)reduction.layout.extent;
  /* Kernels work on elements as the compiler lays them out: aligned, and pairs with their gaps. */
  uint8_t *in = malloc(room + 16), *inout = malloc(room + 16);
  if (in == 0 || inout == 0) vbmpi_fatal(MPI_ERR_NO_MEM, "MPI_Accumulate", "no memory for %zu bytes", 2 * room);
  vbmpi_unpack(in, data, bytes, count, &reduction.layout);
  vbmpi_unpack(inout, packed, bytes, count, &reduction.layout);
  vbmpi_reduce_local(&reduction, in, inout, count);
  vbmpi_pack(packed, inout, count, &reduction.layout);
  free(in);
  free(inout);
}

static void reply(struct vbmpi_win *win, int source, uint32_t ticket, const void *data, size_t bytes) {
  struct vbmpi_rma_header header = {.kind = VBMPI_DATA, .ticket = ticket};
  vbmpi_rma_send(win, source, &header, 0, data, bytes);
}

void vbmpi_rma_operate(struct vbmpi_win *win, int source, const struct vbmpi_rma_header *header, const uint8_t *payload) {
  struct vbmpi_type type;
  struct vbmpi_layout layout;
  layout_of(header, payload, &type, &layout);
  check_span(win, header, source);
  const uint8_t *data = payload + header->many_runs * sizeof(struct vbmpi_run);
  void *target = (void *)(uintptr_t)header->address;
  size_t count = (size_t)header->count, bytes = count * layout.size;
  if (header->kind == VBMPI_PUT || (header->kind == VBMPI_ACCUMULATE && header->op == MPI_REPLACE)) {
    vbmpi_unpack(target, data, (size_t)header->bytes, count, &layout);
    return;
  }
  uint8_t *packed = malloc(bytes ? bytes : 1);
  if (packed == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %zu bytes", bytes);
  vbmpi_pack(packed, target, count, &layout);
  if (header->kind != VBMPI_ACCUMULATE) reply(win, source, header->ticket, packed, bytes);
  if (header->kind == VBMPI_SWAP) {
    if (memcmp(packed, data, bytes) == 0) vbmpi_unpack(target, data + bytes, bytes, count, &layout);
  } else if (header->kind == VBMPI_FETCH && header->op == MPI_REPLACE) {
    vbmpi_unpack(target, data, bytes, count, &layout);
  } else if (header->kind != VBMPI_GET && header->op != MPI_NO_OP) {
    combine(packed, data, bytes, header->op, header->basic);
    vbmpi_unpack(target, packed, bytes, count, &layout);
  }
  free(packed);
}

/* --- at the origin --- */

/* One operation, with its arguments. */
struct operation {
  enum vbmpi_rma_kind kind;
  const void *origin;
  MPI_Count count;
  MPI_Datatype type;
  void *result;
  MPI_Count result_count;
  MPI_Datatype result_type;
  int target;
  MPI_Aint disp;
  MPI_Count target_count;
  MPI_Datatype target_type;
  MPI_Op op;
  MPI_Request *request;
  bool wants_request;
};

static bool in_epoch(const struct vbmpi_win *win, int target) {
  return win->fenced || win->locked_all || win->sides[target].locked || win->sides[target].started;
}

static int check_span_of(struct vbmpi_win *win, const struct operation *o, const struct vbmpi_layout *layout, const char *function) {
  if (o->target_count == 0 || layout->size == 0 || win->flavor == MPI_WIN_FLAVOR_DYNAMIC) return MPI_SUCCESS;
  const struct vbmpi_rma_side *side = &win->sides[o->target];
  long long at = (long long)o->disp * side->unit + layout->true_lb, end = at + (o->target_count - 1) * (long long)layout->extent + layout->true_extent;
  if (o->disp >= 0 && at >= 0 && end <= (long long)side->size) return MPI_SUCCESS;
  return vbmpi_win_fail(win, MPI_ERR_RMA_RANGE, function, "bytes %lld to %lld do not lie in the window of rank %d, which has %llu", at, end, o->target,
                        (unsigned long long)side->size);
}

static bool reduces(const struct operation *o) { return o->kind == VBMPI_ACCUMULATE || o->kind == VBMPI_FETCH; }

/* The predefined type that a reduction is about: the target's, or the only one in it. */
static MPI_Datatype basic_of(const struct vbmpi_layout *layout, MPI_Datatype type) {
  return layout->object && VBMPI_KIND(type) == VBMPI_KIND_DERIVED ? layout->object->basic : type;
}

static int check_operation(struct vbmpi_win *win, const struct operation *o, const char *function, struct vbmpi_layout *mine, struct vbmpi_layout *theirs) {
  if (o->target < 0 || o->target >= win->comm->size)
    return vbmpi_win_fail(win, MPI_ERR_RANK, function, "invalid rank %d (the window has %d)", o->target, win->comm->size);
  if (o->count < 0 || o->target_count < 0 || o->result_count < 0) return vbmpi_win_fail(win, MPI_ERR_COUNT, function, "negative count");
  if (vbmpi_layout_of(o->type, true, mine) || vbmpi_layout_of(o->target_type, true, theirs))
    return vbmpi_win_fail(win, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  if (!in_epoch(win, o->target))
    return vbmpi_win_fail(win, MPI_ERR_RMA_SYNC, function, "no epoch: call MPI_Win_fence, MPI_Win_start or MPI_Win_lock first");
  if (reduces(o) && o->op != MPI_REPLACE && o->op != MPI_NO_OP) {
    struct vbmpi_reduction unused;
    if (VBMPI_KIND(o->op) == VBMPI_KIND_USER_OP) return vbmpi_win_fail(win, MPI_ERR_OP, function, "only predefined operations are allowed here");
    int result = vbmpi_reduction_of(o->op, basic_of(theirs, o->target_type), win->comm, function, &unused);
    if (result) return result;
  }
  return check_span_of(win, o, theirs, function);
}

/* A put or get of as many consecutive bytes on both sides, without the target's doing; `mine` is the layout of either's buffer here. */
static bool move_directly(struct vbmpi_win *win, const struct operation *o, const struct vbmpi_layout *mine, const struct vbmpi_layout *theirs, uint64_t address) {
  if (o->kind != VBMPI_PUT && o->kind != VBMPI_GET) return false;
  size_t count = (size_t)(o->kind == VBMPI_GET ? o->result_count : o->count), bytes = count * mine->size;
  if (!mine->contiguous || !theirs->contiguous || bytes != (size_t)o->target_count * theirs->size) return false;
  if (bytes == 0) return true;
  address += (uint64_t)theirs->true_lb;
  if (o->kind == VBMPI_GET) return vbmpi_rma_get(win, o->target, (uint8_t *)o->result + mine->true_lb, bytes, address);
  return vbmpi_rma_put(win, o->target, (const uint8_t *)o->origin + mine->true_lb, bytes, address);
}

static int start(MPI_Win handle, struct operation o, const char *function) {
  VBMPI_WIN(win, handle, function)
  if (o.wants_request && o.request == 0) return vbmpi_win_fail(win, MPI_ERR_ARG, function, "the request argument is NULL");
  struct vbmpi_request *request = 0;
  struct vbmpi_layout mine, theirs;
  if (o.target != MPI_PROC_NULL) {
    int result = check_operation(win, &o, function, &mine, &theirs);
    if (result) return result;
  }
  if (o.wants_request) {
    request = vbmpi_request_new(VBMPI_REQUEST_RECV);
    request->comm = win->comm;
    request->name = function;
    request->on_user_list = true;
    request->complete = false;
    *o.request = vbmpi_request_handle(request);
  }
  if (o.target == MPI_PROC_NULL) {
    if (request) vbmpi_request_complete(request);
    return MPI_SUCCESS;
  }
  const struct vbmpi_rma_side *side = &win->sides[o.target];
  struct vbmpi_rma_header header = {.kind = (uint8_t)o.kind, .op = o.op, .basic = basic_of(&theirs, o.target_type), .contiguous = theirs.contiguous,
                                    .address = side->base + (uint64_t)((int64_t)o.disp * side->unit), .count = (uint64_t)o.target_count,
                                    .size = theirs.size, .extent = theirs.extent, .true_lb = theirs.true_lb};
  if (!theirs.contiguous) header.many_runs = (uint32_t)theirs.object->runs_used;
  if (request == 0 && move_directly(win, &o, &mine, &theirs, header.address)) return MPI_SUCCESS;
  bool answers = o.result != 0 || o.kind == VBMPI_GET;
  if (answers) header.ticket = vbmpi_rma_ticket(o.result, (size_t)o.result_count, o.result_type, request);
  /* What the origin gives: nothing for a get; a swap has what it compares with in front. */
  size_t bytes = o.kind == VBMPI_GET || o.op == MPI_NO_OP ? 0 : (size_t)o.count * mine.size;
  uint8_t *packed = malloc(bytes ? bytes : 1);
  if (packed == 0) return vbmpi_win_fail(win, MPI_ERR_NO_MEM, function, "no memory for %zu bytes", bytes);
  if (bytes) vbmpi_pack(packed, o.origin, (size_t)o.count, &mine);
  win->sides[o.target].touched = true;
  vbmpi_rma_send(win, o.target, &header, theirs.contiguous ? 0 : theirs.object->runs, packed, bytes);
  free(packed);
  if (request && !answers) vbmpi_request_complete(request);
  return MPI_SUCCESS;
}

#define TARGET .target = target, .disp = disp, .target_count = target_count, .target_type = target_type
#define GIVEN .origin = origin, .count = count, .type = type, TARGET
#define ASKED .result = result, .result_count = result_count, .result_type = result_type
#define DEFINE(name, args, C, ...)                                                          \
  int PMPI_##name(VB_ARGS_##args(C, C)) { return start(win, (struct operation){__VA_ARGS__}, "MPI_" #name); } \
  VBMPI_ALIAS(name)
#define BOTH(name, ...) DEFINE(name, name, int, __VA_ARGS__) DEFINE(name##_c, name, MPI_Count, __VA_ARGS__)
#define REQUEST .request = request, .wants_request = true

BOTH(Put, .kind = VBMPI_PUT, GIVEN)
BOTH(Rput, .kind = VBMPI_PUT, GIVEN, REQUEST)
BOTH(Get, .kind = VBMPI_GET, .type = type, TARGET, .result = origin, .result_count = count, .result_type = type)
BOTH(Rget, .kind = VBMPI_GET, .type = type, TARGET, .result = origin, .result_count = count, .result_type = type, REQUEST)
BOTH(Accumulate, .kind = VBMPI_ACCUMULATE, GIVEN, .op = op)
BOTH(Raccumulate, .kind = VBMPI_ACCUMULATE, GIVEN, .op = op, REQUEST)
/* With MPI_NO_OP the origin's arguments mean nothing. */
#define FETCHED .kind = VBMPI_FETCH, .origin = origin, .count = op == MPI_NO_OP ? 0 : count, .type = op == MPI_NO_OP ? MPI_BYTE : type, TARGET, ASKED, .op = op
BOTH(Get_accumulate, FETCHED)
BOTH(Rget_accumulate, FETCHED, REQUEST)

int PMPI_Fetch_and_op(const void *origin, void *result, MPI_Datatype type, int target, MPI_Aint disp, MPI_Op op, MPI_Win win) {
  struct operation o = {.kind = VBMPI_FETCH, .origin = origin, .count = op != MPI_NO_OP, .type = type, .result = result, .result_count = 1, .result_type = type,
                        .target = target, .disp = disp, .target_count = 1, .target_type = type, .op = op};
  return start(win, o, "MPI_Fetch_and_op");
}
VBMPI_ALIAS(Fetch_and_op)

int PMPI_Compare_and_swap(const void *origin, const void *compare, void *result, MPI_Datatype type, int target, MPI_Aint disp, MPI_Win win) {
  VBMPI_WIN(w, win, "MPI_Compare_and_swap")
  if (!vbmpi_basic_exists(type)) return vbmpi_win_fail(w, MPI_ERR_TYPE, "MPI_Compare_and_swap", "not a predefined datatype");
  size_t size = vbmpi_basic_size(type);
  uint8_t both[2][64];
  if (target != MPI_PROC_NULL) {
    memcpy(both[0], compare, size);
    memcpy(both[0] + size, origin, size);
  }
  struct operation o = {.kind = VBMPI_SWAP, .origin = both, .count = 2, .type = type, .result = result, .result_count = 1, .result_type = type,
                        .target = target, .disp = disp, .target_count = 1, .target_type = type};
  return start(win, o, "MPI_Compare_and_swap");
}
VBMPI_ALIAS(Compare_and_swap)
