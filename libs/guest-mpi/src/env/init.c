/* Start and end (MPI-3.1, section 8.7), and what can be asked at any time. */
#define _POSIX_C_SOURCE 200809L

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check/check.h"
#include "coll/choice.h"
#include "coll/coll.h"
#include "device/device.h"
#include "device/quiesce.h"
#include "device/wait.h"
#include "error.h"
#include "init.h"
#include "process/names.h"
#include "process/parent.h"

/* MPI_Init and MPI_Finalize; the library itself (vbmpi_state) also runs while a session is open. */
static int world = VBMPI_NOT_STARTED;
static int sessions;

static void open_library(const char *function) {
  vbmpi_call = function;
  vbmpi_requests_grow();
  vbmpi_device_open();
  vbmpi_check_begin();
  vbmpi_choice_prepare();
  vbmpi_comm_init();
  if (vbmpi_names_begin) vbmpi_names_begin();
  vbmpi_state = VBMPI_RUNNING;
  vbmpi_trace_begin();
  vbmpi_page()->mpi_state = VB_MPI_INITIALIZED;
  vbmpi_parent_meet(function);
}

static int start(int required, int *provided, const char *function) {
  if (world != VBMPI_NOT_STARTED || vbmpi_state == VBMPI_ENDED)
    vbmpi_fatal(MPI_ERR_OTHER, function, world == VBMPI_RUNNING ? "MPI is initialised already" : "called after MPI_Finalize");
  /* The guest has one thread, so any level up to SERIALIZED is met; MULTIPLE is met as far as it can be used. */
  if (provided) *provided = required < MPI_THREAD_MULTIPLE ? required : MPI_THREAD_SERIALIZED;
  if (vbmpi_state == VBMPI_NOT_STARTED) open_library(function);
  world = VBMPI_RUNNING;
  return MPI_SUCCESS;
}

static int provided_level = MPI_THREAD_SINGLE;

int PMPI_Init(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  return start(MPI_THREAD_SINGLE, 0, "MPI_Init");
}
VBMPI_ALIAS(Init)

int PMPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
  (void)argc;
  (void)argv;
  int result = start(required, &provided_level, "MPI_Init_thread");
  if (provided) *provided = provided_level;
  return result;
}
VBMPI_ALIAS(Init_thread)

int PMPI_Query_thread(int *provided) {
  *provided = provided_level;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Query_thread)

int PMPI_Is_thread_main(int *flag) {
  *flag = 1;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Is_thread_main)

/* Sends that were started and freed, or buffered, still have to leave this memory. */
static bool sends_are_out(void) { return vbmpi_device.pending_peers == 0; }

static void describe_finalize(char *text, size_t capacity, const void *subject) {
  (void)subject;
  snprintf(text, capacity, "MPI_Finalize(), for peers to take what was sent to them");
}

static void let_sends_out(void) {
  uint32_t spins = 0;
  while (!sends_are_out()) vbmpi_wait_turn(&spins, describe_finalize, 0);
}

static void meet_all(void) {
  vbmpi_collective = "MPI_Finalize";
  vbmpi_barrier(vbmpi_comm_of(MPI_COMM_WORLD));
  vbmpi_collective = 0;
}

static void close_library(void) {
  vbmpi_call = "MPI_Finalize";
  let_sends_out();
  /* Who is through the barrier may be gone while others are still in it: from here on, lost connections are the normal end. */
  vbmpi_device.finalizing = true;
  meet_all();
  vbmpi_quiesce_end();
  vbmpi_trace_end();
}

static void ended(void) {
  vbmpi_state = VBMPI_ENDED;
  vbmpi_page()->mpi_state = VB_MPI_FINALIZED;
}

int PMPI_Finalize(void) {
  VBMPI_MAIN_CHECK("MPI_Finalize")
  if (world != VBMPI_RUNNING) vbmpi_fatal(MPI_ERR_OTHER, "MPI_Finalize", world == VBMPI_ENDED ? "called twice" : "called before MPI_Init");
  vbmpi_attributes_delete(&vbmpi_comm_of(MPI_COMM_SELF)->attributes, MPI_COMM_SELF);
  if (vbmpi_checking) vbmpi_check_leaks();
  if (sessions == 0) {
    close_library();
  } else {
    let_sends_out();
    meet_all();
  }
  vbmpi_attributes_delete(&vbmpi_comm_of(MPI_COMM_WORLD)->attributes, MPI_COMM_WORLD);
  world = VBMPI_ENDED;
  if (sessions == 0) ended();
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Finalize)

bool vbmpi_session_begins(const char *function) {
  if (vbmpi_state == VBMPI_ENDED) return false;
  if (vbmpi_state == VBMPI_NOT_STARTED) open_library(function);
  sessions++;
  return true;
}

/* The library stays open for further sessions until the program ends, or MPI_Finalize if that is still to come. */
void vbmpi_session_ends(void) {
  if (--sessions > 0 || world != VBMPI_ENDED) return;
  close_library();
  ended();
}

void vbmpi_close_at_exit(void) {
  if (vbmpi_state != VBMPI_RUNNING || sessions > 0 || world != VBMPI_NOT_STARTED) return;
  close_library();
  ended();
}

int PMPI_Initialized(int *flag) {
  *flag = world != VBMPI_NOT_STARTED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Initialized)

int PMPI_Finalized(int *flag) {
  *flag = world == VBMPI_ENDED;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Finalized)

int PMPI_Abort(MPI_Comm comm, int code) {
  struct vbmpi_comm *c = vbmpi_comm_of(comm);
  char text[256];
  snprintf(text, sizeof text, "rank %d: MPI_Abort(comm=%s, code=%d)", (int)vb_boot_info()->rank, c ? c->name : "?", code);
  fprintf(stderr, "%s\n", text);
  vbmpi_abort(code, text);
}
VBMPI_ALIAS(Abort)

int PMPI_Get_version(int *version, int *subversion) {
  *version = MPI_VERSION;
  *subversion = MPI_SUBVERSION;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Get_version)

int PMPI_Get_library_version(char *version, int *length) {
  *length = snprintf(version, MPI_MAX_LIBRARY_VERSION_STRING, "Verbena MPI 0.1.0 (guest interface %u)", VB_ABI_VERSION);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Get_library_version)

int PMPI_Get_processor_name(char *name, int *length) {
  const char *node = (const char *)vb_boot_info()->node_name;
  *length = snprintf(name, MPI_MAX_PROCESSOR_NAME, "%.63s", node);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Get_processor_name)

double PMPI_Wtime(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
VBMPI_ALIAS(Wtime)

double PMPI_Wtick(void) {
  struct timespec tick;
  clock_getres(CLOCK_MONOTONIC, &tick);
  double seconds = (double)tick.tv_sec + (double)tick.tv_nsec * 1e-9;
  return seconds > 0 ? seconds : 1e-9;
}
VBMPI_ALIAS(Wtick)

int PMPI_Alloc_mem(MPI_Aint size, MPI_Info info, void *base) {
  (void)info;
  if (size < 0) return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Alloc_mem", "negative size");
  void *memory = aligned_alloc(64, ((size_t)size + 63) & ~(size_t)63);
  if (memory == 0 && size > 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, "MPI_Alloc_mem", "no memory for %zd bytes", (size_t)size);
  *(void **)base = memory;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Alloc_mem)

int PMPI_Free_mem(void *base) {
  free(base);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Free_mem)

int PMPI_Pcontrol(const int level, ...) {
  (void)level;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Pcontrol)
