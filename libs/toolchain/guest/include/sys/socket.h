/* Sockets, declared as POSIX has them: a guest has no network but its adapter, so that every call fails with ENOSYS. See ../../sockets.c. */
#include_next <sys/socket.h>
#ifndef VERBENA_SYS_SOCKET_H
#define VERBENA_SYS_SOCKET_H

#ifdef __cplusplus
extern "C" {
#endif

int socket(int family, int type, int protocol);
int socketpair(int family, int type, int protocol, int sockets[2]);
int bind(int socket, const struct sockaddr *address, socklen_t length);
int connect(int socket, const struct sockaddr *address, socklen_t length);
int listen(int socket, int backlog);
int setsockopt(int socket, int level, int option, const void *value, socklen_t length);
int getsockname(int socket, struct sockaddr *address, socklen_t *length);
int getpeername(int socket, struct sockaddr *address, socklen_t *length);
ssize_t sendto(int socket, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t to_length);
ssize_t recvfrom(int socket, void *data, size_t length, int flags, struct sockaddr *from, socklen_t *from_length);

#ifdef __cplusplus
}
#endif
#endif
