/*
 * The C library declares errno thread-local, and is itself compiled for one thread, where it is an ordinary variable; guests are compiled
 * with atomics, where the two do not link. So errno is reached through a function, as POSIX allows.
 */
#include_next <errno.h>
#ifndef VERBENA_ERRNO_H
#define VERBENA_ERRNO_H

#ifdef __cplusplus
extern "C" {
#endif
int *__errno_location(void) __attribute__((const));
#ifdef __cplusplus
}
#endif

#undef errno
#define errno (*__errno_location())
#endif
