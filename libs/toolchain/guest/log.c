/* syslog() and glibc's error(): both write to standard error, which is kept with the job. */
#include <error.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static const char *log_name = "guest";

void openlog(const char *name, int options, int facility) {
  (void)options, (void)facility;
  if (name != NULL) log_name = name;
}

void closelog(void) {}
int setlogmask(int mask) { return (void)mask, 0xff; }

void syslog(int priority, const char *format, ...) {
  va_list arguments;
  (void)priority;
  fprintf(stderr, "%s: ", log_name);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void error(int status, int code, const char *format, ...) {
  va_list arguments;
  fflush(stdout);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  if (code != 0) fprintf(stderr, ": %s", strerror(code));
  fputc('\n', stderr);
  if (status != 0) exit(status);
}
