/*
 * A hash table that lies on all ranks and is written by one-sided calls alone: MPI_Compare_and_swap claims a slot, MPI_Accumulate counts in it,
 * MPI_Rget reads it. Counts how often each number of a random stream occurs, and verifies that against a count of the owner.
 *
 *   verbena run -n 4 examples/hashtable.c -- 2000
 */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct slot {
  int64_t key;   /* 0: free */
  int64_t count;
};
enum { SLOTS = 4096, KEYS = 500 };

static int size;
static MPI_Win window;

static uint64_t hash(int64_t key)
{
  uint64_t x = (uint64_t)key * 0x9e3779b97f4a7c15u;
  return x ^ (x >> 29);
}

/* The displacement of the key's slot at its owner, claimed if nobody had; linear probing. */
static MPI_Aint slot_of(int64_t key, int owner)
{
  for (uint64_t at = hash(key) / (uint64_t)size;; at++) {
    MPI_Aint place = (MPI_Aint)(at % SLOTS) * 2;
    int64_t nobody = 0, found;
    MPI_Compare_and_swap(&key, &nobody, &found, MPI_INT64_T, owner, place, window);
    MPI_Win_flush(owner, window);
    if (found == 0 || found == key) return place;
  }
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank, rounds = argc > 1 ? atoi(argv[1]) : 1000;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  struct slot *table;
  MPI_Win_allocate(SLOTS * sizeof *table, sizeof(int64_t), MPI_INFO_NULL, MPI_COMM_WORLD, &table, &window);
  for (int i = 0; i < SLOTS; i++) table[i] = (struct slot){0, 0};
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_Win_lock_all(0, window);

  int64_t expected[KEYS] = {0}, all[KEYS], one = 1;
  uint32_t seed = 1u + (uint32_t)rank;
  double began = MPI_Wtime();
  for (int i = 0; i < rounds; i++) {
    seed = seed * 1664525u + 1013904223u;
    int64_t key = 1 + (seed >> 8) % KEYS;
    int owner = (int)(hash(key) % (uint64_t)size);
    MPI_Accumulate(&one, 1, MPI_INT64_T, owner, slot_of(key, owner) + 1, 1, MPI_INT64_T, MPI_SUM, window);
    expected[key - 1]++;
  }
  MPI_Win_flush_all(window);
  MPI_Barrier(MPI_COMM_WORLD);
  double seconds = MPI_Wtime() - began;

  /* Every rank reads the keys that are not its own, in the order of its rank. */
  MPI_Allreduce(expected, all, KEYS, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  int wrong = 0, any;
  for (int64_t key = 1 + rank; key <= KEYS; key += size) {
    int owner = (int)(hash(key) % (uint64_t)size);
    struct slot found;
    MPI_Request request;
    MPI_Rget(&found, 2, MPI_INT64_T, owner, slot_of(key, owner), 2, MPI_INT64_T, window, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    wrong += found.key != key || found.count != all[key - 1];
  }
  MPI_Win_unlock_all(window);
  MPI_Reduce(&wrong, &any, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) printf("%d insertions by %d ranks in %.3f s: %s\n", rounds * size, size, seconds, any == 0 ? "verified" : "WRONG");
  MPI_Win_free(&window);
  int bad = rank == 0 && any != 0;
  MPI_Finalize();
  return bad;
}
