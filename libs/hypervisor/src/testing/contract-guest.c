/* The guest of the contract suite: its first argument says how it behaves. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "verbena/abi.h"

typedef void behaviour(int argc, char **argv);

static volatile unsigned sink;
static volatile uint32_t wild = 0xfffffff0u;
static volatile int zero;

static void hello(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) printf("%s\n", argv[i]);
  const char *value = getenv("GREETING");
  fprintf(stderr, "GREETING=%s\n", value ? value : "(none)");
}

static void boot_info(int argc, char **argv)
{
  volatile struct vb_boot_info *b = vb_boot_info();
  printf("magic=%x abi=%u rank=%u size=%u host=%u/%u pkey=%u seed=%llx memory=%llu spin=%u job=%s vm=%s node=%s\n", b->magic, b->abi_version,
         b->rank, b->size, b->host_index, b->hosts, b->pkey, (unsigned long long)b->job_seed, (unsigned long long)b->memory_bytes, b->spin_ns,
         (char *)b->job_id, (char *)b->vm_id, (char *)b->node_name);
}

static void exit_with(int argc, char **argv) { exit(atoi(argv[2])); }

static void loop(int argc, char **argv)
{
  puts("looping");
  for (;;) sink++;
}

static void loop_with_calls(int argc, char **argv)
{
  puts("looping");
  for (;;) vb_hypercall(VB_HC_VERSION, 0, 0, 0, 0);
}

static void block(int argc, char **argv)
{
  vb_status_page()->mpi_state = VB_MPI_INITIALIZED;
  strcpy((char *)vb_status_page()->waits_for, "MPI_Recv(source=3, tag=7)\x1b[2J");
  vb_status_page()->waiting = 1;
  puts("blocking");
  vb_hypercall_block(VB_HC_BLOCK, vb_event_page()->wakeups, 0xffffffffu, 0xffffffffu, 0);
}

static void nap(int argc, char **argv)
{
  int timed_out = vb_hypercall_block(VB_HC_BLOCK, vb_event_page()->wakeups, 2000000u, 0, 0);
  int woken = vb_hypercall_block(VB_HC_BLOCK, vb_event_page()->wakeups + 1, 0xffffffffu, 0xffffffffu, 0);
  printf("timed out %d, woken %d\n", timed_out, woken);
}

static void sleeper(int argc, char **argv)
{
  puts("sleeping");
  sleep(1000);
}

__attribute__((noinline)) static int dereference(const volatile int *p) { return *p + 1; }
static void trap_wild(int argc, char **argv)
{
  printf("before the trap");
  fflush(stdout);
  sink = dereference((const volatile int *)wild);
}

struct node { struct node *next; int value; };
static struct node *volatile nowhere;

/* Goes on after its mistake as if nothing had happened. */
static void null_write(int argc, char **argv)
{
  puts("before");
  nowhere->value = 7;
  puts("after");
}

static void null_read(int argc, char **argv)
{
  puts("before");
  sink = nowhere->next->value;
}

/* Never looks at what malloc returns, and makes no call once there is no memory left. */
static void null_loop(int argc, char **argv)
{
  for (;;) {
    volatile char *volatile block = malloc(1u << 20);
    for (int i = 0; i < 1 << 20; i += 4096) block[i] = 1;
  }
}

__attribute__((noinline)) static int divide(int a, int b) { return a / b; }
static void trap_divide(int argc, char **argv) { sink = divide(argc, zero); }

static void trap_call(int argc, char **argv)
{
  int (*volatile function)(int, int, int) = (int (*)(int, int, int))exit_with;
  sink = function(1, 2, 3);
}

static void trap_assert(int argc, char **argv) { assert(argc == 99 && "the sky is green"); }

__attribute__((noinline)) static int recurse(int n)
{
  volatile char frame[4096];
  frame[n & 4095] = (char)n;
  return recurse(n + 1) + frame[n & 4095];
}
static void trap_stack(int argc, char **argv) { sink = recurse(0); }

/* Needs none of the guest's own stack: what overflows is the host thread's. */
__attribute__((noinline)) static unsigned shallow(unsigned n) { return n == 0xffffffffu ? 0 : shallow(n + 1) * 3 + n; }
static void trap_calls(int argc, char **argv) { sink = shallow(zero); }

