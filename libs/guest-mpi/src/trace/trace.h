/*
 * What a rank did in MPI, for programs that run with VERBENA_TRACE_MPI=1: messages and bytes to each peer (the communication matrix), how often and how
 * long each function was called (a profile in the manner of mpiP), and the first calls with their times (a timeline). Kept in this memory,
 * bounded, and written to TRACE_FILE in the rank's scratch directory by MPI_Finalize. Untraced, a call pays one look at a flag.
 *
 * The file has one JSON value a line:
 *   {"verbena_mpi_trace":1,"rank":0,"size":4,"elapsed_ns":1,"calls":2,"dropped":0}   time from the end of MPI_Init to MPI_Finalize
 *   {"peer":1,"messages":1,"bytes":8}                                                 data sent to a rank of MPI_COMM_WORLD
 *   {"call":"MPI_Send","count":1,"ns":310,"longest_ns":310}
 *   ["MPI_Send",1200,310]                                                             began, took; nanoseconds since the end of MPI_Init
 */
#ifndef VBMPI_TRACE_H
#define VBMPI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VBMPI_TRACE_FILE "/mpi-trace.jsonl"

extern bool vbmpi_tracing;

/* One call of the user's, from its entry to its return. Calls within it are part of it. */
struct vbmpi_scope {
  const char *call;
  uint64_t began;
};

/* Reads VERBENA_TRACE_MPI; time begins. */
void vbmpi_trace_begin(void);
void vbmpi_trace_enter(struct vbmpi_scope *scope, const char *function);
void vbmpi_trace_leave(const struct vbmpi_scope *scope);
/* A message with data to a rank of MPI_COMM_WORLD. */
void vbmpi_trace_sent(int world, size_t bytes);
/* Writes the file, and traces no more. */
void vbmpi_trace_end(void);

static inline void vbmpi_scope_end(const struct vbmpi_scope *scope) {
  if (__builtin_expect(scope->call != 0, 0)) vbmpi_trace_leave(scope);
}

/* In a function of the user's: from here to its return is one call. Where it stands twice in a function, the second is within the first. */
#define VBMPI_SCOPE_NAME(line) VBMPI_SCOPE_JOIN(scope_, line)
#define VBMPI_SCOPE_JOIN(name, line) name##line
#define VBMPI_TRACED(function)                                                                       \
  __attribute__((cleanup(vbmpi_scope_end))) struct vbmpi_scope VBMPI_SCOPE_NAME(__LINE__) = {0, 0};  \
  if (__builtin_expect(vbmpi_tracing, 0)) vbmpi_trace_enter(&VBMPI_SCOPE_NAME(__LINE__), function);

static inline void vbmpi_count_peer(int world, size_t bytes) {
  if (__builtin_expect(vbmpi_tracing, 0)) vbmpi_trace_sent(world, bytes);
}

#endif
