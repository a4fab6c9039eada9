#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/wait.h"

enum { MOST_CALLS = 20000, MOST_FUNCTIONS = 512 };

struct call {
  const char *function;
  uint64_t began, took;
};
struct function {
  const char *name;
  uint64_t count, took, longest;
};
struct flow {
  uint64_t messages, bytes;
};

bool vbmpi_tracing;
static struct call *calls;
static struct function *functions;
static struct flow *flows;   /* by process of the job */
static int flows_known;
static uint32_t calls_used;
static uint64_t calls_all, start;
static int depth;

void vbmpi_trace_begin(void) {
  const char *wish = getenv("VERBENA_TRACE_MPI");
  if (wish == 0 || *wish == '\0' || strcmp(wish, "0") == 0) return;
  calls = malloc(MOST_CALLS * sizeof *calls);
  functions = calloc(MOST_FUNCTIONS, sizeof *functions);
  flows_known = vbmpi_device.size;
  flows = calloc((size_t)flows_known, sizeof *flows);
  if (calls == 0 || functions == 0 || flows == 0) {
    fprintf(stderr, "rank %d: no memory to trace MPI calls\n", vbmpi_device.rank);
    return;
  }
  start = vbmpi_now_ns();
  vbmpi_tracing = true;
}

/* The job has got more processes. */
static bool know_more_flows(void) {
  struct flow *more = realloc(flows, (size_t)vbmpi_device.size * sizeof *flows);
  if (more == 0) return false;
  memset(more + flows_known, 0, (size_t)(vbmpi_device.size - flows_known) * sizeof *flows);
  flows = more;
  flows_known = vbmpi_device.size;
  return true;
}

void vbmpi_trace_enter(struct vbmpi_scope *scope, const char *function) {
  if (depth++ == 0) scope->began = vbmpi_now_ns();
  scope->call = function;
}

/* Names are literals, so that most compare by address; one function may have several. */
static struct function *find(const char *name) {
  for (uint32_t i = 0; i < MOST_FUNCTIONS; i++) {
    if (functions[i].name == 0) functions[i].name = name;
    if (functions[i].name == name || strcmp(functions[i].name, name) == 0) return &functions[i];
  }
  return 0;
}

void vbmpi_trace_leave(const struct vbmpi_scope *scope) {
  if (--depth != 0 || !vbmpi_tracing) return;
  uint64_t took = vbmpi_now_ns() - scope->began;
  struct function *function = find(scope->call);
  if (function) {
    function->count++;
    function->took += took;
    if (took > function->longest) function->longest = took;
  }
  calls_all++;
  if (calls_used < MOST_CALLS) calls[calls_used++] = (struct call){scope->call, scope->began - start, took};
}

void vbmpi_trace_sent(int world, size_t bytes) {
  if (world >= flows_known && !know_more_flows()) return;
  flows[world].messages++;
  flows[world].bytes += bytes;
}

static void write_all(FILE *file) {
  unsigned long long elapsed = vbmpi_now_ns() - start;
  fprintf(file, "{\"verbena_mpi_trace\":1,\"rank\":%d,\"size\":%d,\"elapsed_ns\":%llu,\"calls\":%llu,\"dropped\":%llu}\n", vbmpi_device.rank, vbmpi_device.size,
          elapsed, (unsigned long long)calls_all, (unsigned long long)(calls_all - calls_used));
  for (int peer = 0; peer < flows_known; peer++)
    if (flows[peer].messages)
      fprintf(file, "{\"peer\":%d,\"messages\":%llu,\"bytes\":%llu}\n", peer, (unsigned long long)flows[peer].messages, (unsigned long long)flows[peer].bytes);
  for (uint32_t i = 0; i < MOST_FUNCTIONS && functions[i].name; i++)
    fprintf(file, "{\"call\":\"%s\",\"count\":%llu,\"ns\":%llu,\"longest_ns\":%llu}\n", functions[i].name, (unsigned long long)functions[i].count,
            (unsigned long long)functions[i].took, (unsigned long long)functions[i].longest);
  for (uint32_t i = 0; i < calls_used; i++)
    fprintf(file, "[\"%s\",%llu,%llu]\n", calls[i].function, (unsigned long long)calls[i].began, (unsigned long long)calls[i].took);
}

void vbmpi_trace_end(void) {
  if (!vbmpi_tracing) return;
  vbmpi_tracing = false;
  FILE *file = fopen(VBMPI_TRACE_FILE, "w");
  if (file) write_all(file);
  if (file == 0 || fclose(file) != 0) fprintf(stderr, "rank %d: the trace of the MPI calls could not be written to %s\n", vbmpi_device.rank, VBMPI_TRACE_FILE);
}
