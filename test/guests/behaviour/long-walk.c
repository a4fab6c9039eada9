/* A walk of many steps, each written to the output and to a file, over an array that changes all the time: what is lost or comes twice on the way to
   another host shows in one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { cells = 1000000 };

int main(int argc, char **argv)
{
  int steps = argc > 1 ? atoi(argv[1]) : 100;
  unsigned *heap = malloc(sizeof *heap * cells);
  FILE *file = fopen("steps.txt", "w");
  if (heap == NULL || file == NULL) return 2;
  for (unsigned i = 0; i < cells; i++) heap[i] = i;
  for (int step = 0; step < steps; step++) {
    for (int i = 0; i < cells; i++) heap[i] += (unsigned)step;
    struct timespec nap = {0, 20000000};
    nanosleep(&nap, NULL);
    printf("step %d\n", step);
    fflush(stdout);
    fprintf(file, "%d\n", step);
  }
  unsigned sum = 0;
  for (int i = 0; i < cells; i++) sum += heap[i];
  printf("sum %u\n", sum);
  return fclose(file);
}
