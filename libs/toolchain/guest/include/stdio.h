/* Temporary files and pipes, beside what the C library has of <stdio.h>. */

/* The C library marks these as absent, and programs that use them would be warned; here they exist. */
#define tmpfile vb_absent_tmpfile
#define tmpnam vb_absent_tmpnam
#define popen vb_absent_popen
#define pclose vb_absent_pclose
#include_next <stdio.h>
#undef tmpfile
#undef tmpnam
#undef popen
#undef pclose
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
