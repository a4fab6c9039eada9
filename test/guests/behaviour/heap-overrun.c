/* Writes one byte where it must not: "behind" a block of the heap, "before" it, or in it when it was "freed". */
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
  const char *where = argc > 1 ? argv[1] : "behind";
  volatile char *block = malloc(100);
  if (strcmp(where, "freed") == 0) free((void *)block);
  block[strcmp(where, "behind") == 0 ? 100 : strcmp(where, "before") == 0 ? -20 : 7] = 1;
  return 0;
}
