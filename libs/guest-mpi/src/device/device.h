/*
 * The device layer: messages between processes over reliable-connected queue pairs.
 *
 * One send CQ and one receive CQ per process, one QP per peer, connected in MPI_Init. Each QP has `slots` receive buffers posted, which
 * are the receiver's promise: a sender holds one credit for each of them but RESERVED, spends one per message (a SEND, or a WRITE with
 * immediate, which consumes a receive request too) and gets them back in the `credits` field of messages that travel the other way.
 * A receiver that owes half of the credits and has nothing to say sends a CREDIT message, which needs none: a peer can have at most two
 * of those unread before it must have read one, so RESERVED = 4 buffers cover them. Hence a receive queue never runs dry (no RNR), and
 * unread messages are bounded by the buffers.
 *
 *   message                                        payload
 *   EAGER, EAGER_SYNC   up to eager_max bytes      the data; with at most 8 bytes the whole message fits the completion entry
 *   RTS                 above, or receiver choked  none
 *   CTS                 answers RTS                address of the receiver's buffer; its rkey travels in `tag`
 *   (WRITE with immediate)  the data, without a header; the immediate is the receiver's request
 *   ACK                 an EAGER_SYNC was matched
 *   CREDIT              nothing but credits
 *   MARK                a word of the handshake that stops the channels (quiesce.h); needs no credit either
 *
 * SENDs of up to INLINE_PAYLOAD bytes lie in the work request; longer eager ones are copied to a pre-registered send buffer (R11).
 */
#ifndef VBMPI_DEVICE_H
#define VBMPI_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <verbena/abi.h>
#include <verbena/hca.h>
#include <verbena/ivc.h>

struct vbmpi_request;
struct vbmpi_grant;

enum vbmpi_message {
  VBMPI_EAGER = 1,
  VBMPI_EAGER_SYNC,
  VBMPI_RTS,
  VBMPI_CTS,
  VBMPI_ACK,
  VBMPI_WRITTEN,          /* over a channel: the data that a CTS granted is there */
  VBMPI_CREDIT,           /* from here on: messages that cost no credit */
  VBMPI_MARK,
};
#define VBMPI_CHOKED 0x80u       /* flag in `kind`: this sender keeps too much unexpected data, send it headers only */
#define VBMPI_KIND_MASK 0x7fu

struct vbmpi_header {
  uint8_t kind;
  uint8_t credits;
  uint16_t context;
  int32_t tag;
  uint32_t length;     /* of the message's data, wherever it travels */
  uint32_t sequence;   /* counts the messages of this connection: a gap is a broken transport */
  uint32_t sender;     /* request at the sender of the data */
  uint32_t receiver;   /* request at its receiver */
};
_Static_assert(sizeof(struct vbmpi_header) == 24, "header and 8 bytes of data fit the 32 bytes in a completion entry");

#define VBMPI_SQ_STRIDE 128u
#define VBMPI_SQ_ENTRIES 64u
#define VBMPI_RQ_STRIDE 32u
#define VBMPI_INLINE_MAX (VBMPI_SQ_STRIDE - VB_SEND_WQE_HEADER)
#define VBMPI_INLINE_PAYLOAD (VBMPI_INLINE_MAX - sizeof(struct vbmpi_header))
#define VBMPI_RESERVED 4u
#define VBMPI_SIGNAL_EVERY 16u
#define VBMPI_NO_BUFFER 0xffffu
#define VBMPI_DIRECT UINT32_MAX   /* in sq_write: a one-sided read or write, whose end no request waits for */
#define VBMPI_SEND_BUFFERS 64u

struct vbmpi_peer {
  uint32_t qpn;
  uint32_t credits;          /* messages that may still be sent */
  uint32_t owed;             /* receive requests consumed and not yet given back */
  uint32_t sq_tail;          /* work requests posted */
  uint32_t sq_head;          /* work requests known to be complete */
  uint32_t unsignaled;       /* posted since the last signalled one */
  uint32_t rq_tail;          /* receive requests posted */
  uint32_t sent, received;   /* sequence numbers */
  bool choked;               /* the peer wants headers only */
  uint8_t *sq;
  uint8_t *rq;
  uint8_t *buffers;          /* receive buffers, one per receive request */
  struct vbmpi_request *pending_first, *pending_last;   /* requests whose next step waits for credits, in order */
  uint32_t mark;             /* the last MARK that came from it */
  uint32_t marked;           /* the last that it was sent */
  uint32_t lid;
  uint32_t host;
  uint32_t slot;
  bool gone;                 /* that process has left the job: nothing is sent to it any more */
  bool channel;              /* on the same host, and reached through shared memory (channel.h) */
  uint16_t sq_buffer[VBMPI_SQ_ENTRIES];   /* send buffer of each work request, or NO_BUFFER */
  uint32_t sq_write[VBMPI_SQ_ENTRIES];    /* request of each RDMA WRITE with immediate, DIRECT, or 0 */
};

