/*
 * From the start file to the program's main. The compiler calls a main without parameters __main_void, one with two __main_argc_argv;
 * this is for the second kind. Unlike the C library's own it insists: a program without a main does not link.
 */
#include <stdlib.h>
#include <sysexits.h>
#include <wasi/api.h>

int __main_argc_argv(int argc, char **argv);

int __main_void(void) {
  __wasi_size_t count, bytes;
  if (__wasi_args_sizes_get(&count, &bytes) != 0) _Exit(EX_OSERR);
  char *text = malloc(bytes + 1);
  char **argv = calloc((size_t)count + 1, sizeof(char *));
  if (text == NULL || argv == NULL) _Exit(EX_SOFTWARE);
  if (__wasi_args_get((uint8_t **)argv, (uint8_t *)text) != 0) _Exit(EX_OSERR);
  return __main_argc_argv((int)count, argv);
}
