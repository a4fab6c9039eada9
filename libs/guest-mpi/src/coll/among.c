#include "among.h"

struct vbmpi_among vbmpi_among_host(const struct vbmpi_locality *l, const struct vbmpi_comm *comm, int root) {
  struct vbmpi_among among = {.ranks = l->members + l->first[l->host], .count = l->on_host};
  for (int i = 0; i < among.count; i++) {
    if (among.ranks[i] == comm->rank) among.place = i;
    if (among.ranks[i] == root) among.root = i;
  }
  return among;
}

struct vbmpi_among vbmpi_among_leaders(const struct vbmpi_locality *l, const struct vbmpi_comm *comm, int root, int *list) {
  struct vbmpi_among among = {.ranks = list, .count = l->hosts, .place = -1, .root = vbmpi_host_of(l, root)};
  for (int host = 0; host < l->hosts; host++) {
    list[host] = host == among.root ? root : l->leaders[host];
    if (list[host] == comm->rank) among.place = host;
  }
  return among;
}

static int rank_at(const struct vbmpi_among *among, int distance) { return among->ranks[(among->root + distance) % among->count]; }
static int distance_of(const struct vbmpi_among *among) { return (among->place - among->root + among->count) % among->count; }

void vbmpi_bcast_among(void *buf, size_t count, MPI_Datatype type, const struct vbmpi_among *among, struct vbmpi_comm *comm) {
  int size = among->count, place = distance_of(among), bit = 1;
  while (bit < size && !(place & bit)) bit *= 2;
  if (place != 0) vbmpi_coll_recv(buf, count, type, rank_at(among, place - bit), comm);
  for (bit /= 2; bit > 0; bit /= 2)
    if (place + bit < size) vbmpi_coll_send(buf, count, type, rank_at(among, place + bit), comm);
}

void vbmpi_reduce_among(void *inout, size_t count, const struct vbmpi_reduction *reduction, const struct vbmpi_among *among, struct vbmpi_comm *comm) {
  int size = among->count, place = distance_of(among);
  if (size == 1) return;
  void *other = vbmpi_typed_scratch(count, &reduction->layout);
  for (int bit = 1; bit < size; bit *= 2) {
    if (place & bit) {
      vbmpi_coll_send(inout, count, reduction->type, rank_at(among, place - bit), comm);
      break;
    }
    if (place + bit >= size) continue;
    vbmpi_coll_recv(other, count, reduction->type, rank_at(among, place + bit), comm);
    vbmpi_coll_reduce(reduction, other, inout, count);
  }
  vbmpi_typed_free(other, &reduction->layout);
}
