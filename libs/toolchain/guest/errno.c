/* Declared here as what it is in the C library, an ordinary variable; see include/errno.h. */
extern int errno;

int *__errno_location(void) { return &errno; }
