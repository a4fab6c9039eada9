/* What POSIX says of processes and users, beside what the C library has of <unistd.h>. See ../process.c for what works in a guest. */
#ifndef VERBENA_UNISTD_H
#define VERBENA_UNISTD_H
#include_next <unistd.h>

#define __NEED_uid_t
#define __NEED_gid_t
#include <bits/alltypes.h>

#ifdef __cplusplus
extern "C" {
#endif

pid_t fork(void);
pid_t vfork(void);
int execv(const char *path, char *const argv[]);
int execve(const char *path, char *const argv[], char *const envp[]);
int execvp(const char *file, char *const argv[]);
int execl(const char *path, const char *arg, ...);
int execlp(const char *file, const char *arg, ...);
int pipe(int descriptors[2]);
int dup(int descriptor);
int dup2(int descriptor, int wanted);
pid_t getppid(void);
pid_t getpgrp(void);
pid_t getsid(pid_t pid);
pid_t setsid(void);
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
char *getlogin(void);
int getlogin_r(char *name, size_t length);
char *ttyname(int descriptor);
int chown(const char *path, uid_t owner, gid_t group);
unsigned alarm(unsigned seconds);
int pause(void);
int nice(int increment);

#ifdef __cplusplus
}
#endif
#endif
