/*
 * What the NAS kernels have in common: the pseudo-random sequence of the specification, the class given at compile time or as first
 * argument, and the report at the end.
 *
 * The sequence is x(k+1) = a x(k) mod 2^46 (NAS-95-020, section 2.3). Products are taken modulo 2^64, which keeps the low 46 bits exact.
 */
#ifndef NAS_H
#define NAS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <mpi.h>

#ifndef CLASS
#define CLASS 'S'
#endif

#define NAS_A 1220703125ull /* 5^13 */
#define NAS_MASK ((1ull << 46) - 1)

/* Advances the sequence by one and returns the number in (0, 1). */
static inline double nas_next(uint64_t *x, uint64_t a)
{
  *x = (*x * a) & NAS_MASK;
  return (double)*x * 0x1p-46;
}

/* a^n mod 2^46: multiplying a seed by it skips n numbers. */
static inline uint64_t nas_power(uint64_t a, uint64_t n)
{
  uint64_t result = 1;
  for (; n; n >>= 1, a = (a * a) & NAS_MASK)
    if (n & 1) result = (result * a) & NAS_MASK;
  return result;
}

#define NAS_TEXT_OF(value) #value
#define NAS_TEXT(value) NAS_TEXT_OF(value)

/* The class: the first argument, or the one that it was compiled for, by -DCLASS=A as well as by -DCLASS="'A'". */
static inline char nas_class(int argc, char **argv)
{
  const char *compiled = NAS_TEXT(CLASS);
  return argc > 1 ? argv[1][0] : compiled[compiled[0] == '\''];
}

/* Prints the report on rank 0 and gives the exit code: 0 only if the values are the published ones. */
static inline int nas_report(const char *name, char class, int ranks, double seconds, double operations, int verified)
{
  printf("%s class %c on %d ranks: %.3f s, %.2f Mop/s\n", name, class, ranks, seconds, operations / seconds * 1e-6);
  printf("%s class %c: VERIFICATION %s\n", name, class, verified ? "SUCCESSFUL" : "FAILED");
  return verified ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int nas_unknown_class(const char *name, char class)
{
  fprintf(stderr, "%s: class %c is not one of S, W, A, B\n", name, class);
  return EXIT_FAILURE;
}

#endif
