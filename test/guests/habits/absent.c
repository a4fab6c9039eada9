/*
 * What a guest cannot have links, fails with ENOSYS and says so once.
 * stderr: verbena: fork() is not available in a guest
 * stderr: verbena: popen() is not available in a guest
 * stderr: verbena: system() is not available in a guest
 * stderr: verbena: socket() is not available in a guest
 * stderr: verbena: getaddrinfo() is not available in a guest
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <poll.h>
#include <fcntl.h>

int main(void)
{
  errno = 0;
  assert(fork() == -1 && errno == ENOSYS);
  assert(fork() == -1);
  assert(popen("ls", "r") == NULL && errno == ENOSYS);
  assert(system("ls") == -1 && errno == ENOSYS);
  assert(system(NULL) == 0);
  assert(socket(AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(80);
  address.sin_addr.s_addr = inet_addr("127.0.0.1");
  assert(connect(3, (struct sockaddr *)&address, sizeof address) == -1);
  assert(bind(3, (struct sockaddr *)&address, sizeof address) == -1);
  assert(listen(3, 5) == -1);
  assert(accept(3, NULL, NULL) == -1);
  int one = 1;
  assert(setsockopt(3, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == -1);
  struct addrinfo *found;
  assert(getaddrinfo("example.org", "80", NULL, &found) != 0);
  char *const arguments[] = {"ls", NULL};
  assert(execvp("ls", arguments) == -1);
  assert(wait(NULL) == -1 && errno == ECHILD);
  int ends[2];
  assert(pipe(ends) == -1);
  puts("ok");
  return 0;
}