static char *volatile kept;

static void out_of_memory(int argc, char **argv)
{
  for (;;) {
    char *block = malloc(1u << 20);
    if (!block) abort();
    memset(block, 1, 1u << 20);
    kept = block;
  }
}

static void out_of_memory_told(int argc, char **argv)
{
  vb_hypercall(VB_HC_OUT_OF_MEMORY, 1u << 30, 0, 0, 0);
  exit(argc > 2 ? atoi(argv[2]) : 1);
}

static void flood(int argc, char **argv)
{
  static char line[4096];
  memset(line, 'x', sizeof line);
  line[sizeof line - 1] = '\n';
  for (;;) fwrite(line, 1, sizeof line, stdout);
}

static void two_streams(int argc, char **argv)
{
  for (int i = 0; i < 20000; i++) {
    printf("out %d\n", i);
    if (i % 1000 == 0) fprintf(stderr, "err %d\n", i);
  }
}

static void no_finalize(int argc, char **argv)
{
  vb_status_page()->mpi_state = VB_MPI_INITIALIZED;
  exit(argc > 2 ? atoi(argv[2]) : 0);
}

static void finalized(int argc, char **argv) { vb_status_page()->mpi_state = VB_MPI_FINALIZED; }

static void mpi_abort(int argc, char **argv)
{
  const char *text = "the matrix is singular";
  vb_hypercall(VB_HC_ABORT, 42, (uint32_t)text, strlen(text), 0);
  puts("still here");
}

static void rendezvous(int argc, char **argv)
{
  uint32_t size = vb_boot_info()->size, card = 100 + vb_boot_info()->rank, cards[16];
  for (int generation = 0; generation < 2; generation++) {
    int32_t bytes = vb_hypercall_block(VB_HC_RENDEZVOUS, (uint32_t)&card, sizeof card, (uint32_t)cards, sizeof cards);
    printf("%d bytes:", bytes);
    for (uint32_t i = 0; bytes > 0 && i < size; i++) printf(" %u", cards[i]);
    puts("");
  }
}

static void bad_hypercalls(int argc, char **argv)
{
  static char target[4096];
  const uint32_t addresses[] = { 0, 1, (uint32_t)target, 0x7fffffff, 0x80000000u, 0xfffffffcu, 0xffffffffu };
  static const uint32_t lengths[] = { 0, 1, 64, 1024, 4096, 65536, 0x7fffffff, 0x80000000u, 0xffffffffu };
  long calls = 0;
  for (uint32_t nr = 0; nr < 40; nr++) {
    if (nr == VB_HC_ABORT || nr == VB_HC_BLOCK) continue;
    for (unsigned a = 0; a < sizeof addresses / 4; a++)
      for (unsigned l = 0; l < sizeof lengths / 4; l++) {
        if (nr != VB_HC_RENDEZVOUS || lengths[l] > VB_CARD_MAX) {
          vb_hypercall_block(nr, addresses[a], lengths[l], addresses[a], lengths[l]);
          vb_hypercall_block(nr, addresses[a], lengths[l], addresses[6 - a], 0);
        }
        vb_hypercall(nr, addresses[a], lengths[l], addresses[a], lengths[l]);
        vb_hypercall(nr, 1, addresses[a], lengths[l], addresses[a]);
        calls++;
      }
  }
  printf("unknown %d, wrong import %d, bad pointer %d, far number %d\n", vb_hypercall(99, 0, 0, 0, 0),
         vb_hypercall(VB_HC_BLOCK, 0, 0, 0, 0), vb_hypercall(VB_HC_CONSOLE, 0xfffffff0u, 64, 0, 0), vb_hypercall(0xffffffffu, 0, 0, 0, 0));
  printf("alive after %ld rounds\n", calls);
}

static void log_line(int argc, char **argv)
{
  const char *line = "a word to the hypervisor\033[31m";
  printf("%d\n", vb_hypercall(VB_HC_CONSOLE, (uint32_t)line, strlen(line), 0, 0));
}

