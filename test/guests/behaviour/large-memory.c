/* Catches: memory beyond 2 GiB that cannot be had, addressed, or sent from (addresses with the sign bit). */
#include "../mpi/check.h"

#define MIB ((size_t)1 << 20)

int main(int argc, char **argv) {
  begin(&argc, &argv);
  /* Seven pieces, so that the heap has to grow past 3.5 GiB; the system gives memory to what is touched alone. */
  unsigned char *pieces[7];
  for (int k = 0; k < 7; k++) {
    pieces[k] = malloc(512 * MIB);
    CHECK(pieces[k] != NULL, "piece %d", k);
    for (size_t at = 0; at < 512 * MIB; at += 64 * MIB) memset(pieces[k] + at, pattern(me, k, (int)(at / MIB)) & 0xff, 4096);
  }
  for (int k = 0; k < 7; k++)
    for (size_t at = 0; at < 512 * MIB; at += 64 * MIB) CHECK(pieces[k][at + 4095] == (pattern(me, k, (int)(at / MIB)) & 0xff), "piece %d at %zu", k, at);
  unsigned char *high = pieces[6] + 500 * MIB;
  CHECK((uintptr_t)high > 3u << 30, "the last piece is at %p", (void *)high);
  /* Messages from there and to there: short, eager, and in rendezvous; derived types; collectives. */
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks;
  for (size_t bytes = 8; bytes <= 4 * MIB; bytes *= 8) {
    for (size_t i = 0; i < bytes; i++) high[i] = (unsigned char)(me + i);
    MPI_Sendrecv(high, (int)bytes, MPI_BYTE, right, 1, high + 5 * MIB, (int)bytes, MPI_BYTE, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (size_t i = 0; i < bytes; i++) CHECK(high[5 * MIB + i] == (unsigned char)(left + i), "%zu bytes, byte %zu", bytes, i);
  }
  int *sums = (int *)high;
  for (int i = 0; i < 100000; i++) sums[i] = me + i;
  MPI_Allreduce(MPI_IN_PLACE, sums, 100000, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < 100000; i++) CHECK(sums[i] == ranks * i + ranks * (ranks - 1) / 2, "sum %d", i);
  MPI_Datatype far;
  MPI_Aint displacements[2], base;
  int lengths[2] = {1, 1};
  MPI_Get_address(pieces[0], &displacements[0]);
  MPI_Get_address(high, &displacements[1]);
  MPI_Get_address(pieces[0], &base);
  *(int *)pieces[0] = 10 + me;
  *(int *)high = 20 + me;
  MPI_Type_create_hindexed(2, lengths, displacements, MPI_INT, &far);
  MPI_Type_commit(&far);
  int got[2];
  MPI_Sendrecv(MPI_BOTTOM, 1, far, right, 2, got, 2, MPI_INT, left, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  CHECK(got[0] == 10 + left && got[1] == 20 + left, "by absolute addresses: %d and %d", got[0], got[1]);
  MPI_Type_free(&far);
  for (int k = 0; k < 7; k++) free(pieces[k]);
  /* More than there can be is refused, and the program goes on. */
  void *volatile all = malloc(4095 * MIB);
  CHECK(all == NULL, "4,095 MiB in one piece");
  return end();
}
