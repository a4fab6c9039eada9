/* Do all ranks of a communicator call the same collective with the same root, operation and length (MPI-3.1, section 5.1)? */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "coll/coll.h"
#include "env/error.h"

struct card {
  char function[40];
  char place[80];
  struct vbmpi_agreement values;
};

static bool differ(long long mine, long long theirs) { return mine != VBMPI_ANYTHING && theirs != VBMPI_ANYTHING && mine != theirs; }

void vbmpi_check_agreement(const char *function, const struct vbmpi_agreement *mine, struct vbmpi_comm *comm) {
  if (comm->local || comm->size == 1) return;
  struct card own = {.values = *mine}, first;
  snprintf(own.function, sizeof own.function, "%s", function);
  vbmpi_describe_site(own.place, sizeof own.place, &vbmpi_site);
  first = own;
  vbmpi_bcast_binomial(&first, sizeof first, MPI_BYTE, 0, comm);
  if (strcmp(own.function, first.function) != 0)
    vbmpi_fatal(MPI_ERR_NOT_SAME, function, "rank 0 of %s calls %s%s: a collective is called by all ranks in the same order", comm->name, first.function,
                first.place);
  if (differ(own.values.root, first.values.root))
    vbmpi_fatal(MPI_ERR_ROOT, function, "the root is %d here and %d at rank 0 of %s%s", own.values.root, first.values.root, comm->name, first.place);
  if (differ(own.values.op, first.values.op))
    vbmpi_fatal(MPI_ERR_OP, function, "the operation is not that of rank 0 of %s%s", comm->name, first.place);
  if (differ(own.values.bytes, first.values.bytes))
    vbmpi_fatal(MPI_ERR_COUNT, function, "%lld bytes here and %lld at rank 0 of %s%s", own.values.bytes, first.values.bytes, comm->name, first.place);
}
