#include <stdlib.h>

/* wasm32 has pages of 64 KiB, but programs that ask for page alignment mean the 4 KiB of other machines. */
#define PAGE_BYTES 4096

void *memalign(size_t alignment, size_t size) {
  void *block;
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  return posix_memalign(&block, alignment, size) == 0 ? block : NULL;
}

void *valloc(size_t size) { return memalign(PAGE_BYTES, size); }
