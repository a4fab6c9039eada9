/*
 * Making processes (MPI-3.1, section 10.3). The root asks the hypervisor, and with it the scheduler, for free cores. While it waits, all processes of the job
 * are asked to stop their channels as for a move, and find more peers when they go on (device/connect.c); the new ones connect in their MPI_Init. Then both
 * groups meet as those of MPI_Intercomm_create do. docs/decisions/0022-spawned-processes.md argues it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "device/device.h"
#include "device/wait.h"
#include "parent.h"
#include "pt2pt/check.h"

/* What all of the communicator learn of the root's request. */
struct verdict {
  int error;      /* an error class */
  int first;      /* process of the job that is rank 0 of the new world */
  int wanted;     /* processes that were asked for */
  char text[160];
};

struct order {
  int count;
  char *const *commands;
  char ***argvs;
  const int *most;
  const MPI_Info *infos;
};

static void refuse(struct verdict *verdict, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void refuse(struct verdict *verdict, int error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
  va_end(arguments);
  verdict->error = error;
}

/* --- the request as the hypervisor reads it --- */

struct text {
  char *at;
  size_t used;
  bool full;
};

static void put(struct text *text, const void *bytes, size_t length) {
  text->full |= text->used + length > VB_SPAWN_MAX;
  if (text->full) return;
  memcpy(text->at + text->used, bytes, length);
  text->used += length;
}

static void put_string(struct text *text, const char *string) { put(text, string, strlen(string) + 1); }

static void put_info(struct text *text, MPI_Info info, const char *key) {
  char value[MPI_MAX_INFO_VAL + 1] = "";
  int given = 0;
  if (info != MPI_INFO_NULL) PMPI_Info_get(info, key, MPI_MAX_INFO_VAL, value, &given);
  put_string(text, given ? value : "");
}

static void put_command(struct text *text, const struct order *order, int i) {
  struct vb_spawn_command header = {.most = (uint32_t)order->most[i]};
  size_t at = text->used;
  put(text, &header, sizeof header);
  size_t strings = text->used;
  put_string(text, order->commands[i]);
  put_info(text, order->infos[i], "soft");
  put_info(text, order->infos[i], "host");
  put_info(text, order->infos[i], "wdir");
  char **arguments = order->argvs == MPI_ARGVS_NULL ? MPI_ARGV_NULL : order->argvs[i];
  for (; arguments != MPI_ARGV_NULL && *arguments; arguments++, header.arguments++) put_string(text, *arguments);
  header.bytes = (uint32_t)(text->used - strings);
  if (!text->full) memcpy(text->at + at, &header, sizeof header);
}

static int check_order(const struct order *order, struct verdict *verdict) {
  if (order->count < 1 || order->count > (int)VB_SPAWN_COMMANDS) {
    refuse(verdict, MPI_ERR_ARG, "%d commands: 1 to %u are possible", order->count, VB_SPAWN_COMMANDS);
    return verdict->error;
  }
  long long wanted = 0;
  for (int i = 0; i < order->count; i++) {
    if (order->commands == 0 || order->commands[i] == 0) refuse(verdict, MPI_ERR_ARG, "command %d is NULL", i);
    else if (order->most[i] < 0) refuse(verdict, MPI_ERR_ARG, "%d processes of command %d", order->most[i], i);
    wanted += order->most[i];
  }
  if (verdict->error == MPI_SUCCESS && (wanted < 1 || wanted > 65536)) refuse(verdict, MPI_ERR_ARG, "%lld processes were asked for", wanted);
  if (verdict->error == MPI_SUCCESS) verdict->wanted = (int)wanted;
  return verdict->error;
}

/* --- the answer --- */

/* Not blocked: the host knows of nothing that this waits for, and must not take it for a deadlock. */
static uint32_t await_answer(void) {
  volatile struct vb_event_page *events = vb_event_page();
  uint32_t answer;
  while ((answer = __atomic_load_n(&events->spawn, __ATOMIC_ACQUIRE)) == VB_SPAWN_PENDING)
    if (!vbmpi_progress()) vbmpi_nap(1000000);
  return answer;
}

static void read_answer(uint32_t answer, const struct order *order, struct verdict *verdict) {
  uint32_t value = answer >> VB_SPAWN_VALUE_SHIFT;
  switch (answer & VB_SPAWN_ANSWER_MASK) {
    case VB_SPAWN_GRANTED:
      verdict->first = (int)value;
      while (vbmpi_device.size <= verdict->first)
        if (!vbmpi_progress()) vbmpi_nap(1000000);
      return;
    case VB_SPAWN_NO_CORES:
      refuse(verdict, MPI_ERR_SPAWN, "%d processes were asked for, and there is room for %u more now", verdict->wanted, value);
      return;
    case VB_SPAWN_NO_PROGRAM:
      refuse(verdict, MPI_ERR_SPAWN, "there is no program %.80s: name this one, or an image", value < (uint32_t)order->count ? order->commands[value] : "?");
      return;
    default: refuse(verdict, MPI_ERR_SPAWN, "this job gets no more processes now: it is being moved or saved, or a rank made no MPI call for long");
  }
}

static void ask(const struct order *order, struct verdict *verdict) {
  if (check_order(order, verdict)) return;
  struct text text = {.at = vbmpi_scratch(VB_SPAWN_MAX)};
  struct vb_spawn_request request = {.commands = (uint32_t)order->count};
  put(&text, &request, sizeof request);
  for (int i = 0; i < order->count; i++) put_command(&text, order, i);
  __atomic_store_n(&vb_event_page()->spawn, VB_SPAWN_PENDING, __ATOMIC_RELEASE);
  int32_t result = text.full ? VB_EINVAL : vb_hypercall(VB_HC_SPAWN, (uint32_t)(uintptr_t)text.at, (uint32_t)text.used, 0, 0);
  free(text.at);
  if (text.full) refuse(verdict, MPI_ERR_ARG, "commands, arguments and info values have more than %u bytes", VB_SPAWN_MAX);
  else if (result < 0) refuse(verdict, MPI_ERR_SPAWN, "nobody gives this job more processes here (result %d)", (int)result);
  else read_answer(await_answer(), order, verdict);
}

/* By process of the new world, the command that it runs, as rank 0 of it tells; returns how many there are. */
static int learn_numbers(int numbers[], const struct verdict *verdict) {
  struct vbmpi_request *told = vbmpi_coll_message(false, numbers, (size_t)verdict->wanted, MPI_INT, verdict->first,
                                                  VBMPI_SPAWN_NUMBERS_TAG | verdict->first, vbmpi_meeting_of_all());
  vbmpi_wait_request(told);
  int made = (int)(told->status_bytes / sizeof(int));
  vbmpi_request_free(told);
  return made;
}

/* Those of each command that were made come first. */
static void fill_codes(const struct order *order, const struct verdict *verdict, int codes[]) {
  int *numbers = vbmpi_scratch((size_t)verdict->wanted * sizeof *numbers);
  int made = verdict->error == MPI_SUCCESS ? learn_numbers(numbers, verdict) : 0;
  for (int i = 0, at = 0, next = 0; i < order->count; i++)
    for (int k = 0; k < order->most[i]; k++) {
      bool there = next < made && numbers[next] == i;
      next += there;
      codes[at++] = there ? MPI_SUCCESS : MPI_ERR_SPAWN;
    }
  free(numbers);
}

static int spawn(const struct order *order, int root, MPI_Comm comm, MPI_Comm *inter, int codes[], const char *function) {
  VBMPI_COMM(c, comm, function)
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "an inter-communicator cannot spawn");
  int result = vbmpi_check_root(c, root, function);
  if (result) return result;
  *inter = MPI_COMM_NULL;
  struct verdict verdict = {.error = MPI_SUCCESS};
  if (c->rank == root) ask(order, &verdict);
  VBMPI_COLLECTIVE(function, c)
  vbmpi_bcast(&verdict, sizeof verdict, MPI_BYTE, root, c);
  if (verdict.wanted > 0) {
    int *all = vbmpi_scratch((size_t)verdict.wanted * sizeof *all);
    if (c->rank == root) fill_codes(order, &verdict, all);
    vbmpi_bcast(all, (size_t)verdict.wanted, MPI_INT, root, c);
    if (codes != MPI_ERRCODES_IGNORE) memcpy(codes, all, (size_t)verdict.wanted * sizeof *all);
    free(all);
  }
  if (verdict.error == MPI_SUCCESS)
    return vbmpi_inter_make(c, root, c->rank == root ? vbmpi_meeting_of_all() : 0, verdict.first, VBMPI_SPAWN_TAG | verdict.first, function, inter);
  vbmpi_coll_leave();
  return vbmpi_fail(c, verdict.error, function, "%s", verdict.text);
}

