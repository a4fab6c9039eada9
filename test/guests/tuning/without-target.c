/*
 * Puts arrive, and gets bring what is there, while their target is in no MPI call: rank 1 looks at its memory until all of the last put is there and rank 0 has got it
 * back, and then tells rank 0 so by a put of its own.
 * Puts with gaps and accumulates of the same epoch, which the target carries out itself, are there after the unlock.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS = 4096 };
static long long memory[WORDS];

static void look(int word, long long wanted)
{
  while (__atomic_load_n(&memory[word], __ATOMIC_ACQUIRE) != wanted) {
  }
}

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Win window;
  MPI_Win_create(memory, sizeof memory, sizeof *memory, MPI_INFO_NULL, MPI_COMM_WORLD, &window);
  MPI_Win_lock_all(0, window);
  MPI_Barrier(MPI_COMM_WORLD);
  static long long data[WORDS];
  for (int i = 0; i < WORDS; i++) data[i] = 1000 + i;
  if (rank == 0) {
    MPI_Put(data, 1, MPI_LONG_LONG, 1, 0, 1, MPI_LONG_LONG, window);
    MPI_Put(data + 1, 100, MPI_LONG_LONG, 1, 1, 100, MPI_LONG_LONG, window);
    for (int i = 101; i < 1000; i++) MPI_Put(data + i, 1, MPI_LONG_LONG, 1, i, 1, MPI_LONG_LONG, window);
    MPI_Put(data + 1000, WORDS - 1000, MPI_LONG_LONG, 1, 1000, WORDS - 1000, MPI_LONG_LONG, window);
    MPI_Win_flush(1, window);
    /* A word, what the registration cache sees for the first time, and all of it. */
    static long long got[3 * WORDS];
    MPI_Get(got, 1, MPI_LONG_LONG, 1, 7, 1, MPI_LONG_LONG, window);
    MPI_Get(got + WORDS, 0, MPI_LONG_LONG, 1, 7, 0, MPI_LONG_LONG, window);
    for (int i = 1; i < 200; i++) MPI_Get(got + WORDS + i, 1, MPI_LONG_LONG, 1, i, 1, MPI_LONG_LONG, window);
    MPI_Get(got + 2 * WORDS, WORDS, MPI_LONG_LONG, 1, 0, WORDS, MPI_LONG_LONG, window);
    MPI_Win_flush(1, window);
    if (got[0] != 1007 || got[1] != 0 || got[WORDS] != 0) MPI_Abort(MPI_COMM_WORLD, 2);
    for (int i = 1; i < WORDS; i++)
      if ((i < 200 && got[WORDS + i] != 1000 + i) || got[2 * WORDS + i] != 1000 + i) MPI_Abort(MPI_COMM_WORLD, 3);
    long long seen = 78;
    MPI_Put(&seen, 1, MPI_LONG_LONG, 1, 6, 1, MPI_LONG_LONG, window);
    MPI_Win_flush(1, window);
    look(5, 77);
    long long twice = 2;
    MPI_Accumulate(&twice, 1, MPI_LONG_LONG, 1, 0, 1, MPI_LONG_LONG, MPI_PROD, window);
    MPI_Datatype every_second;
    MPI_Type_vector(4, 1, 2, MPI_LONG_LONG, &every_second);
    MPI_Type_commit(&every_second);
    MPI_Put(data, 4, MPI_LONG_LONG, 1, 8, 1, every_second, window);
    MPI_Type_free(&every_second);
  } else if (rank == 1) {
    for (int i = 0; i < WORDS; i++)
      if (i != 6) look(i, 1000 + i);
    look(6, 78);
    long long done = 77;
    MPI_Put(&done, 1, MPI_LONG_LONG, 0, 5, 1, MPI_LONG_LONG, window);
    MPI_Win_flush(0, window);
  }
  MPI_Win_unlock_all(window);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 1)
    for (int i = 0; i < WORDS; i++) {
      long long wanted = i == 0 ? 2000 : i >= 8 && i < 16 && i % 2 == 0 ? 1000 + (i - 8) / 2 : i == 6 ? 78 : 1000 + i;
      if (memory[i] == wanted) continue;
      printf("word %d is %lld instead of %lld\n", i, memory[i], wanted);
      MPI_Abort(MPI_COMM_WORLD, 1);
    }
  MPI_Win_free(&window);
  /* The next window has keys of its own, and the old ones are given back. */
  for (int i = 0; i < 20; i++) {
    MPI_Win_create(memory, sizeof memory, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &window);
    MPI_Win_fence(0, window);
    if (rank == 0) MPI_Put(data + i, 1, MPI_LONG_LONG, 1, 8 * i, 8, MPI_CHAR, window);
    MPI_Win_fence(0, window);
    if (rank == 1 && memory[i] != 1000 + i) MPI_Abort(MPI_COMM_WORLD, 2);
    MPI_Win_free(&window);
  }
  if (rank == 0) printf("ok\n");
  MPI_Finalize();
  return 0;
}
