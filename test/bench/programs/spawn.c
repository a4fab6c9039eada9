/*
 * The peer of booting a VM: from fork to the first instruction of main in an exec'ed program, which reports the time itself.
 * Both ends read CLOCK_MONOTONIC, which processes have in common. Usage: spawn ROUNDS; prints "spawn_us X", the median.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int ascending(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
  if (argc > 2 && strcmp(argv[1], "child") == 0) {
    double first = now();
    return write(atoi(argv[2]), &first, sizeof first) == sizeof first ? 0 : 1;
  }
  int rounds = argc > 1 ? atoi(argv[1]) : 100, ends[2];
  double *times = malloc((size_t)rounds * sizeof *times);
  if (!times || pipe(ends) != 0) return 1;
  char number[16];
  snprintf(number, sizeof number, "%d", ends[1]);
  for (int i = 0; i < rounds; i++) {
    double started = now(), first;
    pid_t child = fork();
    if (child == 0) {
      execl(argv[0], argv[0], "child", number, (char *)NULL);
      _exit(127);
    }
    if (read(ends[0], &first, sizeof first) != sizeof first) return 1;
    waitpid(child, NULL, 0);
    times[i] = first - started;
  }
  qsort(times, (size_t)rounds, sizeof *times, ascending);
  printf("spawn_us %.1f\n", times[rounds / 2]);
  return 0;
}
