/* setjmp and longjmp around MPI calls, signals that a program raises, atexit. */
#include <assert.h>
#include <mpi.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static jmp_buf top;
static sigjmp_buf signal_top;
static volatile sig_atomic_t seen;

static void on_signal(int number) { seen = number; }
static void deep(int depth)
{
  if (depth == 0) longjmp(top, 3);
  deep(depth - 1);
}
static void last(void) { puts("ok"); }

int main(int argc, char **argv)
{
  atexit(last);
  MPI_Init(&argc, &argv);
  volatile int rounds = 0;
  int value = setjmp(top);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rounds++ < 2) deep(5);
  assert(value == 3 && rounds == 3);
  if (sigsetjmp(signal_top, 1) == 0) siglongjmp(signal_top, 1);
  struct sigaction action = {.sa_handler = on_signal};
  assert(sigaction(SIGUSR1, &action, NULL) == 0 && raise(SIGUSR1) == 0 && seen == SIGUSR1);
  signal(SIGINT, on_signal);
  signal(SIGPIPE, SIG_IGN);
  assert(kill(getpid(), SIGINT) == 0 && seen == SIGINT);
  alarm(0);
  MPI_Finalize();
  return 0;
}
