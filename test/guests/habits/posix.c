/* Calls that programs make in passing: process, host, limits, terminal, sleep and the clocks. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double seconds(const struct timeval *t) { return (double)t->tv_sec + 1e-6 * (double)t->tv_usec; }

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  assert(argc >= 1 && argv[0] != NULL && argv[0][0] != '\0' && argv[argc] == NULL);
  assert(getenv("NO_SUCH_VARIABLE") == NULL);
  assert(setenv("OWN", "1", 1) == 0 && strcmp(getenv("OWN"), "1") == 0 && unsetenv("OWN") == 0);

  char host[256], node[MPI_MAX_PROCESSOR_NAME];
  int length;
  assert(gethostname(host, sizeof host) == 0 && host[0] != '\0');
  MPI_Get_processor_name(node, &length);
  assert(length > 0 && node[length] == '\0');
  struct utsname system_name;
  assert(uname(&system_name) == 0);
  assert(getpid() > 1 && getppid() >= 0 && getuid() == geteuid());
  assert(sysconf(_SC_PAGESIZE) > 0 && sysconf(_SC_NPROCESSORS_ONLN) == 1);

  struct timeval before, after;
  struct timespec pause = {0, 2000000}, now;
  gettimeofday(&before, NULL);
  assert(nanosleep(&pause, NULL) == 0 && usleep(1000) == 0 && sleep(0) == 0);
  gettimeofday(&after, NULL);
  assert(seconds(&after) - seconds(&before) >= 0.003);
  assert(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && clock_gettime(CLOCK_REALTIME, &now) == 0);
  assert(time(NULL) > 1600000000 && labs((long)(time(NULL) - now.tv_sec)) <= 1);

  volatile double sum = 0;
  clock_t start = clock();
  for (int i = 0; i < 2000000; i++) sum += sqrt(i);
  assert(clock() > start && sum > 0);
  struct rusage usage;
  assert(getrusage(RUSAGE_SELF, &usage) == 0 && seconds(&usage.ru_utime) + seconds(&usage.ru_stime) > 0);

  struct tm parts;
  char text[64];
  time_t moment = 86400;
  assert(gmtime_r(&moment, &parts) != NULL && strftime(text, sizeof text, "%Y-%m-%d", &parts) == 10);
  assert(strcmp(text, "1970-01-02") == 0);
  assert(localtime(&moment) != NULL && ctime(&moment) != NULL);
  (void)isatty(STDOUT_FILENO);
  assert(getcwd(text, sizeof text) != NULL);

  MPI_Finalize();
  puts("ok");
  return 0;
}
