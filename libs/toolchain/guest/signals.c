/* Signals that a program sends to itself. Nobody else sends any: the hypervisor stops a guest without asking it. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "absent.h"

int kill(pid_t pid, int signal_number) {
  if (pid != getpid() && pid != 0) return errno = ESRCH, -1;
  return signal_number == 0 ? 0 : raise(signal_number);
}

static unsigned char *byte_of(const sigset_t *set, int signal_number) {
  unsigned index = (unsigned)signal_number / 8;
  return index < sizeof *set ? (unsigned char *)set + index : NULL;
}

int sigemptyset(sigset_t *set) { return memset(set, 0, sizeof *set), 0; }
int sigfillset(sigset_t *set) { return memset(set, 0xff, sizeof *set), 0; }

int sigaddset(sigset_t *set, int signal_number) {
  unsigned char *byte = byte_of(set, signal_number);
  if (byte == NULL) return errno = EINVAL, -1;
  *byte |= (unsigned char)(1u << (signal_number % 8));
  return 0;
}

int sigdelset(sigset_t *set, int signal_number) {
  unsigned char *byte = byte_of(set, signal_number);
  if (byte == NULL) return errno = EINVAL, -1;
  *byte &= (unsigned char)~(1u << (signal_number % 8));
  return 0;
}

int sigismember(const sigset_t *set, int signal_number) {
  const unsigned char *byte = byte_of(set, signal_number);
  return byte == NULL ? 0 : (*byte >> (signal_number % 8)) & 1;
}

/* Signals are taken where they are raised, so that a mask has nothing to hold back. */
int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
  static sigset_t mask;
  (void)how;
  if (old != NULL) *old = mask;
  if (set != NULL) mask = *set;
  return 0;
}

int sigaction(int signal_number, const struct sigaction *action, struct sigaction *old) {
  void (*previous)(int) = action != NULL ? signal(signal_number, action->sa_handler) : signal(signal_number, SIG_DFL);
  if (previous == SIG_ERR) return -1;
  if (action == NULL) signal(signal_number, previous);
  if (old != NULL) {
    memset(old, 0, sizeof *old);
    old->sa_handler = previous;
  }
  return 0;
}

unsigned alarm(unsigned seconds) {
  if (seconds > 0) VB_ABSENT("alarm");
  return 0;
}

int pause(void) {
  VB_ABSENT("pause");
  return -1;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) {
  (void)pid;
  if (size < sizeof(unsigned long)) return errno = EINVAL, -1;
  memset(set, 0, size);
  set->bits[0] = 1;
  return 0;
}

int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) {
  (void)pid;
  if (size >= sizeof(unsigned long) && (set->bits[0] & 1) != 0) return 0;
  return errno = EINVAL, -1;
}

int sched_getcpu(void) { return 0; }