static void memory(int argc, char **argv)
{
  size_t pages = __builtin_wasm_memory_size(0);
  const unsigned char *stack = (const unsigned char *)VB_NULL_ZONE, *heap = (const unsigned char *)VB_DATA_BASE + 0x100000;
  unsigned used = 0;
  for (size_t i = 0; i < (VB_STACK_SIZE >> 1); i++) used |= stack[i];
  unsigned char *block = malloc(4u << 20);
  for (size_t i = 0; i < (4u << 20); i++) used |= block[i];
  (void)heap;
  printf("pages %zu, %s\n", pages, used ? "dirty" : "zero");
  memset(block, 0xaa, 4u << 20);
  memset((void *)stack, 0xaa, VB_STACK_SIZE >> 1);
}

static void files(int argc, char **argv)
{
  char text[64] = "";
  FILE *f = fopen("out.txt", "w");
  if (!f) { perror("fopen"); exit(1); }
  fprintf(f, "one\ntwo\n");
  fclose(f);
  f = fopen("/out.txt", "a");
  fprintf(f, "three\n");
  fclose(f);
  f = fopen("./out.txt", "r+");
  fseek(f, 4, SEEK_SET);
  fgets(text, sizeof text, f);
  fseek(f, 0, SEEK_END);
  printf("line %ssize %ld\n", text, ftell(f));
  ftruncate(fileno(f), 7);
  fclose(f);
  assert(mkdir("dir", 0777) == 0 && mkdir("dir", 0777) == -1 && errno == EEXIST);
  assert(rename("out.txt", "dir/moved.txt") == 0);
  assert(fopen("out.txt", "r") == NULL && errno == ENOENT);
  assert(fopen("dir/moved.txt/x", "r") == NULL && errno == ENOTDIR);
  assert(rmdir("dir") == -1 && errno == ENOTEMPTY);
  struct stat st;
  assert(stat("dir/moved.txt", &st) == 0 && st.st_size == 7 && S_ISREG(st.st_mode));
  assert(stat("dir", &st) == 0 && S_ISDIR(st.st_mode));
  DIR *d = opendir("dir");
  for (struct dirent *e; (e = readdir(d));) printf("entry %s\n", e->d_name);
  closedir(d);
  char cwd[64];
  printf("cwd %s\n", getcwd(cwd, sizeof cwd));
  assert(open("dir", O_WRONLY) == -1 && errno == EISDIR);
  assert(open("dir/moved.txt", O_CREAT | O_EXCL | O_RDWR, 0666) == -1 && errno == EEXIST);
  f = fopen("/tmp/scratch", "w+");
  assert(f && fputs("tmp", f) >= 0 && fseek(f, 0, SEEK_SET) == 0 && fgetc(f) == 't');
  fclose(f);
  assert(unlink("/tmp/scratch") == 0);
  unsigned char noise[8] = { 0 };
  int fd = open("/dev/urandom", O_RDONLY);
  assert(fd >= 0 && read(fd, noise, 8) == 8);
  close(fd);
  fd = open("/dev/zero", O_RDONLY);
  assert(fd >= 0 && read(fd, noise, 8) == 8 && noise[0] == 0 && noise[7] == 0);
  close(fd);
  fd = open("/dev/null", O_RDWR);
  assert(fd >= 0 && write(fd, noise, 8) == 8 && read(fd, noise, 8) == 0);
  close(fd);
  f = fopen("/dev/stderr", "w");
  fputs("to stderr\n", f);
  fclose(f);
  assert(getentropy(noise, 8) == 0);
  puts("done");
}

static void escape(int argc, char **argv)
{
  static const char *const paths[] = { "../secret", "../../../../../../etc/passwd", "/etc/passwd", "dir/../../secret", "//etc/passwd", "link",
                                       "link-dir/secret", "./link-dir/../../secret" };
  for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
    int fd = open(paths[i], O_RDONLY);
    printf("%s: %s\n", paths[i], fd < 0 ? strerror(errno) : "OPEN");
  }
  printf("symlink %d, link %d\n", symlink("/etc/passwd", "mine"), link("inside", "other"));
  FILE *f = fopen("link", "w");
  printf("write through link: %s\n", f ? "OPEN" : strerror(errno));
}

