/* Looking up hosts. A guest reaches other guests through its adapter and nothing else, so nobody is found but the guest itself. */
#ifndef VERBENA_NETDB_H
#define VERBENA_NETDB_H

#ifdef __cplusplus
extern "C" {
#endif

struct hostent {
  char *h_name;
  char **h_aliases;
  int h_addrtype;
  int h_length;
  char **h_addr_list;
};
#define h_addr h_addr_list[0]
#define HOST_NOT_FOUND 1

extern int h_errno;
struct hostent *gethostbyname(const char *name);

#ifdef __cplusplus
}
#endif
#endif
