/*
 * Ports (MPI-3.1, section 10.4): two communicators of one job find each other.
 *
 * A port's name says whose it is and which of its ports. The root that connects sends a word to the port's owner, whose accept takes the words in the
 * order of their arrival; then both roots exchange their groups as the leaders of MPI_Intercomm_create do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "device/device.h"
#include "pt2pt/check.h"

#define PREFIX "verbena-port:"
#define CALL_TAG 0x20000000   /* the word of one who connects, in the context of meetings */
#define PORTS 1024

static bool opened[PORTS];

int PMPI_Open_port(MPI_Info info, char *port) {
  VBMPI_MAIN_CHECK("MPI_Open_port")
  (void)info;
  int number = 0;
  while (number < PORTS && opened[number]) number++;
  if (number == PORTS) return vbmpi_fail(0, MPI_ERR_NO_SPACE, "MPI_Open_port", "%d ports are open: close some with MPI_Close_port", PORTS);
  opened[number] = true;
  snprintf(port, MPI_MAX_PORT_NAME, PREFIX "%d.%d", vbmpi_device.rank, number);
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Open_port)

/* Whose port a name means, and its number; false for what is no name of a port. */
static bool parse(const char *port, int *owner, int *number) {
  char end;
  return sscanf(port, PREFIX "%d.%d%c", owner, number, &end) == 2 && *owner >= 0 && *owner < vbmpi_device.size && *number >= 0 && *number < PORTS;
}

static bool is_mine(const char *port, int *number) {
  int owner;
  return parse(port, &owner, number) && owner == vbmpi_device.rank && opened[*number];
}

int PMPI_Close_port(const char *port) {
  VBMPI_MAIN_CHECK("MPI_Close_port")
  int number;
  if (!is_mine(port, &number)) return vbmpi_fail(0, MPI_ERR_PORT, "MPI_Close_port", "%s is not a port that this process has open", port);
  opened[number] = false;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Close_port)

/* Rank in MPI_COMM_WORLD of the next that connects. */
static int answer_call(int number) {
  int word;
  struct vbmpi_request *call = vbmpi_coll_message(false, &word, 1, MPI_INT, MPI_ANY_SOURCE, CALL_TAG | number, vbmpi_meeting_of_all());
  vbmpi_wait_request(call);
  vbmpi_request_free(call);
  return word;
}

static void make_call(int owner, int number) {
  int word = vbmpi_device.rank;
  vbmpi_coll_wait(vbmpi_coll_message(true, &word, 1, MPI_INT, owner, CALL_TAG | number, vbmpi_meeting_of_all()));
}

/* Only the root reads the name, and all learn from it whether there is such a port. */
static int meet(bool accepts, const char *port, int root, MPI_Comm comm, MPI_Comm *inter, const char *function) {
  VBMPI_COMM(c, comm, function)
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "an inter-communicator cannot meet another group");
  int result = vbmpi_check_root(c, root, function);
  if (result) return result;
  int owner = -1, number = -1, good = 0, remote = -1;
  if (c->rank == root) {
    good = accepts ? is_mine(port, &number) : parse(port, &owner, &number) && owner != vbmpi_device.rank;
    /* A word that comes while the others are not here yet waits. */
  }
  VBMPI_COLLECTIVE(function, c)
  if (good && accepts) remote = answer_call(number);
  if (good && !accepts) make_call(remote = owner, number);
  vbmpi_bcast(&good, 1, MPI_INT, root, c);
  if (good) return vbmpi_inter_make(c, root, c->rank == root ? vbmpi_meeting_of_all() : 0, remote, number, function, inter);
  vbmpi_coll_leave();
  return vbmpi_fail(c, MPI_ERR_PORT, function, accepts ? "the root has no such port open" : "there is no such port, or it is the root's own");
}

int PMPI_Comm_accept(const char *port, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter) {
  (void)info;
  return meet(true, port, root, comm, inter, "MPI_Comm_accept");
}
VBMPI_ALIAS(Comm_accept)

int PMPI_Comm_connect(const char *port, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter) {
  (void)info;
  return meet(false, port, root, comm, inter, "MPI_Comm_connect");
}
VBMPI_ALIAS(Comm_connect)
