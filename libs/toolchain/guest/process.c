/* Processes and users: a guest is one process of one user, and starts no others. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <verbena/abi.h>

#include "absent.h"

/* Process numbers begin here, as where a system has booted; domains of one adapter differ. */
#define FIRST_PID 1000
#define USER_ID 1000

pid_t getpid(void) {
  static pid_t own; /* kept: the domain is another when the program has moved */
  if (own == 0) own = FIRST_PID + (pid_t)vb_boot_info()->domain_slot;
  return own;
}
pid_t getppid(void) { return 1; }
pid_t getpgrp(void) { return getpid(); }
pid_t getsid(pid_t pid) { return pid == 0 ? getpid() : pid; }
pid_t setsid(void) { return getpid(); }
uid_t getuid(void) { return USER_ID; }
uid_t geteuid(void) { return USER_ID; }
gid_t getgid(void) { return USER_ID; }
gid_t getegid(void) { return USER_ID; }

pid_t fork(void) {
  VB_ABSENT("fork");
  return -1;
}

pid_t vfork(void) {
  VB_ABSENT("vfork");
  return -1;
}

static int no_exec(void) {
  VB_ABSENT("exec");
  return -1;
}

int execv(const char *path, char *const argv[]) { return (void)path, (void)argv, no_exec(); }
int execve(const char *path, char *const argv[], char *const envp[]) { return (void)path, (void)argv, (void)envp, no_exec(); }
int execvp(const char *file, char *const argv[]) { return (void)file, (void)argv, no_exec(); }
int execl(const char *path, const char *arg, ...) { return (void)path, (void)arg, no_exec(); }
int execlp(const char *file, const char *arg, ...) { return (void)file, (void)arg, no_exec(); }

/* With a null command, system() asks whether there is a shell (C11, 7.22.4.8): there is none. */
int system(const char *command) {
  if (command == NULL) return 0;
  VB_ABSENT("system");
  return -1;
}

FILE *popen(const char *command, const char *mode) {
  (void)command, (void)mode;
  VB_ABSENT("popen");
  return NULL;
}

int pclose(FILE *stream) {
  (void)stream;
  errno = ECHILD;
  return -1;
}

pid_t wait(int *status) { return waitpid(-1, status, 0); }

pid_t waitpid(pid_t pid, int *status, int options) {
  (void)pid, (void)status, (void)options;
  errno = ECHILD;
  return -1;
}

int pipe(int descriptors[2]) {
  (void)descriptors;
  VB_ABSENT("pipe");
  return -1;
}

int dup(int descriptor) {
  (void)descriptor;
  VB_ABSENT("dup");
  return -1;
}

int dup2(int descriptor, int wanted) {
  if (descriptor == wanted) return wanted;
  VB_ABSENT("dup2");
  return -1;
}

/* Files in the scratch directory belong to the guest whatever their mode. */
mode_t umask(mode_t mask) {
  static mode_t current = 022;
  mode_t old = current;
  current = mask & 0777;
  return old;
}

int chown(const char *path, uid_t owner, gid_t group) {
  (void)owner, (void)group;
  return access(path, F_OK);
}

/* The linker sends chmod() and fchmod() here: modes have no meaning for the scratch directory, and the C library's own only fail. */
int __wrap_chmod(const char *path, mode_t mode) { return (void)mode, access(path, F_OK); }

int __wrap_fchmod(int descriptor, mode_t mode) {
  struct stat information;
  (void)mode;
  return fstat(descriptor, &information);
}

int nice(int increment) { return (void)increment, 0; }

char *ttyname(int descriptor) {
  (void)descriptor;
  errno = ENOTTY;
  return NULL;
}

char *getlogin(void) { return "guest"; }

int getlogin_r(char *name, size_t length) {
  if (length < sizeof "guest") return ERANGE;
  memcpy(name, "guest", sizeof "guest");
  return 0;
}

static struct passwd guest = {"guest", "", USER_ID, USER_ID, "guest", "/", ""};

struct passwd *getpwuid(uid_t uid) { return uid == USER_ID ? &guest : NULL; }
struct passwd *getpwnam(const char *name) { return strcmp(name, guest.pw_name) == 0 ? &guest : NULL; }

static char *members[] = {"guest", NULL};
static struct group group = {"guest", "", USER_ID, members};

struct group *getgrgid(gid_t gid) { return gid == USER_ID ? &group : NULL; }
struct group *getgrnam(const char *name) { return strcmp(name, group.gr_name) == 0 ? &group : NULL; }

int getrlimit(int resource, struct rlimit *limit) {
  rlim_t value = RLIM_INFINITY;
  if (resource == RLIMIT_STACK) value = VB_STACK_SIZE;
  if (resource == RLIMIT_AS || resource == RLIMIT_DATA) value = vb_boot_info()->memory_bytes;
  limit->rlim_cur = limit->rlim_max = value;
  return 0;
}

int setrlimit(int resource, const struct rlimit *limit) { return (void)resource, (void)limit, 0; }
