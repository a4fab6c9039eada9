/* Temporary files, commands and old allocation functions, beside what the C library has of <stdlib.h>. */
#include_next <stdlib.h>
#ifndef VERBENA_STDLIB_H
#define VERBENA_STDLIB_H

#ifdef __cplusplus
extern "C" {
#endif

int system(const char *command);
int mkstemp(char *pattern);
char *mkdtemp(char *pattern);
char *mktemp(char *pattern);
void *valloc(size_t size);
void *memalign(size_t alignment, size_t size);

#ifdef __cplusplus
}
#endif
#endif
