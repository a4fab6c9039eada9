/* Backtraces. A guest cannot see its own stack of calls; the hypervisor prints it when the guest traps. */
#ifndef VERBENA_EXECINFO_H
#define VERBENA_EXECINFO_H
static inline int backtrace(void **frames, int most) {
  (void)frames;
  (void)most;
  return 0;
}
static inline void backtrace_symbols_fd(void *const *frames, int count, int descriptor) {
  (void)frames;
  (void)count;
  (void)descriptor;
}
#endif
