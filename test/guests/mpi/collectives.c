/* Catches: any collective that differs from what its definition gives, for every root, several counts (zero, too) and MPI_IN_PLACE. */
#include "check.h"

#define MOST 40000
static int in[16 * MOST + 64], out[16 * MOST + 64];

static void clear(int n) {
  for (int i = 0; i < n + 8; i++) in[i] = -7;
}
#define EXPECT(index, value) CHECK(in[index] == (value), "count %d root %d: index %d is %d, not %d", n, root, (int)(index), in[index], (int)(value))

static void bcast(int n, int root) {
  clear(n);
  for (int i = 0; i < n && me == root; i++) in[i] = pattern(root, n, i);
  MPI_Bcast(in, n, MPI_INT, root, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) EXPECT(i, pattern(root, n, i));
  EXPECT(n, -7);
}

static void gather(int n, int root) {
  clear(n * ranks);
  for (int i = 0; i < n; i++) out[i] = pattern(me, n, i);
  for (int in_place = 0; in_place < 2; in_place++) {
    if (me == root && in_place) memcpy(in + n * me, out, n * sizeof *in);
    MPI_Gather(me == root && in_place ? MPI_IN_PLACE : out, n, MPI_INT, in, n, MPI_INT, root, MPI_COMM_WORLD);
    if (me != root) continue;
    for (int r = 0; r < ranks; r++)
      for (int i = 0; i < n; i++) EXPECT(r * n + i, pattern(r, n, i));
    EXPECT(n * ranks, -7);
    clear(n * ranks);
  }
}

static void scatter(int n, int root) {
  clear(n);
  for (int i = 0; i < n * ranks && me == root; i++) out[i] = pattern(i / (n ? n : 1), n, i % (n ? n : 1));
  MPI_Scatter(out, n, MPI_INT, in, n, MPI_INT, root, MPI_COMM_WORLD);
  for (int i = 0; i < n; i++) EXPECT(i, pattern(me, n, i));
  EXPECT(n, -7);
  if (me == root) clear(n);
  MPI_Scatter(out, n, MPI_INT, me == root ? MPI_IN_PLACE : in, n, MPI_INT, root, MPI_COMM_WORLD);
  for (int i = 0; i < n && me != root; i++) EXPECT(i, pattern(me, n, i));
}

/* Rank r has (r * 3 + n) % 11 elements, with gaps of one between the blocks. */
static void vectors(int n, int root) {
  int counts[64], displs[64], total = 0;
  for (int r = 0; r < ranks; r++) {
    counts[r] = (r * 3 + n) % 11 * (n > 1000 ? 300 : 1);
    displs[r] = total;
    total += counts[r] + 1;
  }
  int own = counts[me];
  for (int i = 0; i < own; i++) out[i] = pattern(me, n, i);
  clear(total);
  MPI_Gatherv(out, own, MPI_INT, in, counts, displs, MPI_INT, root, MPI_COMM_WORLD);
  for (int r = 0; r < ranks && me == root; r++) {
    for (int i = 0; i < counts[r]; i++) EXPECT(displs[r] + i, pattern(r, n, i));
    EXPECT(displs[r] + counts[r], -7);
  }
  clear(total);
  MPI_Allgatherv(out, own, MPI_INT, in, counts, displs, MPI_INT, MPI_COMM_WORLD);
  for (int r = 0; r < ranks; r++) {
    for (int i = 0; i < counts[r]; i++) EXPECT(displs[r] + i, pattern(r, n, i));
    EXPECT(displs[r] + counts[r], -7);
  }
  clear(total);
  memcpy(in + displs[me], out, own * sizeof *in);
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, in, counts, displs, MPI_INT, MPI_COMM_WORLD);
  for (int r = 0; r < ranks; r++)
    for (int i = 0; i < counts[r]; i++) EXPECT(displs[r] + i, pattern(r, n, i));
  memcpy(out, in, (total + 1) * sizeof *out);
  clear(own);
  MPI_Scatterv(out, counts, displs, MPI_INT, in, own, MPI_INT, root, MPI_COMM_WORLD);
  for (int i = 0; i < own; i++) EXPECT(i, pattern(me, n, i));
  EXPECT(own, -7);
}

