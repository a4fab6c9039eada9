/* Temporary files, in the program's working directory when no other is named: a guest's disk is its scratch directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ATTEMPTS 100

/* Replaces the six X at the end of a pattern by letters; returns 0 when there are none. */
static int fill(char *pattern) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  size_t length = strlen(pattern);
  uint8_t random[6];
  if (length < 6 || strcmp(pattern + length - 6, "XXXXXX") != 0) return errno = EINVAL, 0;
  if (getentropy(random, sizeof random) != 0) return 0;
  for (size_t at = 0; at < 6; at++) pattern[length - 6 + at] = letters[random[at] % (sizeof letters - 1)];
  return 1;
}

static void unfill(char *pattern) { memcpy(pattern + strlen(pattern) - 6, "XXXXXX", 6); }

int mkstemp(char *pattern) {
  for (int attempt = 0; attempt < ATTEMPTS && fill(pattern); attempt++) {
    int descriptor = open(pattern, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (descriptor >= 0) return descriptor;
    unfill(pattern);
    if (errno != EEXIST) break;
  }
  return -1;
}

char *mkdtemp(char *pattern) {
  for (int attempt = 0; attempt < ATTEMPTS && fill(pattern); attempt++) {
    if (mkdir(pattern, 0700) == 0) return pattern;
    unfill(pattern);
    if (errno != EEXIST) break;
  }
  return NULL;
}

char *mktemp(char *pattern) {
  if (!fill(pattern)) *pattern = '\0';
  return pattern;
}

char *tmpnam(char *name) {
  static char own[L_tmpnam];
  char *out = name != NULL ? name : own;
  strcpy(out, "tmp-XXXXXX");
  return fill(out) ? out : NULL;
}

/* The file has no name once it is open, so that nothing is left behind. */
FILE *tmpfile(void) {
  char name[] = "tmp-XXXXXX";
  int descriptor = mkstemp(name);
  if (descriptor < 0) return NULL;
  unlink(name);
  return fdopen(descriptor, "w+");
}
