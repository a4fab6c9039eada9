/* Catches: a message longer than its receive that writes beyond the buffer, hangs, or is not MPI_ERR_TRUNCATE. */
#include "check.h"

int main(int argc, char **argv) {
  begin(&argc, &argv);
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  static const int lengths[] = {2, 10, 1000, 100000};
  for (int k = 0; k < 4; k++) {
    for (int early = 0; early < 2; early++) {
      int n = lengths[k], *buffer = malloc((n + 1) * sizeof *buffer), go = 0;
      if (me % 2 == 0 && me + 1 < ranks) {
        for (int i = 0; i < n; i++) buffer[i] = i;
        if (early) MPI_Recv(&go, 1, MPI_INT, me + 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Send(buffer, n, MPI_INT, me + 1, 0, MPI_COMM_WORLD);
        MPI_Send(&go, 1, MPI_INT, me + 1, 2, MPI_COMM_WORLD);
      } else if (me % 2 == 1) {
        int room = n / 2, error_class;
        for (int i = 0; i <= n; i++) buffer[i] = -1;
        MPI_Request request;
        MPI_Status status;
        int error;
        if (early) {
          MPI_Irecv(buffer, room, MPI_INT, me - 1, 0, MPI_COMM_WORLD, &request);
          MPI_Send(&go, 1, MPI_INT, me - 1, 1, MPI_COMM_WORLD);
          error = MPI_Wait(&request, &status);
        } else {
          error = MPI_Recv(buffer, room, MPI_INT, me - 1, 0, MPI_COMM_WORLD, &status);
        }
        MPI_Error_class(error, &error_class);
        CHECK(error_class == MPI_ERR_TRUNCATE, "class %d for length %d", error_class, n);
        for (int i = room; i <= n; i++) CHECK(buffer[i] == -1, "index %d of %d was written", i, n);
        MPI_Recv(&go, 1, MPI_INT, me - 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      }
      free(buffer);
    }
  }
  return end();
}
