#include "locality.h"

#include <mpi.h>
#include <stdlib.h>

#include "comm/comm.h"
#include "device/device.h"
#include "env/error.h"

struct places {
  struct vbmpi_begun settled;
  uint32_t hosts[];   /* by rank in MPI_COMM_WORLD */
};

struct vbmpi_begun vbmpi_begun;
/* One for MPI_Init and one for each change. A communicator that somebody else has begun to use may need an old one, so they stay: about a kilobyte each. */
static struct places **places;
static uint32_t places_count;

static void no_memory(void) { vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory to remember where the ranks are"); }

void vbmpi_places_changed(const struct vbmpi_begun *settled) {
  struct places **more = realloc(places, (places_count + 1) * sizeof *more);
  struct places *now = malloc(sizeof *now + (size_t)vbmpi_device.size * sizeof *now->hosts);
  if (more == 0 || now == 0) no_memory();
  places = more;
  now->settled = *settled;
  for (uint32_t i = 0; i < VBMPI_PLACES_BUCKETS; i++)
    if (vbmpi_begun.most[i] < settled->most[i]) vbmpi_begun.most[i] = settled->most[i];
  for (int rank = 0; rank < vbmpi_device.size; rank++) now->hosts[rank] = vbmpi_device.peers[rank].host;
  places[places_count++] = now;
}

/* Hosts in the order of their lowest ranks. */
static void sort_ranks(struct vbmpi_locality *l, const struct vbmpi_comm *comm, const uint32_t *hosts) {
  const int *world = comm->group->world;
  int placed = 0;
  for (int rank = 0; rank < comm->size; rank++) {
    bool is_leader = true;
    for (int i = 0; i < l->hosts && is_leader; i++) is_leader = hosts[world[l->leaders[i]]] != hosts[world[rank]];
    if (!is_leader) continue;
    l->leaders[l->hosts] = rank;
    l->first[l->hosts] = placed;
    for (int other = rank; other < comm->size; other++) {
      if (hosts[world[other]] != hosts[world[rank]]) continue;
      if (other == comm->rank) l->host = l->hosts;
      l->members[placed++] = other;
    }
    l->hosts++;
  }
  l->first[l->hosts] = placed;
}

static struct vbmpi_locality *compute(const struct vbmpi_comm *comm, uint32_t which) {
  size_t size = (size_t)comm->size;
  struct vbmpi_locality *l = calloc(1, sizeof *l + (3 * size + 1) * sizeof(int));
  if (l == 0) no_memory();
  l->places = which;
  l->distant = places[which]->settled.links != 0;
  l->leaders = (int *)(l + 1);
  l->members = l->leaders + size;
  l->first = l->members + size;
  sort_ranks(l, comm, places[which]->hosts);
  l->on_host = l->first[l->host + 1] - l->first[l->host];
  l->where = l->hosts == 1 ? VBMPI_ONE_HOST : l->hosts == comm->size ? VBMPI_SPREAD : VBMPI_NESTED;
  return l;
}

const struct vbmpi_locality *vbmpi_locality_of(struct vbmpi_comm *comm) {
  uint32_t bucket = (uint32_t)comm->context / 2 % VBMPI_PLACES_BUCKETS, number = ++comm->collectives;
  if (number > vbmpi_begun.most[bucket]) vbmpi_begun.most[bucket] = number;
  struct vbmpi_locality *known = comm->locality;
  uint32_t which = known ? known->places : 0;
  while (which + 1 < places_count && places[which + 1]->settled.most[bucket] < number) which++;
  if (__builtin_expect(known == 0 || known->places != which, 0)) {
    vbmpi_locality_free(known);
    comm->locality = compute(comm, which);
  }
  return comm->locality;
}

void vbmpi_locality_free(struct vbmpi_locality *locality) { free(locality); }

int vbmpi_host_of(const struct vbmpi_locality *l, int rank) {
  for (int host = 0; host < l->hosts; host++)
    for (int i = l->first[host]; i < l->first[host + 1]; i++)
      if (l->members[i] == rank) return host;
  return 0;
}
