/* Making processes (MPI-3.1, section 10.3): a job keeps the ranks that it was started with. */
#include "env/error.h"

static int refuse(int count, const int most[], int root, MPI_Comm comm, MPI_Comm *inter, int codes[], const char *function) {
  VBMPI_COMM(c, comm, function)
  /* What to start is known to the root alone. */
  if (c->rank == root && codes != MPI_ERRCODES_IGNORE)
    for (int i = 0, at = 0; i < count; i++)
      for (int k = 0; k < most[i]; k++) codes[at++] = MPI_ERR_SPAWN;
  *inter = MPI_COMM_NULL;
  return vbmpi_fail(c, MPI_ERR_SPAWN, function, "a running job gets no more ranks: start it with as many as it needs");
}

int PMPI_Comm_spawn(const char *command, char *argv[], int most, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter, int codes[]) {
  (void)command, (void)argv, (void)info;
  return refuse(1, &most, root, comm, inter, codes, "MPI_Comm_spawn");
}
VBMPI_ALIAS(Comm_spawn)

int PMPI_Comm_spawn_multiple(int count, char *commands[], char **argvs[], const int most[], const MPI_Info infos[], int root, MPI_Comm comm,
                             MPI_Comm *inter, int codes[]) {
  (void)commands, (void)argvs, (void)infos;
  return refuse(count, most, root, comm, inter, codes, "MPI_Comm_spawn_multiple");
}
VBMPI_ALIAS(Comm_spawn_multiple)

int PMPI_Comm_get_parent(MPI_Comm *parent) {
  VBMPI_MAIN_CHECK("MPI_Comm_get_parent")
  *parent = MPI_COMM_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Comm_get_parent)

int PMPI_Comm_join(int descriptor, MPI_Comm *inter) {
  VBMPI_MAIN_CHECK("MPI_Comm_join")
  (void)descriptor;
  *inter = MPI_COMM_NULL;
  return vbmpi_fail(vbmpi_comm_of(MPI_COMM_SELF), MPI_ERR_UNSUPPORTED_OPERATION, "MPI_Comm_join",
                    "a guest has no sockets: use MPI_Comm_accept and MPI_Comm_connect");
}
VBMPI_ALIAS(Comm_join)
