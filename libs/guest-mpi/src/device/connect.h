/*
 * What this process has at the adapter: a protection domain, two completion queues, its buffers' registrations and a queue pair for each peer.
 * It is made in MPI_Init, and made anew when the process finds itself with another adapter.
 */
#ifndef VBMPI_CONNECT_H
#define VBMPI_CONNECT_H

#include <stddef.h>

/* Creates everything over the device's memory and connects every peer; all ranks do it together. Ends the job when the adapter refuses. */
void vbmpi_connect(const char *function);
/* The same with an adapter that may not know this process any more, and perhaps with more peers (vbmpi_device_grow). Nothing may be in flight, and the gates are closed (quiesce.h). */
void vbmpi_reconnect(void);

/* Zeroed memory that begins at a multiple of 64; ends the job when there is none. */
void *vbmpi_aligned(size_t bytes);

#endif
