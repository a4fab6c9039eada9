/*
 * Channels between guests of one host: shared memory, without an adapter (R43, R44). A guest keeps a ring in its own memory for each neighbour, into which
 * that one alone puts messages; it keeps buffers for those of each neighbour that are too long for an entry; and it grants parts of its memory to a neighbour,
 * which then writes there with one copy. The calls are instructions on the two memories; neither the hypervisor nor an adapter takes part.
 *
 * A neighbour is named by its domain slot (boot information), after VB_CMD_OPEN_CHANNEL with it. Results are 0 or a negative VB_E* number.
 *
 * Waking: a sender stores its entry and then looks whether the receiver has armed, without a fence in between, which would cost more than the rest. The
 * store may still be on its way when the receiver arms and looks at its rings a last time; so the first sleep after arming has to be short, and
 * be followed by another look.
 */
#ifndef VERBENA_IVC_H
#define VERBENA_IVC_H

#include <stdint.h>

#define VB_IVC_HEADER 24u
#define VB_IVC_INLINE 88u    /* payload that lies in the entry */
#define VB_IVC_GRANTS 64u

/* An entry of a ring, 128 bytes. Entry number i, counted from 0, is at index i mod entries and carries generation i + 1. A message of up to 24 bytes and its
 * header are on one cache line with the generation. */
struct vb_ivc_entry {
  uint32_t generation;    /* written last */
  uint32_t bytes;         /* of the payload */
  int32_t offset;         /* of the payload in the buffers kept for that slot; -1: it lies in the entry */
  uint32_t reserved;
  uint8_t message[VB_IVC_HEADER + VB_IVC_INLINE];
};

#ifdef __wasm__
#define VB_IVC(name) __attribute__((import_module("ivc"), import_name(#name)))
/* (Re)makes the ring for messages from a slot: `entries` of zeroed memory, a power of two, at an address aligned to 64. */
int32_t vb_ivc_ring(uint32_t slot, uint32_t address, uint32_t entries) VB_IVC(ring);
int32_t vb_ivc_buffers(uint32_t slot, uint32_t address, uint32_t bytes) VB_IVC(buffers);
/* Grant number 0 to VB_IVC_GRANTS - 1; no bytes: revokes it. */
int32_t vb_ivc_grant(uint32_t number, uint32_t slot, uint32_t address, uint32_t bytes) VB_IVC(grant);
/* The same, and the neighbour may read there as well. */
int32_t vb_ivc_share(uint32_t number, uint32_t slot, uint32_t address, uint32_t bytes) VB_IVC(share);
/* The next message raises VB_CHANNEL_CQ. Look at the rings once more after this, before sleeping (see above). */
void vb_ivc_arm(void) VB_IVC(arm);
/* A header of VB_IVC_HEADER bytes and a payload; one above VB_IVC_INLINE goes to the neighbour's buffers, from `offset` on. */
int32_t vb_ivc_post(uint32_t slot, const void *header, const void *payload, uint32_t bytes, uint32_t offset) VB_IVC(post);
/* One copy to what the neighbour has granted under `number`. */
int32_t vb_ivc_write(uint32_t slot, uint32_t number, uint32_t offset, const void *from, uint32_t bytes) VB_IVC(write);
/* One copy from what the neighbour shares under `number`. */
int32_t vb_ivc_read(uint32_t slot, uint32_t number, uint32_t offset, void *to, uint32_t bytes) VB_IVC(read);
#endif

#endif
