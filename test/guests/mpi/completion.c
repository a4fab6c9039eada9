/* Catches: Wait and Test functions that miss, repeat or mix up completions; null and freed requests; get_status. */
#include "check.h"

#define N 24

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  for (int round = 0; round < 6; round++) {
    int out[N], in[N], seen[N] = {0}, total = 0, index, flag, done, indices[N];
    MPI_Request sends[N], recvs[N + 1];
    MPI_Status status, statuses[N + 1];
    recvs[N] = MPI_REQUEST_NULL;
    for (int i = 0; i < N; i++) MPI_Irecv(&in[i], 1, MPI_INT, left, i, MPI_COMM_WORLD, &recvs[i]);
    if (round % 2) MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i < N; i++) {
      out[i] = pattern(me, round, i);
      MPI_Isend(&out[i], 1, MPI_INT, right, i, MPI_COMM_WORLD, &sends[i]);
    }
    while (total < N) {
      switch (round) {
        case 0:
          MPI_Waitany(N + 1, recvs, &index, &status);
          CHECK(index >= 0 && index < N && !seen[index]++ && status.MPI_TAG == index, "Waitany %d", index);
          total++;
          break;
        case 1:
          MPI_Testany(N + 1, recvs, &index, &flag, &status);
          if (!flag) break;
          CHECK(index >= 0 && index < N && !seen[index]++ && status.MPI_TAG == index, "Testany %d", index);
          total++;
          break;
        case 2:
        case 3:
          if (round == 2) {
            MPI_Waitsome(N + 1, recvs, &done, indices, statuses);
            CHECK(done > 0, "Waitsome %d", done);
          } else {
            MPI_Testsome(N + 1, recvs, &done, indices, statuses);
          }
          for (int i = 0; i < done; i++)
            CHECK(!seen[indices[i]]++ && statuses[i].MPI_TAG == indices[i], "Waitsome or Testsome %d", indices[i]);
          total += done;
          break;
        case 4:
          MPI_Testall(N + 1, recvs, &flag, statuses);
          if (flag) total = N;
          break;
        default:
          MPI_Request_get_status(recvs[0], &flag, &status);
          if (!flag) break;
          MPI_Request_get_status(recvs[0], &flag, &status);
          CHECK(flag && status.MPI_TAG == 0, "get_status changed its mind");
          MPI_Waitall(N + 1, recvs, statuses);
          total = N;
      }
    }
    for (int i = 0; i < N; i++) {
      CHECK(recvs[i] == MPI_REQUEST_NULL, "request %d is still there", i);
      CHECK(in[i] == pattern(left, round, i), "message %d", i);
    }
    MPI_Waitany(N + 1, recvs, &index, &status);
    CHECK(index == MPI_UNDEFINED && status.MPI_SOURCE == MPI_ANY_SOURCE, "Waitany on nothing");
    MPI_Waitsome(N + 1, recvs, &done, indices, statuses);
    CHECK(done == MPI_UNDEFINED, "Waitsome on nothing");
    for (int i = 0; i < N; i += 2) MPI_Request_free(&sends[i]);
    MPI_Waitall(N, sends, MPI_STATUSES_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  return end();
}
