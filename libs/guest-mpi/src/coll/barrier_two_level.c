/*
 * Barrier of the hosts' ranks, of one rank of each host by dissemination, and of the hosts' ranks again.
 * Cost: lg h alpha between the hosts, 2 lg (p / h) alpha' within them.
 */
#include "among.h"

/* A tree without data, from its leaves. */
static void gather(const struct vbmpi_among *among, struct vbmpi_comm *comm) {
  for (int bit = 1; bit < among->count; bit *= 2) {
    if (among->place & bit) {
      vbmpi_coll_send(0, 0, MPI_BYTE, among->ranks[among->place - bit], comm);
      return;
    }
    if (among->place + bit < among->count) vbmpi_coll_recv(0, 0, MPI_BYTE, among->ranks[among->place + bit], comm);
  }
}

void vbmpi_barrier_two_level(struct vbmpi_comm *comm) {
  const struct vbmpi_locality *l = comm->locality;
  struct vbmpi_among host = vbmpi_among_host(l, comm, l->leaders[l->host]);
  gather(&host, comm);
  for (int distance = 1; distance < l->hosts && host.place == 0; distance *= 2) {
    int to = l->leaders[(l->host + distance) % l->hosts], from = l->leaders[(l->host - distance + l->hosts) % l->hosts];
    vbmpi_coll_sendrecv(0, 0, MPI_BYTE, to, 0, 0, MPI_BYTE, from, comm);
  }
  vbmpi_bcast_among(0, 0, MPI_BYTE, &host, comm);
}
