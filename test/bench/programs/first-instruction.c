/* Says when its main began, on the machine's monotonic clock: "first_us X". */
#include <stdio.h>
#include <time.h>

int main(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  printf("first_us %.3f\n", (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3);
  return 0;
}