static void quota(int argc, char **argv)
{
  static char block[65536];
  int fd = open("big", O_CREAT | O_RDWR, 0666);
  long total = 0, n;
  while ((n = write(fd, block, sizeof block)) > 0) total += n;
  printf("full after %ld: %s\n", total, strerror(errno));
  printf("hole: %d %s\n", (int)pwrite(fd, block, 1, 1LL << 40), strerror(errno));
  printf("truncate: %d %s\n", ftruncate(fd, 1LL << 40), strerror(errno));
  unlink("big");
  int other = open("other", O_CREAT | O_RDWR, 0666);
  printf("deleted but open: %s\n", other < 0 ? strerror(errno) : write(other, block, sizeof block) < 0 ? strerror(errno) : "written");
  close(fd);
  if (other < 0) other = open("other", O_CREAT | O_RDWR, 0666);
  printf("after close: %ld\n", (long)write(other, block, sizeof block));
  close(other);
  unlink("other");
  int count = 0;
  char name[32];
  for (;; count++) {
    snprintf(name, sizeof name, "f%d", count);
    int each = open(name, O_CREAT | O_WRONLY, 0666);
    if (each < 0) break;
    close(each);
  }
  printf("empty files end: %s\n", strerror(errno));
}

static void many_files(int argc, char **argv)
{
  int count = 0;
  while (open("/dev/null", O_RDONLY) >= 0) count++;
  printf("%d more, then %s\n", count, strerror(errno));
}

static void deep_tree(int argc, char **argv)
{
  char path[4096] = "";
  int depth = 0;
  for (; depth < 1000; depth++) {
    strcat(path, depth ? "/d" : "d");
    if (mkdir(path, 0777) != 0) break;
  }
  printf("%d deep: %s\n", depth, strerror(errno));
}

static void echo(int argc, char **argv)
{
  int c;
  while ((c = getchar()) != EOF) putchar(c);
}

