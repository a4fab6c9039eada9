/*
 * Catches: messages that are lost, doubled, reordered or spoilt while the job's channels are stopped and set up again.
 * Every message says who sent it to whom and which of theirs it is; receivers accept the next one only. Arguments: rounds, seed.
 */
#include "../mpi/check.h"

#include <stdint.h>

enum { MOST_RANKS = 64, BURST = 3, LONGEST = 40000, TAG = 7 };

/* Words of a message: source, destination, number of the pair's message, then words that follow from these three. */
enum { SOURCE, DEST, NUMBER, WORDS };

static int64_t sent[MOST_RANKS], received[MOST_RANKS];
static unsigned plan;   /* the same on all ranks, and drawn from in the same order */

static int64_t word_of(int64_t source, int64_t dest, int64_t number, int index) {
  return source * 1000003 + dest * 7919 + number * 31 + index;
}

static void stamp(int64_t *message, int words, int dest) {
  message[SOURCE] = me;
  message[DEST] = dest;
  message[NUMBER] = sent[dest]++;
  for (int i = WORDS; i < words; i++) message[i] = word_of(me, dest, message[NUMBER], i);
}

static void accept(const int64_t *message, int words, int expected) {
  int64_t source = message[SOURCE];
  CHECK(source >= 0 && source < ranks && (expected < 0 || source == expected), "a message of %lld, not of %d", (long long)source, expected);
  CHECK(message[DEST] == me, "a message for %lld", (long long)message[DEST]);
  CHECK(message[NUMBER] == received[source], "message %lld of %lld, expected %lld", (long long)message[NUMBER], (long long)source,
        (long long)received[source]);
  for (int i = WORDS; i < words; i++)
    CHECK(message[i] == word_of(source, me, message[NUMBER], i), "word %d of message %lld of %lld", i, (long long)message[NUMBER], (long long)source);
  received[source]++;
}

/* Short ones lie in the completion, longer ones in a buffer, long ones travel by rendezvous. */
static int draw_words(void) {
  static const int sizes[] = {WORDS, WORDS + 1, 10, 200, 900, 1100, 5000, LONGEST};
  return sizes[next_random(&plan) % (sizeof sizes / sizeof *sizes)];
}

struct letter {
  int words, mode;
  int64_t *data;
  MPI_Request request;
};

static MPI_Datatype spread;   /* one word of two */

static void post(struct letter *letter, int dest) {
  int64_t *data = letter->data = malloc(2 * (size_t)letter->words * sizeof *data);
  stamp(data, letter->words, dest);
  if (letter->mode == 4) {
    for (int i = letter->words - 1; i > 0; i--) data[2 * i] = data[i];
    MPI_Isend(data, letter->words, spread, dest, TAG, MPI_COMM_WORLD, &letter->request);
  } else if (letter->mode == 3) {
    MPI_Send_init(data, letter->words, MPI_INT64_T, dest, TAG, MPI_COMM_WORLD, &letter->request);
    MPI_Start(&letter->request);
  } else if (letter->mode == 2) {
    MPI_Ibsend(data, letter->words, MPI_INT64_T, dest, TAG, MPI_COMM_WORLD, &letter->request);
  } else if (letter->mode == 1) {
    MPI_Issend(data, letter->words, MPI_INT64_T, dest, TAG, MPI_COMM_WORLD, &letter->request);
  } else {
    MPI_Isend(data, letter->words, MPI_INT64_T, dest, TAG, MPI_COMM_WORLD, &letter->request);
  }
}

static void finish(struct letter *letter) {
  MPI_Wait(&letter->request, MPI_STATUS_IGNORE);
  if (letter->mode == 3) MPI_Request_free(&letter->request);
  free(letter->data);
}

/* How a round receives: by source in order, whatever comes, or by a loop of probes. */
static void receive(int how, int source, int words) {
  static int64_t buffer[LONGEST];
  MPI_Status status;
  int flag = 0, count;
  if (how == 2)
    while (!flag) MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &flag, &status);
  int from = how == 0 ? source : how == 1 ? MPI_ANY_SOURCE : status.MPI_SOURCE;
  MPI_Recv(buffer, how == 0 ? words : LONGEST, MPI_INT64_T, from, TAG, MPI_COMM_WORLD, &status);
  MPI_Get_count(&status, MPI_INT64_T, &count);
  accept(buffer, count, how == 0 ? source : status.MPI_SOURCE);
}

/* Everyone to everyone, while a collective that does not block is under way. */
static void letters(void) {
  static struct letter all[MOST_RANKS * BURST];
  static int expected_words[MOST_RANKS * BURST], expected_from[MOST_RANKS * BURST];
  int letters = 0, expected = 0, how = (int)(next_random(&plan) % 3), late = (int)(next_random(&plan) % 2);
  int64_t ask[MOST_RANKS], answer[MOST_RANKS];
  MPI_Request collective;
  for (int i = 0; i < ranks; i++) ask[i] = me * 1000 + i;
  MPI_Ialltoall(ask, 1, MPI_INT64_T, answer, 1, MPI_INT64_T, MPI_COMM_WORLD, &collective);
  for (int source = 0; source < ranks; source++)
    for (int dest = 0; dest < ranks; dest++)
      for (int n = (int)(next_random(&plan) % (BURST + 1)); n > 0; n--) {
        int words = draw_words(), mode = (int)(next_random(&plan) % 5);
        if (source == dest) continue;
        if (source == me) {
          all[letters] = (struct letter){.words = words, .mode = mode};
          post(&all[letters++], dest);
        }
        if (dest == me) {
          expected_words[expected] = words;
          expected_from[expected++] = source;
        }
      }
  if (late) MPI_Wait(&collective, MPI_STATUS_IGNORE);
  for (int i = 0; i < expected; i++) receive(how, expected_from[i], expected_words[i]);
  for (int i = 0; i < letters; i++) finish(&all[i]);
  MPI_Wait(&collective, MPI_STATUS_IGNORE);
  for (int i = 0; i < ranks; i++) CHECK(answer[i] == i * 1000 + me, "Ialltoall brought %lld from %d", (long long)answer[i], i);
}

