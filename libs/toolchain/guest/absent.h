/* How functions answer that have no meaning in a guest. */
#ifndef VERBENA_ABSENT_H
#define VERBENA_ABSENT_H

/* Says once per function, on standard error, that it does not exist here; sets errno to ENOSYS. */
void vb_absent(const char *function, int *said);

#define VB_ABSENT(function)         \
  do {                              \
    static int said;                \
    vb_absent(function, &said);     \
  } while (0)

#endif