static void clocks(int argc, char **argv)
{
  struct timespec a, b, pause = { 0, 2000000 };
  clock_gettime(CLOCK_MONOTONIC, &a);
  nanosleep(&pause, NULL);
  clock_gettime(CLOCK_MONOTONIC, &b);
  long long slept = (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec;
  struct pollfd wait = { 0, POLLIN, 0 };
  printf("slept %s, year %s, poll %d\n", slept >= 2000000 ? "enough" : "too little", time(NULL) > 1700000000 ? "plausible" : "wrong", poll(&wait, 1, 1000));
}

#define WASI(result, name, ...) result name(__VA_ARGS__) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name)))
WASI(int, fd_write, int, uint32_t, uint32_t, uint32_t);
WASI(int, fd_read, int, uint32_t, uint32_t, uint32_t);
WASI(int, fd_readdir, int, uint32_t, uint32_t, int64_t, uint32_t);
WASI(int, fd_seek, int, int64_t, int, uint32_t);
WASI(int, fd_pwrite, int, uint32_t, uint32_t, int64_t, uint32_t);
WASI(int, fd_allocate, int, int64_t, int64_t);
WASI(int, fd_filestat_get, int, uint32_t);
WASI(int, fd_filestat_set_times, int, int64_t, int64_t, int);
WASI(int, fd_renumber, int, int);
WASI(int, path_open, int, int, uint32_t, uint32_t, int, int64_t, int64_t, int, uint32_t);
WASI(int, path_filestat_get, int, int, uint32_t, uint32_t, uint32_t);
WASI(int, path_rename, int, uint32_t, uint32_t, int, uint32_t, uint32_t);
WASI(int, path_readlink, int, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t);
WASI(int, random_get, uint32_t, uint32_t);
WASI(int, poll_oneoff, uint32_t, uint32_t, uint32_t, uint32_t);
WASI(int, args_get, uint32_t, uint32_t);
WASI(int, clock_time_get, int, int64_t, uint32_t);
WASI(int, fd_prestat_dir_name, int, uint32_t, uint32_t);

static void bad_wasi(int argc, char **argv)
{
  static char target[8192];
  const uint32_t p[] = { 0, (uint32_t)target, 0x7ffffff0, 0x80000000u, 0xfffffff8u, 0xffffffffu };
  static const uint32_t n[] = { 0, 1, 5000, 0x7fffffff, 0xffffffffu };
  static const int fds[] = { 3, 99, -1, 0x7fffffff };
  static const int64_t far[] = { 0, -1, INT64_MAX, INT64_MIN, 1LL << 60 };
  int fd = open("victim", O_CREAT | O_RDWR, 0666);
  long calls = 0;
  for (unsigned i = 0; i < 6; i++)
    for (unsigned j = 0; j < 5; j++)
      for (unsigned k = 0; k < 5; k++) {
        int f = k == 4 ? fd : fds[k];
        calls++;
        fd_write(f, p[i], n[j], p[5 - i]);
        fd_read(f, p[i], n[j], p[5 - i]);
        fd_readdir(f, p[i], n[j], far[k], p[5 - i]);
        fd_seek(f, far[j], (int)k - 1, p[i]);
        fd_pwrite(f, p[i], n[j], far[k], p[5 - i]);
        fd_allocate(f, far[j], far[k]);
        fd_filestat_get(f, p[i]);
        fd_filestat_set_times(f, far[j], far[k], (int)k * 3);
        if (f != fd && f != 3) fd_renumber(f, (int)p[i]);
        path_open(f, -1, p[i], n[j], -1, far[k], far[j], -1, p[5 - i]);
        path_filestat_get(f, -1, p[i], n[j], p[5 - i]);
        path_rename(f, p[i], n[j], 3, p[5 - i], n[j]);
        path_readlink(f, p[i], n[j], p[i], n[j], p[5 - i]);
        if (n[j] <= 5000) random_get(p[i] == 0 ? 64 : p[i], n[j] & 63);
        random_get(p[i] | 0x40000000u, n[j]);
        poll_oneoff(p[i] | 0x80000000u, p[i], n[j], p[5 - i]);
        args_get(p[i] | 0x80000000u, p[i] | 0x80000000u);
        clock_time_get((int)n[j], far[k], p[i] | 0x80000000u);
        fd_prestat_dir_name(f, p[i] | 0x80000000u, n[j]);
      }
  printf("alive after %ld rounds\n", calls);
}

static void counted(int argc, char **argv)
{
  for (int i = 0; i < 5; i++) vb_hypercall(VB_HC_VERSION, 0, 0, 0, 0);
}

static void sum(int argc, char **argv)
{
  double x = 0;
  for (long i = 1; i < 200000000; i++) x += 1.0 / (double)i;
  printf("%.6f\n", x);
}

static const struct {
  const char *name;
  behaviour *run;
} behaviours[] = {
  { "hello", hello },         { "boot-info", boot_info },       { "exit", exit_with },         { "loop", loop },
  { "loop-with-calls", loop_with_calls },                       { "block", block },            { "nap", nap },
  { "sleep", sleeper },       { "trap-wild", trap_wild },       { "trap-divide", trap_divide },
  { "trap-call", trap_call }, { "trap-assert", trap_assert },   { "trap-stack", trap_stack },  { "trap-calls", trap_calls },
  { "out-of-memory", out_of_memory },                           { "out-of-memory-told", out_of_memory_told },
                           { "flood", flood },            { "two-streams", two_streams },
  { "no-finalize", no_finalize },                               { "finalized", finalized },    { "mpi-abort", mpi_abort },
  { "rendezvous", rendezvous },                                 { "bad-hypercalls", bad_hypercalls },
  { "log", log_line },        { "memory", memory },             { "files", files },            { "escape", escape },
  { "quota", quota },         { "many-files", many_files },     { "deep-tree", deep_tree },    { "echo", echo },
  { "null-write", null_write }, { "null-read", null_read },     { "null-loop", null_loop },
  { "clocks", clocks },       { "bad-wasi", bad_wasi },         { "counted", counted },        { "sum", sum },
};

int main(int argc, char **argv)
{
  for (unsigned i = 0; argc > 1 && i < sizeof behaviours / sizeof *behaviours; i++)
    if (strcmp(argv[1], behaviours[i].name) == 0) {
      behaviours[i].run(argc, argv);
      return 0;
    }
  fprintf(stderr, "no behaviour %s\n", argc > 1 ? argv[1] : "(none)");
  return 64;
}
