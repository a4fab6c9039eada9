/*
 * Messages to ranks on the same host, through shared memory and without an adapter (R43, R44). Credits, sequence numbers and the steps of a
 * rendezvous are those of the device; what differs is who moves the bytes. A rendezvous is one copy, from the sender's buffer to the receiver's, which the
 * receiver has granted for this message alone.
 */
#ifndef VBMPI_CHANNEL_H
#define VBMPI_CHANNEL_H

#include "device.h"

/* Whether this VM has channels; forgets those that it had. */
bool vbmpi_channel_prepare(void);
/* Opens the channel to a rank on the same host, once its slot is known. */
void vbmpi_channel_open(int rank);

/* Posts a message; a payload that does not fit the entry goes to the buffer of this message's number. The caller has stamped the header. */
void vbmpi_channel_post(struct vbmpi_peer *peer, const struct vbmpi_header *header, const void *payload, size_t bytes);
/* The data of a rendezvous, and the word that it is there. */
void vbmpi_channel_write(struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t immediate);
/* Takes a few messages of each neighbour; true when there were any. */
bool vbmpi_channel_poll(void);

/* Lets the peer write the data of a rendezvous, by a grant or by a registered region: the key for it. False when all grants are given. */
bool vbmpi_may_write(const struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t *key);
void vbmpi_channel_revoke(uint32_t grant);

/* Lets one peer read and write a range until it is revoked: the number for it. False when half of the grants are given: the rest is for messages. */
bool vbmpi_channel_lend(const struct vbmpi_peer *peer, const void *address, size_t bytes, uint32_t *grant);
/* Writes to what the peer has lent; it is there on return. */
void vbmpi_channel_put(struct vbmpi_peer *peer, uint32_t grant, uint32_t offset, const void *data, uint32_t bytes);
/* Reads what the peer has lent; it is there on return. */
void vbmpi_channel_get(struct vbmpi_peer *peer, uint32_t grant, uint32_t offset, void *data, uint32_t bytes);

#endif
