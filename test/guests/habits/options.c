/* Options in the usual ways, and text handling that POSIX programs rely on. */
#define _GNU_SOURCE
#include <assert.h>
#include <ctype.h>
#include <err.h>
#include <getopt.h>
#include <libgen.h>
#include <locale.h>
#include <regex.h>
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <unistd.h>
#include <wchar.h>
#include <fnmatch.h>

int main(void)
{
  static const struct option options[] = {{"size", required_argument, NULL, 's'}, {"quiet", no_argument, NULL, 'q'}, {0}};
  char *words[] = {"program", "--size=12", "-q", "file", NULL};
  int option, size = 0, quiet = 0;
  while ((option = getopt_long(4, words, "s:q", options, NULL)) != -1) {
    if (option == 's') size = atoi(optarg);
    if (option == 'q') quiet = 1;
  }
  assert(size == 12 && quiet && optind == 3 && strcmp(words[optind], "file") == 0);
  char line[] = "a, b;c", *rest = line, path[] = "/usr/lib/x.so", *formatted;
  assert(strcmp(strtok_r(line, ", ;", &rest), "a") == 0 && strcmp(strsep(&rest, ";"), " b") == 0);
  assert(strcmp(basename(path), "x.so") == 0 && strcasecmp("ABC", "abc") == 0);
  assert(asprintf(&formatted, "%s-%d", "x", 5) == 3);
  free(formatted);
  char *copy = strndup("abcdef", 3);
  assert(strlen(copy) == 3 && strtol("0x1f", NULL, 0) == 31 && strtod("1e3", NULL) == 1000);
  free(copy);
  regex_t pattern;
  assert(regcomp(&pattern, "^[a-z]+[0-9]$", REG_EXTENDED) == 0 && regexec(&pattern, "abc7", 0, NULL, 0) == 0);
  regfree(&pattern);
  assert(setlocale(LC_ALL, "C") != NULL && fnmatch("*.c", "x.c", 0) == 0);
  puts("ok");
  return 0;
}
