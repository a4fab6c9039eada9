/* Temporary files and pipes, beside what the C library has of <stdio.h>. */
#include_next <stdio.h>
#ifndef VERBENA_STDIO_H
#define VERBENA_STDIO_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef P_tmpdir
#define P_tmpdir "/tmp"
#endif
#ifndef L_tmpnam
#define L_tmpnam 20
#define TMP_MAX 10000
#endif
FILE *tmpfile(void);
char *tmpnam(char *name);
FILE *popen(const char *command, const char *mode);
int pclose(FILE *stream);

#ifdef __cplusplus
}
#endif
#endif
