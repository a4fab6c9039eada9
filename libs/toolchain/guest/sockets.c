/* Sockets: a guest reaches other guests by MPI or verbs, and the world not at all. All of it links, fails with ENOSYS and says so once. */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <sys/socket.h>

#include "absent.h"

int socket(int family, int type, int protocol) {
  (void)family, (void)type, (void)protocol;
  VB_ABSENT("socket");
  return -1;
}

int socketpair(int family, int type, int protocol, int sockets[2]) {
  (void)family, (void)type, (void)protocol, (void)sockets;
  VB_ABSENT("socketpair");
  return -1;
}

/* Without socket() there is no descriptor for these. */
static int no_socket(void) { return errno = ENOTSOCK, -1; }

int bind(int socket, const struct sockaddr *address, socklen_t length) { return (void)socket, (void)address, (void)length, no_socket(); }
int connect(int socket, const struct sockaddr *address, socklen_t length) { return (void)socket, (void)address, (void)length, no_socket(); }
int listen(int socket, int backlog) { return (void)socket, (void)backlog, no_socket(); }

int setsockopt(int socket, int level, int option, const void *value, socklen_t length) {
  (void)socket, (void)level, (void)option, (void)value, (void)length;
  return no_socket();
}

int getsockname(int socket, struct sockaddr *address, socklen_t *length) { return (void)socket, (void)address, (void)length, no_socket(); }
int getpeername(int socket, struct sockaddr *address, socklen_t *length) { return (void)socket, (void)address, (void)length, no_socket(); }

ssize_t sendto(int socket, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length) {
  (void)socket, (void)data, (void)length, (void)flags, (void)to, (void)to_length;
  return no_socket();
}

ssize_t recvfrom(int socket, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length) {
  (void)socket, (void)data, (void)length, (void)flags, (void)from, (void)from_length;
  return no_socket();
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
  (void)node, (void)service, (void)hints;
  *found = NULL;
  VB_ABSENT("getaddrinfo");
  return EAI_SYSTEM;
}

void freeaddrinfo(struct addrinfo *list) { (void)list; }
const char *gai_strerror(int code) { return code == 0 ? "success" : "names cannot be looked up in a guest"; }
