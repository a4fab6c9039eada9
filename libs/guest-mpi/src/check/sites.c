#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

bool vbmpi_checking;
struct vbmpi_site vbmpi_site;

void vbmpi_check_begin(void) {
  const char *value = getenv("VERBENA_CHECK");
  vbmpi_checking = value != 0 && *value != '\0' && strcmp(value, "0") != 0;
}

size_t vbmpi_describe_site(char *text, size_t capacity, const struct vbmpi_site *site) {
  if (capacity > 0) *text = '\0';
  if (site->file == 0) return 0;
  int written = snprintf(text, capacity, " at %s:%d", site->file, site->line);
  return written < 0 ? 0 : (size_t)written;
}
