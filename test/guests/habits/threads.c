/*
 * Programs that are written for threads link; pthread_create fails with EAGAIN, locks of the one thread work.
 * stderr: verbena: pthread_create() is not available in a guest
 */
#include <assert.h>
#include <errno.h>
#include <mpi.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <omp.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static __thread int mine = 5;
static _Thread_local int yours = 6;
static atomic_int counter;
static int calls;

static void first(void) { calls++; }
static void *work(void *argument) { return argument; }

int main(int argc, char **argv)
{
  int provided, level, is_main;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  assert(provided >= MPI_THREAD_FUNNELED);
  MPI_Query_thread(&level);
  MPI_Is_thread_main(&is_main);
  assert(level == provided && is_main);

  pthread_t thread;
  assert(pthread_create(&thread, NULL, work, NULL) == EAGAIN);
  assert(pthread_mutex_lock(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
  assert(pthread_mutex_trylock(&lock) == 0 && pthread_mutex_unlock(&lock) == 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_t other;
  assert(pthread_mutex_init(&other, &attributes) == 0);
  assert(pthread_mutex_lock(&other) == 0 && pthread_mutex_lock(&other) == 0);
  assert(pthread_mutex_unlock(&other) == 0 && pthread_mutex_unlock(&other) == 0);
  pthread_cond_t condition;
  assert(pthread_cond_init(&condition, NULL) == 0 && pthread_cond_signal(&condition) == 0 && pthread_cond_broadcast(&condition) == 0);
  pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
  assert(pthread_rwlock_rdlock(&rw) == 0 && pthread_rwlock_unlock(&rw) == 0);
  pthread_once(&once, first);
  pthread_once(&once, first);
  assert(calls == 1);
  assert(pthread_key_create(&key, NULL) == 0 && pthread_setspecific(key, &calls) == 0 && pthread_getspecific(key) == &calls);
  assert(pthread_equal(pthread_self(), pthread_self()));
  pthread_attr_t thread_attributes;
  assert(pthread_attr_init(&thread_attributes) == 0);
  atomic_fetch_add(&counter, 2);
  assert(mine++ == 5 && yours++ == 6 && counter == 2);

  double sum = 0;
#pragma omp parallel for reduction(+ : sum)
  for (int i = 0; i < 100; i++) sum += i;
  assert(sum == 4950 && omp_get_max_threads() == 1);
#pragma omp parallel
  {
#pragma omp critical
    calls++;
  }
  assert(calls == 2);
  MPI_Finalize();
  puts("ok");
  return 0;
}
