#include "absent.h"

#include <errno.h>
#include <stdio.h>

void vb_absent(const char *function, int *said) {
  if (!*said) fprintf(stderr, "verbena: %s() is not available in a guest: it fails with ENOSYS\n", function);
  *said = 1;
  errno = ENOSYS;
}
