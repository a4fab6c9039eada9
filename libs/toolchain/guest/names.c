/* What the guest and its host are called. */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <verbena/abi.h>

/* Copies the node's name out of the boot information, cut to fit; returns its whole length. */
static size_t node_name(char *out, size_t capacity) {
  volatile const char *name = vb_boot_info()->node_name;
  size_t length = 0;
  while (length < sizeof vb_boot_info()->node_name && name[length] != '\0') {
    if (length + 1 < capacity) out[length] = name[length];
    length++;
  }
  if (capacity > 0) out[length < capacity ? length : capacity - 1] = '\0';
  return length;
}

int gethostname(char *name, size_t length) {
  if (node_name(name, length) < length) return 0;
  errno = ENAMETOOLONG;
  return -1;
}

int uname(struct utsname *system) {
  memset(system, 0, sizeof *system);
  strcpy(system->sysname, "Verbena");
  node_name(system->nodename, sizeof system->nodename);
  strcpy(system->release, "1");
  strcpy(system->version, "guest ABI 1");
  strcpy(system->machine, "wasm32");
  return 0;
}

int h_errno;

struct hostent *gethostbyname(const char *name) {
  static char own[64];
  static char *none[] = {NULL};
  static char address[4] = {127, 0, 0, 1};
  static char *addresses[] = {address, NULL};
  static struct hostent self = {own, none, 2 /* AF_INET */, 4, addresses};
  node_name(own, sizeof own);
  if (strcmp(name, own) == 0 || strcmp(name, "localhost") == 0) return &self;
  h_errno = HOST_NOT_FOUND;
  return NULL;
}
