/*
 * Starting sends and receives, and what a message does to them.
 *
 *   send     eager       complete when posted to the adapter (standard, ready, buffered)
 *            eager sync  complete when the receiver's ACK is here
 *            rendezvous  RTS out -> CTS in -> RDMA WRITE posted -> complete when the adapter says so
 *   receive  eager       complete when the data is copied to the user's buffer
 *            rendezvous  RTS in -> CTS out -> complete when the WRITE's immediate is here
 */
#ifndef VBMPI_PROTOCOL_H
#define VBMPI_PROTOCOL_H

#include "device/device.h"
#include "match.h"
#include "request.h"

/* Start what `request` describes (comm, peer, tag, context, buffer, count, type, layout). Sets `complete` if it is done at once. */
void vbmpi_start_send(struct vbmpi_request *request);
void vbmpi_start_recv(struct vbmpi_request *request);
/* Packs a send that is not started yet, after which its buffer may change. */
void vbmpi_copy_send(struct vbmpi_request *request);
/* Where a receive puts its data, as its buffer, count and layout say. */
void vbmpi_prepare_recv(struct vbmpi_request *request);
/* A receive of a message that is off the unexpected lists already; frees the message. */
void vbmpi_receive_unexpected(struct vbmpi_request *request, struct vbmpi_unexpected *message);

/* Posts the next step of a request; false when it must wait for a send buffer. */
bool vbmpi_post_step(struct vbmpi_peer *peer, struct vbmpi_request *request);

#endif
