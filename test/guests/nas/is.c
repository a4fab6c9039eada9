/*
 * IS, the integer sort kernel of the NAS Parallel Benchmarks: ranks N small integers, ten times. Keys go through 2^10 buckets; the
 * buckets are dealt to ranks in contiguous runs of about equal weight, keys travel by one all-to-all, and each rank counts its own range.
 * Communication: an Allreduce of the bucket sizes, an Alltoall of counts and an Alltoallv of keys in every iteration.
 */
#include "nas.h"
#include <string.h>

enum { ITERATIONS = 10, TESTS = 5, BUCKET_BITS = 10, BUCKETS = 1 << BUCKET_BITS };

struct problem {
  char class;
  int keys_bits, max_key_bits;
  int64_t index[TESTS], rank[TESTS];
  /* Up to this test the expected rank grows with the iteration, then it falls; by iteration - shift. */
  int rising, rising_shift, falling_shift;
};

static const struct problem problems[] = {
  {'S', 16, 11, {48427, 17148, 23627, 62548, 4431}, {0, 18, 346, 64917, 65463}, 3, 0, 0},
  {'W', 20, 16, {357773, 934767, 875723, 898999, 404505}, {1249, 11698, 1039987, 1043896, 1048018}, 2, 2, 0},
  {'A', 23, 19, {2112377, 662041, 5336171, 3642833, 4250760}, {104, 17523, 123928, 8288932, 8388264}, 3, 1, 1},
  {'B', 25, 21, {41869, 812306, 5102857, 18232239, 26860214}, {33422937, 10244, 59149, 33135281, 99}, -1, 0, 0},
};

static int rank, size;
static int *keys, *sorted, *received;
static int64_t first_key, local_keys, received_keys;
static int bucket_owner[BUCKETS];

static void *allocate(size_t bytes)
{
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) {
    fprintf(stderr, "IS: rank %d cannot allocate %zu bytes\n", rank, bytes);
    MPI_Abort(MPI_COMM_WORLD, 2);
  }
  return memory;
}

static void create_keys(const struct problem *p, int64_t total)
{
  first_key = total * rank / size;
  local_keys = total * (rank + 1) / size - first_key;
  keys = allocate((size_t)local_keys * sizeof *keys);
  sorted = allocate((size_t)local_keys * sizeof *sorted);
  uint64_t seed = (314159265ull * nas_power(NAS_A, (uint64_t)first_key * 4)) & NAS_MASK;
  double quarter = ldexp(1.0, p->max_key_bits - 2);
  for (int64_t i = 0; i < local_keys; i++) {
    double sum = nas_next(&seed, NAS_A);
    sum += nas_next(&seed, NAS_A);
    sum += nas_next(&seed, NAS_A);
    sum += nas_next(&seed, NAS_A);
    keys[i] = (int)(quarter * sum);
  }
}

/* Sets a key by its global index, on the rank that has it. */
static void set_key(int64_t index, int value)
{
  if (index >= first_key && index < first_key + local_keys) keys[index - first_key] = value;
}

/* Deals buckets to ranks: rank r takes them until it and those before it hold r+1 parts of all keys. */
static void deal_buckets(const int *totals, int64_t all_keys)
{
  int64_t sum = 0;
  int owner = 0;
  for (int b = 0; b < BUCKETS; b++) {
    bucket_owner[b] = owner;
    sum += totals[b];
    while (owner < size - 1 && sum >= all_keys * (owner + 1) / size) owner++;
  }
}

