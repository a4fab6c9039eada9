/*
 * Allgather by one rank of each host, which collects its host's blocks, passes them round a ring of hosts, and hands all of them on within its host. Blocks of
 * ranks that follow one another travel together.
 * Cost: p / h (alpha' + n beta') to collect, (h - 1) (alpha + p / h n beta) between the hosts, lg (p / h) (alpha' + p n beta') to hand on.
 */
#include <stdlib.h>

#include "among.h"

/* Sends or receives the blocks of one host; `requests` has room for one for each rank, and gets those that are to be waited for. */
static int move(bool sends, void *in, size_t count, MPI_Datatype type, ptrdiff_t extent, const struct vbmpi_locality *l, int host, int with,
                struct vbmpi_request **requests, struct vbmpi_comm *comm) {
  int used = 0;
  for (int i = l->first[host], next; i < l->first[host + 1]; i = next) {
    for (next = i + 1; next < l->first[host + 1] && l->members[next] == l->members[next - 1] + 1;) next++;
    void *from = vbmpi_at(in, (ptrdiff_t)count * l->members[i], extent);
    size_t many = count * (size_t)(next - i);
    requests[used++] = sends ? vbmpi_coll_isend(from, many, type, with, comm) : vbmpi_coll_irecv(from, many, type, with, comm);
  }
  return used;
}

void vbmpi_allgather_two_level(void *in, size_t count, MPI_Datatype type, struct vbmpi_comm *comm) {
  const struct vbmpi_locality *l = comm->locality;
  struct vbmpi_layout layout;
  vbmpi_layout_of(type, false, &layout);
  struct vbmpi_among host = vbmpi_among_host(l, comm, l->leaders[l->host]);
  struct vbmpi_request **requests = vbmpi_scratch(2 * (size_t)comm->size * sizeof *requests);
  if (host.place != 0) {
    vbmpi_coll_send(vbmpi_at(in, (ptrdiff_t)count * comm->rank, layout.extent), count, type, host.ranks[0], comm);
  } else {
    for (int i = 1; i < host.count; i++) vbmpi_coll_recv(vbmpi_at(in, (ptrdiff_t)count * host.ranks[i], layout.extent), count, type, host.ranks[i], comm);
    int right = l->leaders[(l->host + 1) % l->hosts], left = l->leaders[(l->host - 1 + l->hosts) % l->hosts];
    for (int step = 0; step < l->hosts - 1; step++) {
      int out = (l->host - step + l->hosts) % l->hosts, next = (out - 1 + l->hosts) % l->hosts;
      int used = move(false, in, count, type, layout.extent, l, next, left, requests, comm);
      used += move(true, in, count, type, layout.extent, l, out, right, requests + used, comm);
      for (int i = 0; i < used; i++) vbmpi_coll_wait(requests[i]);
    }
  }
  vbmpi_bcast_among(in, count * (size_t)comm->size, type, &host, comm);
  free(requests);
}
