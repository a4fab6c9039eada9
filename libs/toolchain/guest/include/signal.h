/*
 * Signal sets and actions, beside what the C library has of <signal.h>. Signals of a guest come from the guest itself (raise, abort): an
 * action is kept and called as signal() would.
 */
#include_next <signal.h>
#ifndef VERBENA_SIGNAL_H
#define VERBENA_SIGNAL_H

#define __NEED_pid_t
#define __NEED_sigset_t
#include <bits/alltypes.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int si_signo;
  int si_code;
  int si_errno;
  void *si_addr;
} siginfo_t;

struct sigaction {
  union {
    void (*sa_handler)(int);
    void (*sa_sigaction)(int, siginfo_t *, void *);
  };
  sigset_t sa_mask;
  int sa_flags;
};

#ifndef SA_SIGINFO
#define SA_NOCLDSTOP 1
#define SA_NOCLDWAIT 2
#define SA_SIGINFO 4
#define SA_ONSTACK 0x08000000
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000
#endif
#ifndef SIG_BLOCK
#define SIG_BLOCK 0
#define SIG_UNBLOCK 1
#define SIG_SETMASK 2
#endif

int kill(pid_t pid, int signal_number);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal_number);
int sigdelset(sigset_t *set, int signal_number);
int sigismember(const sigset_t *set, int signal_number);
int sigprocmask(int how, const sigset_t *set, sigset_t *old);
int sigaction(int signal_number, const struct sigaction *action, struct sigaction *old);

#ifdef __cplusplus
}
#endif
#endif