int PMPI_Comm_spawn(const char *command, char *argv[], int most, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter, int codes[]) {
  char *commands[] = {(char *)(uintptr_t)command};
  char **argvs[] = {argv};
  struct order order = {1, commands, argvs, &most, &info};
  return spawn(&order, root, comm, inter, codes, "MPI_Comm_spawn");
}
VBMPI_ALIAS(Comm_spawn)

int PMPI_Comm_spawn_multiple(int count, char *commands[], char **argvs[], const int most[], const MPI_Info infos[], int root, MPI_Comm comm,
                             MPI_Comm *inter, int codes[]) {
  struct order order = {count, commands, argvs, most, infos};
  return spawn(&order, root, comm, inter, codes, "MPI_Comm_spawn_multiple");
}
VBMPI_ALIAS(Comm_spawn_multiple)

int PMPI_Comm_join(int descriptor, MPI_Comm *inter) {
  VBMPI_MAIN_CHECK("MPI_Comm_join")
  (void)descriptor;
  *inter = MPI_COMM_NULL;
  return vbmpi_fail(vbmpi_comm_of(MPI_COMM_SELF), MPI_ERR_UNSUPPORTED_OPERATION, "MPI_Comm_join",
                    "a guest has no sockets: use MPI_Comm_accept and MPI_Comm_connect");
}
VBMPI_ALIAS(Comm_join)
