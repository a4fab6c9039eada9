/* Large blocks, page-aligned blocks, mmap of nothing, growth in place, and a request that cannot be met. */
#include <assert.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <alloca.h>
#include <unistd.h>

int main(void)
{
  char *large = malloc((size_t)150 << 20);
  assert(large != NULL);
  memset(large, 1, (size_t)150 << 20);
  free(large);
  void *aligned = NULL;
  assert(posix_memalign(&aligned, 4096, 10000) == 0 && (uintptr_t)aligned % 4096 == 0);
  free(aligned);
  aligned = aligned_alloc(64, 640);
  assert(aligned != NULL && (uintptr_t)aligned % 64 == 0);
  free(aligned);
  char *mapped = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert(mapped != MAP_FAILED && mapped[1000] == 0);
  assert(munmap(mapped, 1 << 20) == 0);
  int *grown = NULL;
  for (size_t n = 1; n < 1000000; n *= 2) assert((grown = realloc(grown, n * sizeof *grown)) != NULL);
  free(grown);
  volatile size_t too_much = 0xf0000000u;
  void *volatile refused = malloc(too_much);
  assert(refused == NULL);
  char *small = alloca(1000);
  memset(small, 0, 1000);
  double local[200000]; /* 1.6 MB on the stack, as small codes do */
  memset(local, 0, sizeof local);
  assert(local[199999] == 0);
  puts("ok");
  return 0;
}
