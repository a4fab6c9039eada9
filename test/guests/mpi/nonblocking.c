/* Catches: non-blocking and persistent collectives that mix up their messages, or that only move when they are waited for (chapter 5.12). */
#include "check.h"

enum { N = 500, MANY = 12 };

/* Many at once, begun in one order by all and completed in another. */
static void many_at_once(void) {
  static int data[MANY][N], sums[MANY][N];
  MPI_Request requests[2 * MANY];
  for (int k = 0; k < MANY; k++) {
    for (int i = 0; i < N; i++) data[k][i] = me == k % ranks ? pattern(me, k, i) : -1;
    MPI_Ibcast(data[k], N, MPI_INT, k % ranks, MPI_COMM_WORLD, &requests[2 * k]);
    for (int i = 0; i < N; i++) sums[k][i] = me + k + i;
    MPI_Iallreduce(MPI_IN_PLACE, sums[k], k % 2 ? N : 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD, &requests[2 * k + 1]);
  }
  /* A blocking one in between, on the same communicator. */
  int one = 1, all = 0;
  MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  CHECK(all == ranks, "the blocking allreduce gave %d", all);
  for (int k = MANY; k-- > 0;) {
    MPI_Wait(&requests[2 * k + 1], MPI_STATUS_IGNORE);
    MPI_Wait(&requests[2 * k], MPI_STATUS_IGNORE);
    CHECK(requests[2 * k] == MPI_REQUEST_NULL, "the request is still there");
    for (int i = 0; i < N; i++) CHECK(data[k][i] == pattern(k % ranks, k, i), "broadcast %d element %d is %d", k, i, data[k][i]);
    for (int i = 0; i < (k % 2 ? N : 1); i++) CHECK(sums[k][i] == ranks * (ranks - 1) / 2 + ranks * (k + i), "allreduce %d element %d is %d", k, i, sums[k][i]);
  }
}

/* A barrier must not complete before the last has come to it. */
static void barrier_holds(void) {
  MPI_Request request;
  int flag = 0, token = 0;
  if (ranks == 1) return;
  if (me == 0) {
    /* Rank 0 enters only after every other said that it found it closed. */
    for (int i = 1; i < ranks; i++) MPI_Recv(&token, 1, MPI_INT, i, 9, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
  } else {
    MPI_Ibarrier(MPI_COMM_WORLD, &request);
    for (int i = 0; i < 50; i++) {
      MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
      CHECK(!flag, "the barrier opened before rank 0 came");
    }
    MPI_Send(&token, 1, MPI_INT, 0, 9, MPI_COMM_WORLD);
  }
  while (!flag) MPI_Test(&request, &flag, MPI_STATUS_IGNORE);
}

/* Progress happens in any call: the other ranks finish although rank 0 only receives messages of its own. */
static void progress_in_any_call(void) {
  static int data[40000];
  MPI_Request request;
  for (int i = 0; i < 40000; i++) data[i] = me == 0 ? i : -1;
  MPI_Ibcast(data, 40000, MPI_INT, 0, MPI_COMM_WORLD, &request);
  if (me != 0) {
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Send(&me, 1, MPI_INT, 0, 3, MPI_COMM_WORLD);
  } else {
    for (int i = 1, from; i < ranks; i++) MPI_Recv(&from, 1, MPI_INT, MPI_ANY_SOURCE, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
  for (int i = 0; i < 40000; i++) CHECK(data[i] == i, "element %d is %d", i, data[i]);
}

/* Types and operations may be freed while they are in use. */
static void add(void *in, void *inout, int *count, MPI_Datatype *type) {
  for (int i = 0; i < *count; i++) ((int *)inout)[2 * i] += ((int *)in)[2 * i];
}
static void freed_meanwhile(void) {
  MPI_Datatype type, resized;
  MPI_Op op;
  MPI_Request request;
  static int data[2 * N], result[2 * N];
  for (int i = 0; i < 2 * N; i++) data[i] = i % 2 ? -1 : me;
  MPI_Type_contiguous(1, MPI_INT, &type);
  MPI_Type_create_resized(type, 0, 2 * sizeof(int), &resized);
  MPI_Type_commit(&resized);
  MPI_Op_create(add, 1, &op);
  memset(result, 0xff, sizeof result);
  MPI_Iallreduce(data, result, N, resized, op, MPI_COMM_WORLD, &request);
  MPI_Type_free(&type);
  MPI_Type_free(&resized);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  MPI_Op_free(&op);
  for (int i = 0; i < 2 * N; i++) CHECK(result[i] == (i % 2 ? -1 : ranks * (ranks - 1) / 2), "element %d is %d", i, result[i]);
}

static void vectors(void) {
  int *counts = malloc(4 * (size_t)ranks * sizeof *counts), *displs = counts + ranks, *out_counts = displs + ranks, *out_displs = out_counts + ranks;
  int total = 0, out_total = 0;
  for (int i = 0; i < ranks; i++) {
    counts[i] = i + me + 1;
    displs[i] = total;
    total += counts[i];
    out_counts[i] = me + i + 1;
    out_displs[i] = out_total;
    out_total += out_counts[i];
  }
  int *out = malloc((size_t)out_total * sizeof *out), *in = malloc((size_t)total * sizeof *in);
  for (int i = 0; i < ranks; i++)
    for (int k = 0; k < out_counts[i]; k++) out[out_displs[i] + k] = pattern(me, i, k);
  MPI_Request request;
  MPI_Ialltoallv(out, out_counts, out_displs, MPI_INT, in, counts, displs, MPI_INT, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  for (int i = 0; i < ranks; i++)
    for (int k = 0; k < counts[i]; k++) CHECK(in[displs[i] + k] == pattern(i, me, k), "block %d element %d", i, k);
  int mine = me + 1, *all = malloc((size_t)ranks * (size_t)(ranks + 1) * sizeof *all);
  for (int i = 0, at = 0; i < ranks; at += i + 1, i++) {
    counts[i] = i + 1;
    displs[i] = at;
  }
  MPI_Iallgatherv(out, mine, MPI_INT, all, counts, displs, MPI_INT, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
  for (int i = 0; i < ranks; i++)
    for (int k = 0; k < counts[i] && k < i + 1; k++) CHECK(all[displs[i] + k] == pattern(i, 0, k) || k >= i + 1, "allgatherv block %d element %d", i, k);
  free(all);
  free(out);
  free(in);
  free(counts);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  many_at_once();
  barrier_holds();
  progress_in_any_call();
  freed_meanwhile();
  vectors();
  return end();
}
