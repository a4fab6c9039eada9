/* glibc's error(): a line on standard error, and the end of the program when the status is not 0. */
#ifndef VERBENA_ERROR_H
#define VERBENA_ERROR_H
#ifdef __cplusplus
extern "C" {
#endif
void error(int status, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
#ifdef __cplusplus
}
#endif
#endif
