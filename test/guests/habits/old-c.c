/* C as it was written before 1999: declarations without prototypes, implicit int, implicit functions, and unions for punning. */
#include <stdio.h>

extern double norm();
static counter;

main(argc, argv)
int argc;
char **argv;
{
  double v[3];
  int i;
  for (i = 0; i < 3; i++) v[i] = i + 1;
  printf("%.1f\n", norm(v, 3));
  if (argc < 0) exit(1);
  counter = count(3);
  puts(counter == 6 ? "ok" : "wrong");
  return 0;
}

double norm(v, n)
double *v;
int n;
{
  double sum = 0;
  while (n-- > 0) sum += v[n] * v[n];
  return sum;
}

count(n) { return n == 0 ? 0 : n + count(n - 1); }