static void allgather(int n, int root) {
  clear(n * ranks);
  for (int i = 0; i < n; i++) out[i] = pattern(me, n, i);
  MPI_Allgather(out, n, MPI_INT, in, n, MPI_INT, MPI_COMM_WORLD);
  for (int i = 0; i < n * ranks; i++) EXPECT(i, pattern(i / n, n, i % n));
  EXPECT(n * ranks, -7);
  clear(n * ranks);
  memcpy(in + n * me, out, n * sizeof *in);
  MPI_Allgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, in, n, MPI_INT, MPI_COMM_WORLD);
  for (int i = 0; i < n * ranks; i++) EXPECT(i, pattern(i / n, n, i % n));
}

static void alltoall(int n, int root) {
  for (int i = 0; i < n * ranks; i++) out[i] = pattern(me * 64 + i / n, n, i % n);
  clear(n * ranks);
  MPI_Alltoall(out, n, MPI_INT, in, n, MPI_INT, MPI_COMM_WORLD);
  for (int i = 0; i < n * ranks; i++) EXPECT(i, pattern(i / n * 64 + me, n, i % n));
  EXPECT(n * ranks, -7);
  memcpy(in, out, n * ranks * sizeof *in);
  MPI_Alltoall(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, in, n, MPI_INT, MPI_COMM_WORLD);
  for (int i = 0; i < n * ranks; i++) EXPECT(i, pattern(i / n * 64 + me, n, i % n));
}

/* Rank a sends (a + 2 b) % 5 * n elements to rank b. */
static void alltoallv(int n, int root) {
  int sc[64], sd[64], rc[64], rd[64], st = 0, rt = 0;
  n = n > 500 ? 500 : n;
  for (int r = 0; r < ranks; r++) {
    sc[r] = (me + 2 * r) % 5 * n;
    rc[r] = (r + 2 * me) % 5 * n;
    sd[r] = st;
    rd[r] = rt;
    st += sc[r];
    rt += rc[r] + 1;
    for (int i = 0; i < sc[r]; i++) out[sd[r] + i] = pattern(me * 64 + r, n, i);
  }
  clear(rt);
  MPI_Alltoallv(out, sc, sd, MPI_INT, in, rc, rd, MPI_INT, MPI_COMM_WORLD);
  for (int r = 0; r < ranks; r++) {
    for (int i = 0; i < rc[r]; i++) EXPECT(rd[r] + i, pattern(r * 64 + me, n, i));
    EXPECT(rd[r] + rc[r], -7);
  }
  MPI_Datatype types[64];
  for (int r = 0; r < ranks; r++) {
    types[r] = MPI_INT;
    sd[r] *= (int)sizeof(int);
    rd[r] *= (int)sizeof(int);
  }
  clear(rt);
  MPI_Alltoallw(out, sc, sd, types, in, rc, rd, types, MPI_COMM_WORLD);
  for (int r = 0; r < ranks; r++)
    for (int i = 0; i < rc[r]; i++) EXPECT(rd[r] / (int)sizeof(int) + i, pattern(r * 64 + me, n, i));
}

/* Nobody may leave before the last has come: each counts itself at rank 0, surely, before it enters, and all must be counted when one leaves. */
static void barrier(void) {
  int *counter, one = 1, nothing = 0, count;
  MPI_Win win;
  MPI_Win_allocate(sizeof *counter, sizeof *counter, MPI_INFO_NULL, MPI_COMM_WORLD, &counter, &win);
  *counter = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Win_lock_all(0, win);
  for (int round = 1; round <= 20; round++) {
    MPI_Fetch_and_op(&one, &count, MPI_INT, 0, 0, MPI_SUM, win);
    MPI_Win_flush(0, win);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Fetch_and_op(&nothing, &count, MPI_INT, 0, 0, MPI_NO_OP, win);
    MPI_Win_flush(0, win);
    CHECK(count >= round * ranks, "left barrier %d when %d had come", round, count - (round - 1) * ranks);
  }
  MPI_Win_unlock_all(win);
  MPI_Win_free(&win);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  static const int counts[] = {0, 1, 3, 17, 250, 513, 5000, MOST};
  for (int k = 0; k < 8; k++) {
    for (int root = 0; root < ranks; root++) {
      bcast(counts[k], root);
      if (counts[k] <= 5000 || root == ranks - 1) {
        gather(counts[k], root);
        scatter(counts[k], root);
      }
      vectors(counts[k], root);
    }
    allgather(counts[k], 0);
    alltoall(counts[k] > 5000 ? 5000 : counts[k], 0);
    alltoallv(counts[k], 0);
  }
  barrier();
  return end();
}