struct vbmpi_device {
  int rank, size;                   /* of all processes of the job: it grows when some are spawned (vbmpi_device_grow) */
  int world_first, world_size;      /* those of MPI_COMM_WORLD are consecutive */
  bool has_channels;                /* to ranks on the same host, if there are any */
  int channels;                     /* ranks that are reached through shared memory */
  struct vbmpi_peer *peers;         /* by process of the job; another array after the job has grown: hold no pointer over progress */
  size_t eager_max;
  size_t write_max;                 /* bytes of one RDMA WRITE; the adapter's limit is 2^30 */
  uint32_t slots;                   /* receive buffers per peer */
  uint32_t give_back;               /* owed credits that are worth a CREDIT message */
  uint32_t piggyback;               /* owed credits that are worth a doorbell */
  size_t buffer_bytes;
  struct vb_cqe *recv_ring, *send_ring;
  uint32_t recv_mask, send_mask;
  uint32_t recv_count, send_count;  /* completions consumed */
  uint32_t recv_told, send_told;    /* as the adapter knows */
  uint32_t recv_cq, send_cq, pd;
  uint32_t signaled;                /* signalled work requests not yet seen complete */
  uint32_t send_mr, send_lkey, recv_mr, recv_lkey;
  uint8_t *send_buffers, *recv_buffers, *rings;
  uint16_t free_buffers[VBMPI_SEND_BUFFERS];   /* stack of send buffer numbers */
  uint32_t free_buffers_used;
  uint32_t pending_peers;           /* peers with a pending list */
  uint32_t poll_ps;          /* what one poll of the completion queues takes, in picoseconds */
  size_t unexpected_bytes, unexpected_max;
  bool (*windows_progress)(void);   /* carries out one-sided operations; NULL until the first window is made, so that few programs link it */
  bool windows_busy;                /* some may have come */
  uint32_t incarnation;             /* how often the adapter changed: keys of another one mean nothing */
  bool finalizing;
  uint32_t control;         /* the hypervisor's control word, as far as it has been answered */
  uint32_t callbacks;       /* functions of the program that the library is calling: their polls must not make progress */
  struct vbmpi_request *gates;   /* by process, while the channels are stopped: each is the first of its peer's pending list */
  int gated;                        /* how many processes there were then */
  bool links;                       /* some peer may be in another process: the adapter wants to be polled */
};
extern struct vbmpi_device vbmpi_device;

/* Creates queues and buffers, exchanges business cards, connects every peer. Ends the job when the adapter refuses. */
void vbmpi_device_open(void);
/* Makes room for the processes that the job has got, while nothing is connected. */
void vbmpi_device_grow(void);

/* Whether one message may be posted to `peer` now, ahead of nothing that waits. */
static inline bool vbmpi_can_post(const struct vbmpi_peer *peer) {
  return peer->credits != 0 && peer->sq_tail - peer->sq_head < VBMPI_SQ_ENTRIES && peer->pending_first == 0;
}

/* A place in the send queue, for what costs no credit. */
static inline bool vbmpi_has_slot(const struct vbmpi_peer *peer) { return peer->sq_tail - peer->sq_head < VBMPI_SQ_ENTRIES; }

/* Post a SEND of a header and at most INLINE_PAYLOAD bytes. The caller has checked for room. */
void vbmpi_post_inline(struct vbmpi_peer *peer, struct vbmpi_header *header, const void *payload, size_t bytes);
/* Post a SEND of a header and at most eager_max bytes through a send buffer; false when all buffers are in use. */
bool vbmpi_post_buffered(struct vbmpi_peer *peer, struct vbmpi_header *header, const void *payload, size_t bytes);
/* Post the RDMA WRITEs of a request: pieces of at most write_max bytes, the last with immediate, whose completion ends the request.
 * False when the send queue is full before the last; call again when it is not. */
bool vbmpi_post_write(struct vbmpi_peer *peer, struct vbmpi_request *request, uint32_t lkey, uint32_t immediate);

/* Memory that a peer has granted until further notice (vbmpi_grant_new, vbmpi_channel_lend), and `bytes` of our own at `data`. */
struct vbmpi_direct {
  void *data;
  size_t bytes;
  uint64_t address, offset;   /* of the granted memory, and from there on */
  uint32_t key;
  bool reads;                 /* to `data`; otherwise from there */
};
/* Reads or writes it: a copy, or an RDMA READ or WRITE, whose data is at its place when sq_head has come to the sq_tail of now. No credit and no message; false
 * when the channel has no room or is stopped. */
bool vbmpi_post_direct(struct vbmpi_peer *peer, const struct vbmpi_direct *direct);

/* Takes what the completion queues hold and moves what waits; true when anything happened. */
bool vbmpi_progress(void);
/* Reads what is left in the receive queue when the channels are quiet: nothing but credits. */
void vbmpi_take_late(void);

/* Puts a request at the end of its peer's pending list, or posts its next step at once. */
void vbmpi_enqueue(struct vbmpi_request *request, int step);

/* Called by progress (protocol.c). */
void vbmpi_on_message(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes);
/* The same for the commonest kind, VBMPI_EAGER. */
void vbmpi_on_eager(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes);
/* One message, however it came. */
void vbmpi_take_message(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes);
void vbmpi_on_written(int source, uint32_t request);
void vbmpi_on_write_done(uint32_t request);

/* Registration cache (R10): the lkey and rkey of the registered region around [address, address + bytes). */
struct vbmpi_region {
  uintptr_t from, to;
  uint32_t handle, lkey, rkey;
  uint64_t used;
};
const struct vbmpi_region *vbmpi_register(const void *address, size_t bytes);
/* Regions in the cache now. */
uint32_t vbmpi_registered(void);
/* Gives all registrations back; the next messages register anew. */
void vbmpi_register_forget(void);
/* Announced or posted WRITEs that name a registered region; the registration cache deregisters nothing meanwhile. */
extern uint32_t vbmpi_transfers;

/* Lets all peers that come by the adapter read and write a range, with the key for it, until the grant ends; NULL when the adapter has no room for it. It means nothing
 * any more when `incarnation` has changed. */
struct vbmpi_grant *vbmpi_grant_new(const void *address, size_t bytes, uint32_t *key);
void vbmpi_grant_end(struct vbmpi_grant *grant);

static inline volatile struct vb_status_page *vbmpi_page(void) { return vb_status_page(); }

#endif
