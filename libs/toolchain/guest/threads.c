/* A guest has one thread. The C library's locks work for it as they are; starting a second one fails, with a line that says so. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "absent.h"

/* Fails with EAGAIN, the error that POSIX has for a system without room for another thread. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  (void)thread, (void)attributes, (void)start, (void)argument;
  VB_ABSENT("pthread_create");
  return EAGAIN;
}

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) { return (void)prepare, (void)parent, (void)child, 0; }

/* The one thread is the program. */
_Noreturn void pthread_exit(void *value) {
  (void)value;
  exit(0);
}

/*
 * Locks, since those of the C library take a recursive one for a plain one. A lock is its count: nobody else could hold it, so that taking a
 * plain one twice is the program's own deadlock, which is answered by EDEADLK instead of a wait for ever.
 */
static int *count_of(pthread_mutex_t *mutex) { return &mutex->__u.__i[5]; }
static int recursive(const pthread_mutex_t *mutex) { return (mutex->__u.__i[0] & 3) == PTHREAD_MUTEX_RECURSIVE; }

static int take(pthread_mutex_t *mutex, int held) {
  if (*count_of(mutex) > 0 && !recursive(mutex)) return held;
  ++*count_of(mutex);
  return 0;
}

int pthread_mutex_lock(pthread_mutex_t *mutex) { return take(mutex, EDEADLK); }
int pthread_mutex_trylock(pthread_mutex_t *mutex) { return take(mutex, EBUSY); }

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (*count_of(mutex) == 0) return EPERM;
  --*count_of(mutex);
  return 0;
}
