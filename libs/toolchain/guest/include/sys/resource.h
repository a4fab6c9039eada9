/* Limits, beside the times that the C library has of <sys/resource.h>. */
#include_next <sys/resource.h>
#ifndef VERBENA_SYS_RESOURCE_H
#define VERBENA_SYS_RESOURCE_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef RLIM_INFINITY
typedef unsigned long long rlim_t;
struct rlimit {
  rlim_t rlim_cur;
  rlim_t rlim_max;
};
#define RLIM_INFINITY (~0ull)
#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_DATA 2
#define RLIMIT_STACK 3
#define RLIMIT_CORE 4
#define RLIMIT_NOFILE 7
#define RLIMIT_AS 9
#endif

int getrlimit(int resource, struct rlimit *limit);
int setrlimit(int resource, const struct rlimit *limit);

#ifdef __cplusplus
}
#endif
#endif
