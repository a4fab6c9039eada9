/*
 * Where the ranks of a communicator are: which of them share a host (R57).
 *
 * All ranks have to choose the same algorithm for a collective, and a migration may come between the entry of the one into it and that of the other. So what they go by
 * changes at a place that all agree on: while they set up their channels anew, they exchange how many collectives they have begun, and the new
 * places hold for those that nobody had begun. Communicators are told apart by their context, of which VBMPI_PLACES_BUCKETS are; those that share one, or use one
 * again, change later than they could, but together.
 */
#ifndef VBMPI_LOCALITY_H
#define VBMPI_LOCALITY_H

#include <stdbool.h>
#include <stdint.h>

#define VBMPI_PLACES_BUCKETS 128u

struct vbmpi_comm;

/* What a rank tells when channels are set up, and the largest of all ranks' from then on. */
struct vbmpi_begun {
  uint32_t most[VBMPI_PLACES_BUCKETS];
  uint32_t links;       /* whether some ranks are in another process, so that it takes far longer to reach them */
};
extern struct vbmpi_begun vbmpi_begun;
/* The ranks are where the device says; collectives up to these numbers go by where they were. */
void vbmpi_places_changed(const struct vbmpi_begun *settled);

enum vbmpi_where { VBMPI_ONE_HOST, VBMPI_SPREAD, VBMPI_NESTED };

/* Ranks are those of the communicator. */
struct vbmpi_locality {
  uint32_t places;      /* of which change */
  enum vbmpi_where where;
  bool distant;         /* some ranks of the job are in another process */
  int hosts;
  int host;             /* this rank's, counted by their lowest ranks */
  int on_host;          /* ranks there */
  int *leaders;         /* the lowest rank of each host */
  int *members;         /* all ranks, those of one host after the other, each host's in order */
  int *first;           /* host -> index of its first in `members`; `hosts` + 1 of them */
};

/* For the collective that begins. */
const struct vbmpi_locality *vbmpi_locality_of(struct vbmpi_comm *comm);
void vbmpi_locality_free(struct vbmpi_locality *locality);
/* Which host a rank is on. */
int vbmpi_host_of(const struct vbmpi_locality *locality, int rank);

#endif
