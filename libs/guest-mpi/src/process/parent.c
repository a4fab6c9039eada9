/* The children's side of MPI_Comm_spawn (MPI-3.1, section 10.3.2): in MPI_Init they meet those who wait for them in MPI_Comm_spawn. */
#include "parent.h"

#include <stdlib.h>

#include "coll/entry.h"
#include "device/device.h"

MPI_Comm vbmpi_parent = MPI_COMM_NULL;

/* The parents' root learns which command each of the new processes runs, so which could be had. */
static void tell_numbers(struct vbmpi_comm *world, int root, int first) {
  int mine = (int)vb_boot_info()->app_number, *all = vbmpi_scratch((size_t)world->size * sizeof *all);
  vbmpi_gather(&mine, 1, MPI_INT, all, 1, MPI_INT, 0, world);
  if (world->rank == 0)
    vbmpi_coll_wait(vbmpi_coll_message(true, all, (size_t)world->size, MPI_INT, root, VBMPI_SPAWN_NUMBERS_TAG | first, vbmpi_meeting_of_all()));
  free(all);
}

void vbmpi_parent_meet(const char *function) {
  uint32_t root = vb_boot_info()->parent;
  if (root == VB_NO_PARENT) return;
  struct vbmpi_comm *world = vbmpi_comm_of(MPI_COMM_WORLD);
  int first = vbmpi_device.world_first;
  vbmpi_coll_enter_part(function, world);
  tell_numbers(world, (int)root, first);
  vbmpi_inter_make(world, 0, world->rank == 0 ? vbmpi_meeting_of_all() : 0, (int)root, VBMPI_SPAWN_TAG | first, function, &vbmpi_parent);
  vbmpi_check_hide(&vbmpi_comms, VBMPI_INDEX(vbmpi_parent));
}

int PMPI_Comm_get_parent(MPI_Comm *parent) {
  VBMPI_MAIN_CHECK("MPI_Comm_get_parent")
  *parent = vbmpi_parent;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_get_parent)
