/*
 * Locks in the adapter memory. The owner's number stands in the lock, so that the locks of a thread that was ended inside the firmware can
 * be found and released. A waiter spins for a moment, then sleeps for at most a millisecond at a time.
 */
#ifndef VBF_LOCK_H
#define VBF_LOCK_H

#include "memory.h"

#define LOCK_SPINS 200
#define LOCK_SLEEP_NS 1000000ll

static inline uint32_t lock_owner(void) { return (own_thread() + 1) << 1; }

static inline bool lock_try(uint32_t *lock) {
  uint32_t none = 0;
  return __atomic_compare_exchange_n(lock, &none, lock_owner(), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Waits for at most `sleeps` milliseconds, 0: without limit. */
static __attribute__((noinline)) bool lock_wait(uint32_t *lock, uint32_t sleeps) {
  for (uint32_t slept = 0;;) {
    for (int i = 0; i < LOCK_SPINS; i++)
      if (__atomic_load_n(lock, __ATOMIC_RELAXED) == 0 && lock_try(lock)) return true;
    if (sleeps != 0 && slept++ == sleeps) return false;
    uint32_t held = load32(lock);
    if (held == 0) continue;
    if ((held & 1) == 0 && !__atomic_compare_exchange_n(lock, &held, held | 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
    __builtin_wasm_memory_atomic_wait32((int *)lock, (int)(held | 1), LOCK_SLEEP_NS);
  }
}

static inline void lock_take(uint32_t *lock) {
  if (UNLIKELY(!lock_try(lock))) lock_wait(lock, 0);
}

static inline bool lock_take_within(uint32_t *lock, uint32_t milliseconds) { return lock_try(lock) || lock_wait(lock, milliseconds); }

static inline void lock_drop(uint32_t *lock) {
  if (UNLIKELY(__atomic_exchange_n(lock, 0, __ATOMIC_SEQ_CST) & 1)) __builtin_wasm_memory_atomic_notify((int *)lock, 1);
}

#endif
