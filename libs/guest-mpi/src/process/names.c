/*
 * Names of services (MPI-3.1, section 10.4.4). Rank 0 of the job keeps them, and answers the others inside any of its MPI calls; so whoever looks a
 * name up after its MPI_Publish_name has returned finds it, wherever it is.
 *
 * All ranks run one program, so either all of them have this file or none: MPI_Init looks whether it is there (vbmpi_names_begin).
 */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "device/device.h"
#include "pt2pt/check.h"
#include "rma/rma.h"

#define QUESTION_TAG 0x30000000
#define ANSWER_TAG 0x30000001
#define MOST_NAMES 4096

enum what { PUBLISH, UNPUBLISH, LOOK_UP };
struct question {
  int what;
  int from;
  char service[MPI_MAX_PORT_NAME];
  char port[MPI_MAX_PORT_NAME];
};
struct answer {
  int error;
  char port[MPI_MAX_PORT_NAME];
};

struct name {
  struct name *next;
  int owner;
  char service[MPI_MAX_PORT_NAME];
  char port[MPI_MAX_PORT_NAME];
};
static struct name *names;
static int count;

static struct answer decide(const struct question *question) {
  struct answer answer = {.error = MPI_SUCCESS};
  struct name **link = &names;
  while (*link && strcmp((*link)->service, question->service) != 0) link = &(*link)->next;
  struct name *found = *link;
  if (question->what == LOOK_UP) {
    if (found) memcpy(answer.port, found->port, sizeof answer.port);
    if (found == 0) answer.error = MPI_ERR_NAME;
  } else if (question->what == UNPUBLISH) {
    if (found == 0 || strcmp(found->port, question->port) != 0) {
      answer.error = MPI_ERR_SERVICE;
    } else if (found->owner != question->from) {
      answer.error = MPI_ERR_ACCESS;
    } else {
      *link = found->next;
      free(found);
      count--;
    }
  } else if (found) {
    answer.error = MPI_ERR_SERVICE;
  } else {
    struct name *name = count < MOST_NAMES ? calloc(1, sizeof *name) : 0;
    if (name == 0) return (struct answer){.error = MPI_ERR_NO_SPACE};
    name->owner = question->from;
    memcpy(name->service, question->service, sizeof name->service);
    memcpy(name->port, question->port, sizeof name->port);
    name->next = names;
    names = name;
    count++;
  }
  return answer;
}

/* --- rank 0's side: one receive that is always there --- */

static struct question incoming;
static struct vbmpi_request *listening;

static void listen(void) {
  listening = vbmpi_coll_message(false, &incoming, sizeof incoming, MPI_BYTE, MPI_ANY_SOURCE, QUESTION_TAG, vbmpi_meeting_of_all());
}

static bool serve(void) {
  static bool inside;
  bool any = vbmpi_windows_progress();
  /* A question is an expected message, of which only its receive knows. */
  vbmpi_device.windows_busy = true;
  if (inside || !listening->complete) return any;
  inside = true;
  vbmpi_request_free(listening);
  struct answer *answer = vbmpi_scratch(sizeof *answer);
  *answer = decide(&incoming);
  struct vbmpi_request *reply = vbmpi_coll_message(true, answer, sizeof *answer, MPI_BYTE, incoming.from, ANSWER_TAG, vbmpi_meeting_of_all());
  /* The reply frees itself, and its bytes with it. */
  if (reply->complete) {
    vbmpi_request_free(reply);
    free(answer);
  } else {
    reply->bounce = answer;
    reply->freed = true;
  }
  listen();
  inside = false;
  return true;
}

void vbmpi_names_begin(void) {
  if (vbmpi_device.rank != 0) return;
  listen();
  vbmpi_device.windows_progress = serve;
  vbmpi_device.windows_busy = true;
}

/* --- everybody's --- */

static struct answer ask(struct question *question, const char *function) {
  question->from = vbmpi_device.rank;
  if (vbmpi_device.rank == 0) return decide(question);
  struct answer answer;
  struct vbmpi_comm *all = vbmpi_meeting_of_all();
  vbmpi_coll_enter_part(function, vbmpi_comm_of(MPI_COMM_SELF));
  struct vbmpi_request *reply = vbmpi_coll_message(false, &answer, sizeof answer, MPI_BYTE, 0, ANSWER_TAG, all);
  vbmpi_coll_wait(vbmpi_coll_message(true, question, sizeof *question, MPI_BYTE, 0, QUESTION_TAG, all));
  vbmpi_coll_wait(reply);
  vbmpi_coll_leave();
  return answer;
}

static int act(enum what what, const char *service, const char *port, char *found, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (service == 0 || strlen(service) >= MPI_MAX_PORT_NAME) return vbmpi_fail(0, MPI_ERR_SERVICE, function, "a service's name has at most %d characters", MPI_MAX_PORT_NAME - 1);
  if (port != 0 && strlen(port) >= MPI_MAX_PORT_NAME) return vbmpi_fail(0, MPI_ERR_PORT, function, "a port's name has at most %d characters", MPI_MAX_PORT_NAME - 1);
  struct question question = {.what = what};
  strcpy(question.service, service);
  if (port) strcpy(question.port, port);
  struct answer answer = ask(&question, function);
  switch (answer.error) {
    case MPI_SUCCESS: break;
    case MPI_ERR_NAME: return vbmpi_fail(0, MPI_ERR_NAME, function, "no service %s is published", service);
    case MPI_ERR_ACCESS: return vbmpi_fail(0, MPI_ERR_ACCESS, function, "service %s was published by another rank", service);
    case MPI_ERR_NO_SPACE: return vbmpi_fail(0, MPI_ERR_NO_SPACE, function, "%d services are published", MOST_NAMES);
    default: return vbmpi_fail(0, MPI_ERR_SERVICE, function, what == PUBLISH ? "service %s is published already" : "service %s is not published at this port", service);
  }
  if (found) strcpy(found, answer.port);
  return MPI_SUCCESS;
}

int PMPI_Publish_name(const char *service, MPI_Info info, const char *port) {
  (void)info;
  return act(PUBLISH, service, port, 0, "MPI_Publish_name");
}
VBMPI_ALIAS(Publish_name)

int PMPI_Unpublish_name(const char *service, MPI_Info info, const char *port) {
  (void)info;
  return act(UNPUBLISH, service, port, 0, "MPI_Unpublish_name");
}
VBMPI_ALIAS(Unpublish_name)

int PMPI_Lookup_name(const char *service, MPI_Info info, char *port) {
  (void)info;
  return act(LOOK_UP, service, 0, port, "MPI_Lookup_name");
}
VBMPI_ALIAS(Lookup_name)