/* One ranking: afterwards `received` holds this rank's range of keys and `counts[k]` how many of them are <= k (from the range's start). */
static int64_t sort_once(int shift, int64_t all_keys, int max_key, int *counts, int64_t *keys_before)
{
  int sizes[BUCKETS] = {0}, totals[BUCKETS], start[BUCKETS];
  for (int64_t i = 0; i < local_keys; i++) sizes[keys[i] >> shift]++;
  MPI_Allreduce(sizes, totals, BUCKETS, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  deal_buckets(totals, all_keys);

  for (int b = 0, at = 0; b < BUCKETS; at += sizes[b++]) start[b] = at;
  for (int64_t i = 0; i < local_keys; i++) sorted[start[keys[i] >> shift]++] = keys[i];

  int *table = allocate((size_t)size * 4 * sizeof *table);
  int *send = table, *send_at = table + size, *take = table + 2 * size, *take_at = table + 3 * size;
  memset(send, 0, (size_t)size * sizeof *send);
  for (int b = 0; b < BUCKETS; b++) send[bucket_owner[b]] += sizes[b];
  MPI_Alltoall(send, 1, MPI_INT, take, 1, MPI_INT, MPI_COMM_WORLD);
  int64_t total = 0;
  for (int r = 0, s = 0; r < size; r++) {
    send_at[r] = s;
    take_at[r] = (int)total;
    s += send[r];
    total += take[r];
  }
  if (total > received_keys) {
    free(received);
    received = allocate((size_t)total * sizeof *received);
    received_keys = total;
  }
  MPI_Alltoallv(sorted, send, send_at, MPI_INT, received, take, take_at, MPI_INT, MPI_COMM_WORLD);
  free(table);

  memset(counts, 0, (size_t)max_key * sizeof *counts);
  for (int64_t i = 0; i < total; i++) counts[received[i]]++;
  for (int k = 1; k < max_key; k++) counts[k] += counts[k - 1];
  *keys_before = 0;
  for (int b = 0; b < BUCKETS; b++)
    if (bucket_owner[b] < rank) *keys_before += totals[b];
  return total;
}

/* The five keys whose ranks are published: who has the bucket of a key checks its rank. Returns how many were right here. */
static int partial_verify(const struct problem *p, int iteration, int shift, const int *test_keys, const int *counts, int64_t before)
{
  int passed = 0;
  for (int t = 0; t < TESTS; t++) {
    int k = test_keys[t];
    if (k <= 0 || bucket_owner[k >> shift] != rank) continue;
    int64_t key_rank = before + counts[k - 1], expected;
    if (p->rising < 0) expected = p->rank[t] + (t == 1 || t == 2 || t == 4 ? iteration : -iteration);
    else expected = p->rank[t] + (t < p->rising ? iteration - p->rising_shift : -(iteration - p->falling_shift));
    if (key_rank == expected) passed++;
    else fprintf(stderr, "IS: iteration %d, test %d: rank %lld, expected %lld\n", iteration, t, (long long)key_rank, (long long)expected);
  }
  return passed;
}

/* Writes the keys out in order and checks each neighbour, also across ranks. Returns the number of keys out of order here. */
static int full_verify(int64_t total, int max_key, const int *counts)
{
  int wrong = 0, previous = -1;
  int *out = allocate((size_t)total * sizeof *out);
  for (int64_t i = 0, at = 0; i < max_key; i++)
    for (int64_t n = counts[i] - (i ? counts[i - 1] : 0); n > 0; n--) out[at++] = (int)i;
  for (int64_t i = 1; i < total; i++) wrong += out[i - 1] > out[i];
  int last = total ? out[total - 1] : -1, *lasts = allocate((size_t)size * sizeof *lasts);
  MPI_Allgather(&last, 1, MPI_INT, lasts, 1, MPI_INT, MPI_COMM_WORLD);
  for (int r = 0; r < rank; r++)
    if (lasts[r] > previous) previous = lasts[r];
  if (total && previous > out[0]) wrong++;
  free(lasts);
  free(out);
  return wrong;
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  char class = nas_class(argc, argv);
  const struct problem *p = NULL;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
    if (problems[i].class == class) p = &problems[i];
  if (!p) {
    MPI_Finalize();
    return rank == 0 ? nas_unknown_class("IS", class) : EXIT_FAILURE;
  }

  int64_t all_keys = 1ll << p->keys_bits;
  int max_key = 1 << p->max_key_bits, shift = p->max_key_bits - BUCKET_BITS;
  int *counts = allocate((size_t)max_key * sizeof *counts);
  create_keys(p, all_keys);
  int64_t before, total = sort_once(shift, all_keys, max_key, counts, &before); /* an untimed round touches all memory */

  int passed = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  double started = MPI_Wtime();
  for (int iteration = 1; iteration <= ITERATIONS; iteration++) {
    set_key(iteration, iteration);
    set_key(iteration + ITERATIONS, max_key - iteration);
    int test_keys[TESTS];
    for (int t = 0; t < TESTS; t++) {
      int64_t at = p->index[t] - first_key;
      test_keys[t] = at >= 0 && at < local_keys ? keys[at] : 0;
    }
    MPI_Allreduce(MPI_IN_PLACE, test_keys, TESTS, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    total = sort_once(shift, all_keys, max_key, counts, &before);
    passed += partial_verify(p, iteration, shift, test_keys, counts, before);
  }
  double mine = MPI_Wtime() - started, seconds;

  int results[2] = {passed, full_verify(total, max_key, counts)}, sums[2];
  MPI_Allreduce(results, sums, 2, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  MPI_Reduce(&mine, &seconds, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
  int verified = sums[0] == TESTS * ITERATIONS && sums[1] == 0, code = verified ? EXIT_SUCCESS : EXIT_FAILURE;
  if (rank == 0) {
    printf("%d of %d ranks as published, %d keys out of order\n", sums[0], TESTS * ITERATIONS, sums[1]);
    code = nas_report("IS", class, size, seconds, (double)all_keys * ITERATIONS, verified);
  }
  MPI_Finalize();
  return code;
}
