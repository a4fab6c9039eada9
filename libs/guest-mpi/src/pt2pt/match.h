/*
 * Matching (MPI-3.1, section 3.5).
 *
 * Receives that name source and tag hang in a hash table by (context, source, tag); those with a wildcard in one list. A message is
 * given to the older of the first fit of both, so both lookups are constant time while no wildcard is posted. Unexpected messages hang
 * in a hash table of their own and in one list by arrival, which receives with a wildcard and probes search. Every list is in order, so
 * messages of one sender on one communicator never overtake one another. Sources are ranks in MPI_COMM_WORLD, which makes a message
 * for a communicator that this process has not created yet an ordinary unexpected message.
 */
#ifndef VBMPI_MATCH_H
#define VBMPI_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/device.h"
#include "request.h"

struct vbmpi_unexpected {
  struct vbmpi_unexpected *hash_next, *hash_previous;
  struct vbmpi_unexpected *next, *previous;   /* by arrival */
  uint16_t context;
  uint8_t kind;              /* VBMPI_EAGER, VBMPI_EAGER_SYNC or VBMPI_RTS */
  bool small;                /* from the pool of small ones */
  int source;
  int tag;
  uint32_t length;
  uint32_t sender;           /* request at the sender */
  struct vbmpi_request *local;   /* a message to oneself that stays in the sender's buffer */
  uint32_t index;            /* as MPI_Message, when MPI_Mprobe took it */
  uint8_t data[];
};

/* Finds and takes the receive for a message; NULL when none is posted. */
struct vbmpi_request *vbmpi_match_posted(uint16_t context, int source, int tag);
void vbmpi_post_receive(struct vbmpi_request *request);
void vbmpi_unpost_receive(struct vbmpi_request *request);

/* The oldest unexpected message for (context, source, tag), wildcards allowed; NULL when there is none. */
struct vbmpi_unexpected *vbmpi_find_unexpected(uint16_t context, int source, int tag);
struct vbmpi_unexpected *vbmpi_add_unexpected(uint16_t context, int source, const struct vbmpi_header *header, const void *data, size_t bytes);
void vbmpi_take_unexpected(struct vbmpi_unexpected *message);   /* off the lists */
void vbmpi_free_unexpected(struct vbmpi_unexpected *message);
/* How many are there; walks the list. */
size_t vbmpi_unexpected_count(void);

#endif
