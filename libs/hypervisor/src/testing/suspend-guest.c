/* The guest of the contract's part on suspending: its first argument says what it does. Each prints what must not be lost or come twice. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "verbena/abi.h"

static uint64_t now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void nap_ms(long ms)
{
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static int block_ms(uint32_t ms)
{
  uint64_t ns = (uint64_t)ms * 1000000u;
  return vb_hypercall_block(VB_HC_BLOCK, vb_event_page()->wakeups, (uint32_t)ns, (uint32_t)(ns >> 32), 0);
}

/* Locals, floats, heap and stack live across every sleep. */
static double work(int depth, double x, int naps)
{
  char local[64];
  snprintf(local, sizeof local, "depth %d x %.3f", depth, x);
  double result = depth == 0 ? x : work(depth - 1, x * 1.5 + 1, naps);
  if (depth < naps) depth % 2 ? nap_ms(1) : (void)block_ms(1);
  char again[64];
  snprintf(again, sizeof again, "depth %d x %.3f", depth, x);
  if (strcmp(local, again) != 0) printf("wrong: %s is not %s\n", local, again);
  return result + depth;
}

static void steps(int argc, char **argv)
{
  int count = atoi(argv[2]);
  unsigned *heap = malloc(sizeof *heap * 100000);
  for (int i = 0; i < 100000; i++) heap[i] = (unsigned)i;
  uint64_t last = now();
  for (int step = 0; step < count; step++) {
    printf("step %d %.3f\n", step, work(20, step, 3));
    for (int i = 0; i < 100000; i++) heap[i] += (unsigned)step;
    uint64_t t = now();
    if (t < last) printf("wrong: time went back\n");
    last = t;
  }
  unsigned sum = 0;
  for (int i = 0; i < 100000; i++) sum += heap[i];
  printf("sum %u\n", sum);
  exit(3);
}

/* Standard input in pieces, a file that grows, one that is renamed while open, one that has no name, /tmp, a listing half read. */
static void files(int argc, char **argv)
{
  char line[64];
  mkdir("sub", 0777);
  FILE *log = fopen("sub/log.txt", "w+");
  FILE *moved = fopen("before", "w+");
  rename("before", "sub/after");
  FILE *gone = fopen("gone", "w+");
  unlink("gone");
  FILE *temporary = fopen("/tmp/t", "w+");
  int last = open("appended", O_WRONLY | O_CREAT | O_APPEND, 0666);
  for (int i = 0; i < 5; i++) {
    char name[16];
    snprintf(name, sizeof name, "entry%d", i);
    fclose(fopen(name, "w"));
  }
  DIR *listing = opendir(".");
  for (int i = 0; i < 3; i++) readdir(listing);
  while (fgets(line, sizeof line, stdin)) {
    printf("read %s", line);
    fputs(line, log), fputs(line, moved), fputs(line, gone), fputs(line, temporary);
    write(last, line, strlen(line));
    nap_ms(10);
  }
  int entries = 0;
  while (readdir(listing)) entries++;
  printf("entries left %d\n", entries);
  FILE *all[] = {log, moved, gone, temporary};
  for (int i = 0; i < 4; i++) {
    rewind(all[i]);
    int lines = 0;
    while (fgets(line, sizeof line, all[i])) lines++;
    printf("file %d has %d lines\n", i, lines);
    fclose(all[i]);
  }
  struct stat s;
  stat("appended", &s);
  printf("appended %d\n", (int)s.st_size);
}

static void sleeper(int argc, char **argv)
{
  uint64_t from = now();
  puts("sleeping");
  int result = argv[2][0] == 'n' ? (nap_ms(atoi(argv[3])), 1) : block_ms((uint32_t)atoi(argv[3]));
  uint64_t slept = (now() - from) / 1000000;
  printf("woke %d %s\n", result, slept >= (uint64_t)atoi(argv[3]) ? "in time" : "too early");
}

static volatile unsigned sink;

static void compute(int argc, char **argv)
{
  puts("computing");
  for (unsigned i = 0; i < 400000000u; i++) sink += i;
  block_ms(1);
  puts("computed");
}

/* As the MPI library does: a channel that is raised, the control word, the safepoint. */
static void channels(int argc, char **argv)
{
  puts("running");
  for (int said = 0;;) {
    volatile struct vb_event_page *events = vb_event_page();
    uint32_t control = __atomic_load_n(&events->control, __ATOMIC_SEQ_CST);
    uint32_t phase = control & VB_CONTROL_PHASE_MASK, epoch = control >> VB_CONTROL_EPOCH_SHIFT;
    if (phase == VB_CONTROL_CANCELLED && said != (int)control) printf("cancelled %u\n", epoch), said = (int)control;
    if (phase == VB_CONTROL_QUIESCE && argc > 2 && argv[2][0] == 'd') {
      argv[2] = "late";
    } else if (phase == VB_CONTROL_QUIESCE) {
      int32_t how = vb_hypercall_block(VB_HC_SAFEPOINT, epoch, VB_SAFEPOINT_NO_CHANNELS, 0, 0);
      printf("released %u %d host %u\n", epoch, how, vb_boot_info()->host_index);
      if (epoch == 9) return;
    }
    uint32_t seen = __atomic_load_n(&events->wakeups, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&events->control, __ATOMIC_SEQ_CST) == control) vb_hypercall_block(VB_HC_BLOCK, seen, 0xffffffffu, 0xffffffffu, 0);
  }
}

static int deep(int n)
{
  volatile char room[1024];
  room[n % 1024] = (char)n;
  int below = n == 0 ? block_ms(200) : deep(n - 1);
  return below + room[n % 1024] - (char)n;
}

/* Computes for ever, and looks up in its loop as the toolchain's polls do. */
static void polls(void)
{
  puts("computing");
  unsigned answered = 0, expected = 0;
  double x = 1;
  for (uint64_t turn = 0;; turn++) {
    x = x * 0.5 + (double)(turn % 3);
    if (vb_event_page()->poll == 0) continue;
    expected++;
    if (vb_hypercall_block(VB_HC_POLL, 0, 0, 0, 0) == 0) answered++;
    if (x < 0 || answered != expected) puts("wrong: a local has changed");
    if (vb_event_page()->poll == 0) printf("went on at %d\n", (int)vb_boot_info()->host_index);
  }
}

int main(int argc, char **argv)
{
  const char *what = argv[1];
  if (!strcmp(what, "steps")) steps(argc, argv);
  if (!strcmp(what, "files")) files(argc, argv);
  if (!strcmp(what, "sleep")) sleeper(argc, argv);
  if (!strcmp(what, "compute")) compute(argc, argv);
  if (!strcmp(what, "polls")) polls();
  if (!strcmp(what, "channels")) channels(argc, argv);
  if (!strcmp(what, "deep")) puts("deep"), printf("deep %d\n", deep(atoi(argv[2])));
  return 0;
}
