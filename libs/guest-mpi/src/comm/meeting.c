#include <stdlib.h>

#include "comm.h"
#include "device/device.h"
#include "env/error.h"

struct vbmpi_comm *vbmpi_meeting_new(struct vbmpi_group *group, int tag, const char *function) {
  struct vbmpi_comm *meeting = vbmpi_comm_new(group, VBMPI_MEETING_CONTEXT, UINT32_MAX);
  if (meeting == 0) vbmpi_fatal(MPI_ERR_NO_MEM, function, "no memory for a communicator of %d", group->size);
  meeting->collective_tag = tag;
  return meeting;
}

void vbmpi_meeting_free(struct vbmpi_comm *meeting) {
  free(meeting->locality);
  free(meeting->from_world);
  free(meeting);
}

struct vbmpi_comm *vbmpi_meeting_of_all(void) {
  static struct vbmpi_comm *all;
  if (all && all->size == vbmpi_device.size) return all;
  struct vbmpi_group *group = vbmpi_group_new(vbmpi_device.size);
  for (int i = 0; i < group->size; i++) group->world[i] = i;
  if (all == 0) return all = vbmpi_meeting_new(group, 0, vbmpi_collective_or_call());
  /* Requests may hold it: it stays where it is. */
  vbmpi_group_release(all->group);
  group->rank = vbmpi_device.rank;
  all->group = group;
  all->size = all->known = group->size;
  return all;
}
