/* Communicators of groups alone (MPI-4.0, sections 7.4.2 and 7.6.2): the members meet in the meetings' context, where the string is their tag. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "comm/comm.h"
#include "device/device.h"
#include "session.h"

#define FROM_GROUP 0x10000000
#define BETWEEN_GROUPS 0x08000000
#define TAG_BITS 0x07ffffffu

/* FNV-1a. Two strings of the same tag only meet when the same processes use both at the same time, in different orders. */
static int tag_of(const char *string) {
  uint32_t hash = 2166136261u;
  for (; *string; string++) hash = (hash ^ (uint8_t)*string) * 16777619u;
  return (int)((hash ^ (hash >> 27)) & TAG_BITS);
}

static int check(MPI_Group handle, const char *tag, MPI_Errhandler handler, const char *function, struct vbmpi_group **group) {
  VBMPI_MAIN_CHECK(function)
  if (!vbmpi_errhandler_exists(handler)) return vbmpi_session_fail(MPI_ERRORS_ARE_FATAL, MPI_SESSION_NULL, MPI_ERR_ERRHANDLER, function, "invalid error handler");
  *group = vbmpi_group_lookup(handle);
  if (*group == 0) return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_GROUP, function, "invalid group");
  if (tag == 0 || strlen(tag) >= MPI_MAX_STRINGTAG_LEN)
    return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_ARG, function, "a tag has at most %d characters", MPI_MAX_STRINGTAG_LEN - 1);
  return MPI_SUCCESS;
}

int PMPI_Comm_create_from_group(MPI_Group group, const char *tag, MPI_Info info, MPI_Errhandler handler, MPI_Comm *made) {
  const char *function = "MPI_Comm_create_from_group";
  struct vbmpi_group *g;
  (void)info;
  int result = check(group, tag, handler, function, &g);
  if (result) return result;
  *made = MPI_COMM_NULL;
  if (g->size == 0) return MPI_SUCCESS;
  if (g->rank == MPI_UNDEFINED) return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_GROUP, function, "this process is not in the group");
  struct vbmpi_comm *meeting = vbmpi_meeting_new(g, FROM_GROUP | tag_of(tag), function);
  meeting->errhandler = handler;
  vbmpi_coll_enter_part(function, meeting);
  int context = vbmpi_context_agree(meeting);
  result = vbmpi_coll_leave();
  if (result == MPI_SUCCESS && context < 0) result = vbmpi_no_context(meeting, function);
  if (result == MPI_SUCCESS) {
    g->references++;
    result = vbmpi_comm_publish(meeting, g, context, function, made);
  }
  vbmpi_meeting_free(meeting);
  return result;
}
VBMPI_ALIAS(Comm_create_from_group)

int PMPI_Intercomm_create_from_groups(MPI_Group local, int leader, MPI_Group remote, int remote_leader, const char *tag, MPI_Info info,
                                      MPI_Errhandler handler, MPI_Comm *made) {
  const char *function = "MPI_Intercomm_create_from_groups";
  struct vbmpi_group *own, *other;
  (void)info;
  int result = check(local, tag, handler, function, &own);
  if (result == MPI_SUCCESS) result = check(remote, tag, handler, function, &other);
  if (result) return result;
  *made = MPI_COMM_NULL;
  if (own->rank == MPI_UNDEFINED) return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_GROUP, function, "this process is not in the local group");
  if (leader < 0 || leader >= own->size) return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_RANK, function, "invalid local leader %d", leader);
  if (remote_leader < 0 || remote_leader >= other->size)
    return vbmpi_session_fail(handler, MPI_SESSION_NULL, MPI_ERR_RANK, function, "invalid remote leader %d", remote_leader);
  int number = tag_of(tag);
  struct vbmpi_comm *meeting = vbmpi_meeting_new(own, FROM_GROUP | number, function);
  meeting->errhandler = handler;
  vbmpi_coll_enter_part(function, meeting);
  result = vbmpi_inter_make(meeting, leader, vbmpi_meeting_of_all(), other->world[remote_leader], BETWEEN_GROUPS | number, function, made);
  vbmpi_meeting_free(meeting);
  return result;
}
VBMPI_ALIAS(Intercomm_create_from_groups)