static void collectives(int round) {
  static double mine[3000], sum[3000];
  int root = round % ranks, words = next_random(&plan) % 2 ? 10 : 3000;
  for (int i = 0; i < words; i++) mine[i] = me + round + i;
  MPI_Allreduce(mine, sum, words, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  for (int i = 0; i < words; i++) CHECK(sum[i] == ranks * (round + i) + ranks * (ranks - 1) / 2, "Allreduce, element %d is %g", i, sum[i]);
  for (int i = 0; i < words; i++) sum[i] = me == root ? round + i : -1;
  MPI_Bcast(sum, words, MPI_DOUBLE, root, MPI_COMM_WORLD);
  for (int i = 0; i < words; i++) CHECK(sum[i] == round + i, "Bcast, element %d is %g", i, sum[i]);
}

/* --- one-sided --- */

enum { SLOT = 2000 };
static MPI_Win win;
static int64_t *memory;   /* a slot for each rank, then a counter */
static int64_t added;     /* by this rank, to everyone's counters */

static void check_slot(int origin, int round, const char *what) {
  for (int i = 0; i < SLOT; i++)
    CHECK(memory[origin * SLOT + i] == word_of(origin, me, round, i), "%s: word %d of rank %d in round %d", what, i, origin, round);
}

static void put(int target, int round) {
  static int64_t out[SLOT];
  for (int i = 0; i < SLOT; i++) out[i] = word_of(me, target, round, i);
  MPI_Put(out, SLOT, MPI_INT64_T, target, me * SLOT, SLOT, MPI_INT64_T, win);
  MPI_Win_flush_local(target, win);
}

static void one_sided(int round) {
  int right = (me + 1) % ranks, left = (me + ranks - 1) % ranks, victim = (int)(next_random(&plan) % (unsigned)ranks);
  int64_t one = 1, before;
  if (round % 2) {
    MPI_Win_lock(MPI_LOCK_SHARED, right, 0, win);
    put(right, round);
    MPI_Win_unlock(right, win);
    MPI_Barrier(MPI_COMM_WORLD);
    check_slot(left, round, "lock");
    MPI_Barrier(MPI_COMM_WORLD);
  } else {
    MPI_Group all, to, from;
    static int64_t out[SLOT];
    MPI_Comm_group(MPI_COMM_WORLD, &all);
    MPI_Group_incl(all, 1, &right, &to);
    MPI_Group_incl(all, 1, &left, &from);
    MPI_Win_post(from, 0, win);
    MPI_Win_start(to, 0, win);
    for (int i = 0; i < SLOT; i++) out[i] = word_of(me, right, round, i);
    MPI_Put(out, SLOT, MPI_INT64_T, right, me * SLOT, SLOT, MPI_INT64_T, win);
    MPI_Win_complete(win);
    MPI_Win_wait(win);
    check_slot(left, round, "post and start");
    MPI_Group_free(&to);
    MPI_Group_free(&from);
    MPI_Group_free(&all);
  }
  MPI_Win_lock(MPI_LOCK_EXCLUSIVE, victim, 0, win);
  MPI_Fetch_and_op(&one, &before, MPI_INT64_T, victim, ranks * SLOT, MPI_SUM, win);
  MPI_Win_unlock(victim, win);
  added++;
}

static void compare_totals(void) {
  int64_t theirs[MOST_RANKS], total = 0, counted = 0;
  MPI_Alltoall(sent, 1, MPI_INT64_T, theirs, 1, MPI_INT64_T, MPI_COMM_WORLD);
  for (int i = 0; i < ranks; i++) CHECK(i == me || theirs[i] == received[i], "rank %d sent %lld, %lld came", i, (long long)theirs[i], (long long)received[i]);
  MPI_Allreduce(&added, &total, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  MPI_Allreduce(&memory[ranks * SLOT], &counted, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD);
  CHECK(total == counted, "%lld additions, %lld counted", (long long)total, (long long)counted);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int rounds = argc > 1 ? atoi(argv[1]) : 50;
  plan = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
  CHECK(ranks <= MOST_RANKS, "%d ranks", ranks);
  static char attached[16 << 20];
  MPI_Buffer_attach(attached, sizeof attached);
  MPI_Type_create_resized(MPI_INT64_T, 0, 2 * sizeof(int64_t), &spread);
  MPI_Type_commit(&spread);
  MPI_Win_allocate((MPI_Aint)((size_t)(ranks * SLOT + 1) * sizeof *memory), sizeof *memory, MPI_INFO_NULL, MPI_COMM_WORLD, &memory, &win);
  memory[ranks * SLOT] = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  for (int round = 0; round < rounds; round++) {
    letters();
    collectives(round);
    one_sided(round);
    /* Unequal computation between the rounds: the ranks meet a request in different places. */
    volatile unsigned work = (unsigned)me * 7919u + (unsigned)round;
    for (unsigned i = work % 50000u; i > 0; i--) work += i;
  }
  compare_totals();
  MPI_Win_free(&win);
  MPI_Type_free(&spread);
  void *buffer;
  int bytes;
  MPI_Buffer_detach(&buffer, &bytes);
  return end();
}
