#include "schedule.h"

#include <stdlib.h>

#include "env/error.h"
#include "pt2pt/check.h"

enum kind { SEND, RECV, WAIT, COPY, REDUCE };

struct step {
  uint8_t kind;
  int rank;
  const void *from;
  void *to;
  size_t count;                    /* WAIT: the number of the step that is waited for */
  size_t to_count;
  MPI_Datatype type, to_type;
  struct vbmpi_comm *comm;
  struct vbmpi_request *request;   /* while the message is under way */
  struct vbmpi_reduction reduction;
};

struct vbmpi_schedule {
  struct vbmpi_schedule *next;
  struct vbmpi_request *request;
  struct vbmpi_comm *comm;
  const char *name;
  int tag;
  size_t next_step;
  size_t steps, steps_capacity;
  struct step *step;
  size_t scratches, scratches_capacity;
  void **scratch;
  size_t types, types_capacity;
  MPI_Datatype *type;
};

struct vbmpi_schedule *vbmpi_recording;
struct vbmpi_schedule *vbmpi_schedules;

/* Room for one more element of an array. */
static void *room(void *array, size_t used, size_t *capacity, size_t each) {
  if (used < *capacity) return array;
  *capacity = *capacity ? *capacity * 2 : 16;
  void *more = realloc(array, *capacity * each);
  if (more == 0) vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_recording->name, "no memory for a schedule of %zu steps", *capacity);
  return more;
}

static struct step *add(enum kind kind) {
  struct vbmpi_schedule *s = vbmpi_recording;
  s->step = room(s->step, s->steps, &s->steps_capacity, sizeof *s->step);
  struct step *step = &s->step[s->steps++];
  *step = (struct step){.kind = (uint8_t)kind};
  return step;
}

/* The user may free a datatype while its collective is under way. */
static void keep(MPI_Datatype type) {
  struct vbmpi_schedule *s = vbmpi_recording;
  if (VBMPI_KIND(type) != VBMPI_KIND_DERIVED || (s->types && s->type[s->types - 1] == type)) return;
  s->type = room(s->type, s->types, &s->types_capacity, sizeof *s->type);
  s->type[s->types++] = type;
  vbmpi_type_retain(type);
}

void vbmpi_schedule_record(const char *name, struct vbmpi_comm *comm) {
  struct vbmpi_schedule *s = calloc(1, sizeof *s);
  if (s == 0) vbmpi_fatal(MPI_ERR_NO_MEM, name, "no memory for a schedule");
  s->name = name;
  s->comm = comm;
  s->tag = 1 + (int)(comm->schedules++ % 0x3fffffffu);
  vbmpi_recording = s;
}

struct vbmpi_request *vbmpi_record_message(bool sends, const void *buf, size_t count, MPI_Datatype type, int rank, struct vbmpi_comm *comm) {
  keep(type);
  struct step *step = add(sends ? SEND : RECV);
  step->to = (void *)(uintptr_t)buf;
  step->count = count;
  step->type = type;
  step->rank = rank;
  step->comm = comm;
  return (struct vbmpi_request *)(uintptr_t)vbmpi_recording->steps;
}

void vbmpi_record_wait(struct vbmpi_request *token) { add(WAIT)->count = (size_t)(uintptr_t)token - 1; }

void vbmpi_record_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type) {
  keep(from_type);
  keep(to_type);
  struct step *step = add(COPY);
  step->from = from;
  step->count = from_count;
  step->type = from_type;
  step->to = to;
  step->to_count = to_count;
  step->to_type = to_type;
}

void vbmpi_record_reduce(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count) {
  keep(reduction->type);
  struct step *step = add(REDUCE);
  step->reduction = *reduction;
  step->from = in;
  step->to = inout;
  step->count = count;
}

void *vbmpi_record_scratch(size_t bytes) {
  struct vbmpi_schedule *s = vbmpi_recording;
  s->scratch = room(s->scratch, s->scratches, &s->scratches_capacity, sizeof *s->scratch);
  return s->scratch[s->scratches++] = vbmpi_scratch(bytes);
}

struct vbmpi_request *vbmpi_schedule_recorded(void) {
  struct vbmpi_schedule *s = vbmpi_recording;
  vbmpi_recording = 0;
  struct vbmpi_request *request = vbmpi_request_new(VBMPI_REQUEST_SCHEDULE);
  request->comm = s->comm;
  request->schedule = s;
  request->name = s->name;
  request->holds_comm = true;
  vbmpi_comm_retain(s->comm);
  request->active = false;
  request->complete = true;
  s->request = request;
  return request;
}

/* Remembers the first error; the schedule goes on, since other processes wait for its messages. */
static void finish_message(struct vbmpi_schedule *s, struct vbmpi_request *message) {
  int error = vbmpi_coll_verdict(message);
  if (error && s->request->error == MPI_SUCCESS) {
    s->request->error = error;
    s->request->truncated = message->truncated ? message->truncated : message->status_bytes;
    s->request->bytes = message->bytes;
    s->request->status_source = message->status_source;
  }
  vbmpi_request_free(message);
}

/* Carries out steps until one has to wait; true when it got further. */
static bool advance(struct vbmpi_schedule *s) {
  size_t from = s->next_step;
  for (; s->next_step < s->steps; s->next_step++) {
    struct step *step = &s->step[s->next_step];
    if (step->kind == SEND || step->kind == RECV) {
      step->request = vbmpi_coll_message(step->kind == SEND, step->to, step->count, step->type, step->rank, s->tag, step->comm);
    } else if (step->kind == WAIT) {
      struct step *message = &s->step[step->count];
      if (!message->request->complete) break;
      finish_message(s, message->request);
      message->request = 0;
    } else if (step->kind == COPY) {
      vbmpi_coll_copy(step->from, step->count, step->type, step->to, step->to_count, step->to_type);
    } else {
      vbmpi_reduce_local(&step->reduction, step->from, step->to, step->count);
    }
  }
  return s->next_step != from;
}

void vbmpi_schedule_start(struct vbmpi_request *request) {
  struct vbmpi_schedule *s = request->schedule;
  request->active = true;
  request->complete = false;
  request->error = MPI_SUCCESS;
  request->status_source = MPI_ANY_SOURCE;
  s->next_step = 0;
  advance(s);
  if (s->next_step == s->steps) {
    vbmpi_request_complete(request);
    return;
  }
  /* In the order of their starts. */
  struct vbmpi_schedule **link = &vbmpi_schedules;
  while (*link) link = &(*link)->next;
  s->next = 0;
  *link = s;
}

bool vbmpi_schedules_advance(void) {
  bool any = false;
  for (struct vbmpi_schedule **link = &vbmpi_schedules, *s; (s = *link) != 0;) {
    any |= advance(s);
    if (s->next_step < s->steps) {
      link = &s->next;
      continue;
    }
    *link = s->next;
    vbmpi_request_complete(s->request);
  }
  return any;
}

void vbmpi_schedule_free(struct vbmpi_schedule *s) {
  for (size_t i = 0; i < s->scratches; i++) free(s->scratch[i]);
  for (size_t i = 0; i < s->types; i++) vbmpi_type_release(s->type[i]);
  free(s->scratch);
  free(s->type);
  free(s->step);
  free(s);
}
