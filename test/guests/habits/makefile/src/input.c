#include <getopt.h>
#include <stdlib.h>
#include "../include/solver.h"

void read_input(int argc, char **argv, int *n)
{
  static const struct option options[] = {{"points", required_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
  *n = 64;
  tolerance = 1e-4;
  for (int option; (option = getopt_long(argc, argv, "p:", options, NULL)) != -1;)
    if (option == 'p') *n = atoi(optarg);
}
