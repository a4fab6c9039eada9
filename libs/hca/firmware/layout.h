/*
 * The adapter memory: one shared WebAssembly memory per process that holds every adapter of every node in it. The firmware, running on
 * the thread that rings a doorbell, and the control path in TypeScript (src/layout.ts mirrors this file, a spec compares) both work on it.
 *
 * Who writes what decides which cache line a field lies on. The sender's thread executes both ends of a connection, so a QP's responder
 * fields belong to the thread of the QP at the other end, and are protected by that QP's `sq_lock`.
 *
 * A connection to another process has no QP at the other end in this memory: its `dest_qpn` is 0, `link` names the link that carries it, and
 * its own `sq_lock` protects all of it (wire.h).
 *
 *   lock order: a port's lock, a link's io_lock, one sq_lock at a time, a datagram QP's rq_lock, an SRQ's lock, a link's tx_lock; CQs are written
 *               without a lock (an entry is reserved by compare-and-swap)
 *   lock value: 0, or (owner thread + 1) << 1 | somebody waits
 */
#ifndef VBF_LAYOUT_H
#define VBF_LAYOUT_H

#include <stdint.h>

#define VBF_DOMAINS 256u
#define VBF_THREADS 512u
#define VBF_QPS 16384u
#define VBF_CQS 2048u
#define VBF_MRS 32768u
#define VBF_PDS 2048u
#define VBF_SRQS 1024u
#define VBF_PORTS 256u
#define VBF_PKEYS 16u
#define VBF_GROUPS 64u
#define VBF_MEMBERS 240u      /* queue pairs of one multicast group in this process */

#define VBF_THREAD_STRIDE 16384u  /* context, then the stack, which grows down from the end */

/* The firmware's own data and linker-made things lie below. */
#define VBF_HEADER_ADDR 0x00010000u
#define VBF_DOMAIN_ADDR 0x00020000u
#define VBF_PD_ADDR 0x00040000u
#define VBF_PORT_ADDR 0x00050000u
#define VBF_SRQ_ADDR 0x00060000u
#define VBF_CQ_ADDR 0x00080000u
#define VBF_MR_ADDR 0x00200000u
#define VBF_QP_ADDR 0x00400000u
#define VBF_THREAD_ADDR 0x00c00000u
#define VBF_LINK_ADDR 0x01400000u
#define VBF_ROUTE_ADDR 0x01480000u    /* for each LID one byte: 0, or the number of the link that leads there, counted from 1 */
#define VBF_GROUP_ADDR 0x01490000u
#define VBF_MEMORY_BYTES 0x014a0000u  /* what a process without links needs; rings are added when a link is made */
#define VBF_RING_ADDR 0x01500000u
#define VBF_MEMORY_MAX 0x09500000u

#define VBF_LINKS 64u
#define VBF_LINK_STRIDE 8192u
#define VBF_TX_BYTES 0x00100000u      /* a power of two */
#define VBF_RX_BYTES 0x00100000u
#define VBF_RING_STRIDE 0x00200000u   /* outbound ring, then inbound buffer */

struct vbf_header {
  uint32_t command_lock;   /* serialises set-up commands; holds thread + 1 */
  uint32_t now_ms;         /* written by tick */
  uint32_t qp_high, cq_high, mr_high, pd_high, thread_high;   /* table entries ever used */
  uint32_t link_high;
  uint32_t bell;           /* counts what the link worker should look at */
  uint32_t asleep;         /* the link worker sleeps on `bell` */
  uint32_t guest_polls;    /* grows while guests' threads do the link worker's part */
  uint32_t srq_high;
  uint32_t in_band;        /* subnet management packets of guests are heard */
  uint32_t shaped;         /* some port or domain has a limit of rate */
  uint32_t lost_lid;       /* of the last datagram that had nowhere to go: whoever can may make a route to it */
  uint32_t reserved;
};

/*
 * One virtual function: a domain's share of an adapter. Counters are those of QPs and threads that are gone.
 *
 * A P_Key here is the 16 bits of the standard, with the bit of full membership (vol. 1, section 10.9.3). A limited member's has the number of its slot above
 * them, so that two of them are never equal: the data path compares for equality first.
 */
struct vbf_domain {
  uint32_t epoch;          /* odd while the slot is in use */
  uint32_t lid;
  uint32_t pkey;           /* 0: in no partition; the same as pkeys[0] */
  uint32_t qps, cqs, mrs, pds, srqs;
  uint64_t port_guid;
  uint64_t doorbells, tx_messages, tx_bytes, rx_messages, rx_bytes;
  uint64_t rx_errors, tx_waits;
  uint64_t links;          /* bit n: a QP of the domain uses link n */
  uint64_t tx_packets, rx_packets; /* beyond one for each message */
  uint64_t tx_drops, rx_drops;
  uint32_t port;           /* index, counted from 1 */
  uint32_t event_cq;       /* its number, 0: none */
  uint32_t lost_events;
  uint32_t weight;         /* of its share of the port, 1 to 255 */
  uint32_t rate;           /* bytes a millisecond; 0: no limit */
  int32_t credit;          /* bytes that its rate still allows */
  int32_t deficit;         /* of the round over the domains of a port */
  uint32_t turn;           /* the QP whose turn it is */
  uint32_t pkeys[VBF_PKEYS];
  uint64_t out_of_sequence, packet_seq_err, duplicate_request, rnr_nak_retry_err;
  uint32_t unplugged;      /* the adapter was taken from it while it runs: no command is carried out */
  uint8_t line3[244];
};

#define VBF_PORT_LANES 8u
/* A port of the subnet, with what the subnet manager sets. */
struct vbf_port {
  uint32_t lid;
  uint32_t state;          /* VB_PORT_*; 0: free */
  uint32_t sm_lid;
  uint32_t lane_mask;
  uint64_t guid;
  uint64_t m_key;          /* 0: everybody may change the port (vol. 1, section 14.2.4) */
  uint32_t m_key_violations, pkey_violations, qkey_violations;
  uint32_t rate;           /* bytes a millisecond that leave the port; 0: as fast as it goes */
  int32_t credit;
  uint32_t refilled;       /* ms */
  uint32_t lock;           /* of the arbitration */
  uint32_t turn;           /* the domain whose turn it is */
  uint8_t lane_of[16];     /* SL to VL */
  uint8_t lane_weight[VBF_PORT_LANES];
  uint64_t tx_messages, tx_bytes, rx_messages, rx_bytes, rx_errors, tx_waits, tx_packets, rx_packets, tx_drops, rx_drops; /* of domains that are gone */
  uint32_t announce;       /* VB_EVENT_* that its domains are to be told, and 1; 0: none */
  uint32_t resting;        /* the domain whose turn it is goes on with what is left of its share */
  uint32_t general_qpn;    /* who gets what is sent to QP 1, the general services interface; 0: nobody */
  uint32_t unused;
  uint64_t out_of_sequence, packet_seq_err, duplicate_request, rnr_nak_retry_err;
  uint64_t reserved[5];
};

struct vbf_pd {
  uint32_t handle;         /* 0: free */
  uint32_t slot;
  uint32_t users;
  uint32_t generation;
};

/*
 * An entry of the translation and protection table. Guests see one flat memory, so the translation is the identity. A memory window is an entry
 * without a protection domain of its own, which no lookup of a region finds; `length` is 0 while it is not bound.
 */
#define VBF_MR_REGION 0u
#define VBF_MR_WINDOW 1u
struct vbf_mr {
  uint32_t key;            /* (index << 8) | generation; 0: free */
  uint32_t slot;
  uint32_t pd;
  uint32_t access;
  uint64_t addr;
  uint64_t length;
  uint32_t generation;
  uint32_t kind;
  uint32_t windows;        /* bound to this region */
  uint32_t window_pd;
  uint32_t qpn;            /* to which the window is bound */
  uint32_t parent;         /* key of the region that the window shows */
  uint32_t reserved[2];
};

/* A shared receive queue. Its requests are copied when they are taken, under `lock`. */
struct vbf_srq {
  uint32_t srqn;           /* 0: free */
  uint32_t slot;
  uint32_t epoch;
  uint32_t pd;
  uint32_t ring_addr;
  uint32_t mask;
  uint32_t stride;
  uint32_t users;
  uint32_t lock;
  uint32_t head;
  uint32_t tail;
  uint32_t limit;
  uint32_t starving;       /* a QP found it empty, and its sender waits */
  uint32_t generation;
  uint32_t reserved[2];
};

/* A multicast group of a partition, for as long as a domain of this process has joined it (vol. 1, section 10.5). */
#define VBF_FIRST_MLID 0xc000u
#define VBF_MULTICAST_QPN 0xffffffu
struct vbf_group {
  uint32_t mlid;           /* 0: free */
  uint32_t partition;      /* 15 bits */
  uint32_t qkey;
  uint32_t tag;            /* 32 bits that follow from the MGID, for two groups of one MLID */
  uint8_t mgid[16];
  uint32_t joined[VBF_DOMAINS / 32];   /* domains, one bit each */
  uint32_t members[VBF_MEMBERS];       /* QPNs, 0: none */
};

#define VBF_CQ_FREE 0u
#define VBF_CQ_READY 1u
#define VBF_CQ_OVERRUN 2u
#define VBF_CQ_RESIZING 3u
struct vbf_cq {
  /* read by all, written by set-up commands */
  uint32_t cqn;
  uint32_t state;
  uint32_t slot;
  uint32_t epoch;
  uint32_t ring_addr;
  uint32_t mask;
  uint32_t users;
  uint32_t generation;
  uint32_t resizer;        /* thread that moves the queue to another ring, and 1 */
  uint32_t resume_head;    /* `head` afterwards */
  uint8_t line0[24];
  /* producers */
  uint32_t head;
  uint8_t line1[60];
  /* the consumer */
  uint32_t consumer;
  uint32_t armed;
  uint8_t line2[56];
};

#define VBF_FLUSH_SQ 1u
#define VBF_FLUSH_RQ 2u
#define VBF_WAIT_RNR 1u      /* the receiver has no receive request */
#define VBF_WAIT_ANSWER 2u   /* the receiver is not connected yet */
#define VBF_WAIT_DATA 3u     /* a READ or an atomic is under way over a link: nothing behind it is sent */
struct vbf_qp {
  /* read by all, written by set-up commands, and `state` by whoever finds an error */
  uint32_t qpn;            /* 0: free */
  uint32_t state;
  uint32_t slot;
  uint32_t epoch;
  uint32_t lid;
  uint32_t pkey;
  uint32_t dest_lid;
  uint32_t dest_qpn;       /* 0: not connected */
  uint32_t pd;
  uint32_t access;
  uint32_t flags;          /* VB_QP_* */
  uint32_t send_cq, recv_cq;
  uint32_t retry_count, rnr_retry;
  uint32_t flush;          /* VBF_FLUSH_*: what still has to be flushed */
  /* requester: this QP's thread */
  uint32_t sq_lock;
  uint32_t sq_head;
  uint32_t sq_tail;
  uint32_t sq_addr;
  uint32_t sq_mask;
  uint32_t sq_stride;
  uint32_t waiting;        /* VBF_WAIT_*: the work request at sq_head waits for the other side */
  uint32_t wait_since;     /* ms */
  uint32_t link;           /* 0: the other end is in this memory; else the number of the link, counted from 1 */
  uint32_t slow;           /* VBF_SLOW_*; 0: the data path of a reliable connection within this memory */
  uint64_t tx_messages, tx_bytes, tx_waits;
  /* receive queue, read by the requester at the other end */
  uint32_t rq_addr;
  uint32_t rq_mask;
  uint32_t rq_stride;
  uint32_t atomic_psn;     /* the last atomic that a link brought, and what it found, should it come again; all ones: none */
  uint64_t atomic_result;
  uint32_t type;           /* VB_QPT_* */
  uint32_t srq;            /* index, 0: none */
  uint32_t qkey;
  uint32_t generation;
  uint32_t sl;
  uint32_t path_mtu;       /* log2 of its bytes */
  uint32_t pkey_index;
  uint32_t timeout;
  uint32_t min_rnr_timer;
  uint32_t weight;         /* of its virtual lane */
  /* receive doorbell: written by this QP's thread */
  uint32_t rq_tail;
  uint32_t rnr;            /* set by the requester at the other end when it found no receive request */
  uint32_t read_offset;    /* bytes that have come of the READ under way over a link */
  /* packet sequence numbers, 24 bits each. Over a link, under this QP's own sq_lock: */
  uint32_t tx_psn;         /* of the next packet */
  uint32_t una_psn;        /* of the first packet of the request at sq_head */
  uint32_t fetch_psn;      /* of the last READ or atomic */
  uint32_t rx_psn;         /* that is expected */
  uint32_t rx_ack_psn;     /* behind the last message that was executed */
  uint32_t seen_psn;       /* that the other end expected when it was last heard */
  uint32_t asked;          /* a PROBE is under way */
  uint32_t retries;        /* without progress */
  uint32_t rx_skipping;    /* the rest of this message of an unreliable connection is dropped */
  /* and within this memory, where they follow from the counters: what the sum of messages and packets is short of the PSN */
  uint32_t tx_skew, rx_skew;
  uint8_t line3[8];
  /* responder: the thread of the QP at the other end, under that QP's sq_lock */
  uint32_t rq_head;
  uint32_t rq_seen;        /* rq_tail as last read */
  uint32_t next_valid;     /* the receive request at rq_head is cached here (num_sge 1 or 0) */
  uint32_t next_sges;
  uint64_t next_wr_id;
  uint64_t next_addr;
  uint32_t next_length;
  uint32_t next_lkey;
  uint64_t rx_messages, rx_bytes, rx_errors;
  /* the far side of a connection over a link, under this QP's own sq_lock, but for `owe` */
  uint32_t remote_qpn;
  uint32_t sq_next;        /* the next work request to be sent; sq_head is the oldest that is not acknowledged */
  uint32_t sq_high;        /* no later one was ever sent */
  uint32_t tx_offset;      /* bytes of sq_next that were sent */
  uint32_t progress_at;    /* ms: when something was last acknowledged, or first sent after nothing */
  uint32_t probe_at;       /* ms */
  uint32_t rx_msn;         /* messages of the other end that were executed (the standard's MSN, all 32 bits of it) */
  uint32_t rx_offset;      /* bytes of it that were placed */
  uint32_t rx_refused;     /* the other end must send from rx_psn on again: what it sent after it is dropped */
  uint32_t owe;            /* VBF_OWE_*: frames to be sent */
  uint32_t nak;            /* status that goes with VBF_OWE_NAK */
  uint32_t out_addr, out_rkey, out_length, out_offset; /* the answer to a READ that is being sent, under VBF_OWE_DATA */
  uint32_t out_again;      /* it was sent before, and does not count; its number is in atomic_psn */
  /* what is seldom used */
  uint32_t rq_lock;        /* of a datagram QP's receive queue, which has many senders */
  uint32_t events;         /* VBF_RAISE_*: to be posted when the domain's memory is in reach */
  uint32_t sqd_event;      /* VB_EVENT_SQ_DRAINED is wanted */
  uint32_t max_rd_atomic, max_dest_rd_atomic;
  uint32_t sq_psn, rq_psn; /* where packets began to count */
  int32_t deficit;         /* of the round over the QPs of a domain */
  uint64_t rx_drops, tx_drops;
  uint64_t tx_packets, rx_packets; /* beyond one for each message */
  /* names as drivers of adapters have them: at the responder, at the requester, at the responder, at the requester */
  uint64_t out_of_sequence, packet_seq_err, duplicate_request, rnr_nak_retry_err;
  /* the rest of a receive request that was taken from a shared queue; the first entry is in next_addr */
  uint32_t more[8];
};

/* Why a doorbell takes the long way. */
#define VBF_SLOW_LINK 1u       /* the other end is in another process */
#define VBF_SLOW_TYPE 2u       /* it is no reliable connection */
#define VBF_SLOW_DOWN 8u       /* a port on its way is down */
#define VBF_SLOW_PSN 16u       /* the other end expects other packet sequence numbers, and hears nothing */
#define VBF_SLOW_HELD (VBF_SLOW_DOWN | VBF_SLOW_PSN)
#define VBF_SLOW_SHAPED 4u     /* the port or the domain has a rate, and somebody decides whose turn it is */

#define VBF_RAISE_FATAL 1u
#define VBF_RAISE_REQUEST 2u
#define VBF_RAISE_ACCESS 4u
#define VBF_RAISE_ESTABLISHED 8u
#define VBF_RAISE_DRAINED 16u
#define VBF_RAISE_LAST 32u

#define VBF_OWE_ACK 1u         /* at the next opportunity */
#define VBF_OWE_ACK_NOW 2u
#define VBF_OWE_RNR 4u
#define VBF_OWE_NAK 8u
#define VBF_OWE_READY 16u
#define VBF_OWE_RESEND 32u
#define VBF_OWE_PROBE 64u
#define VBF_OWE_DATA 128u
#define VBF_OWE_RESULT 256u    /* of the last atomic */

#define VBF_LINK_FREE 0u
#define VBF_LINK_DOWN 1u
#define VBF_LINK_UP 2u
#define VBF_LINK_BROKEN 3u     /* the firmware found `fault`; the link worker closes the connection */

#define VBF_FAULT_NONE 0u
#define VBF_FAULT_CLOSED 1u    /* end of the stream */
#define VBF_FAULT_IO 2u        /* the system's error is in `fault_detail` */
#define VBF_FAULT_FRAME 3u     /* a frame that cannot be */
#define VBF_FAULT_TAG 4u       /* a frame that was forged or changed */
#define VBF_FAULT_LID 5u       /* a frame from a LID that is not the peer's */
#define VBF_FAULT_SILENT 6u    /* nothing heard for too long */
#define VBF_FAULT_THREAD 7u    /* a thread was ended while it worked on the link */

#define VBF_NH_WORDS 264u      /* 1024 bytes, and 32 for the second pass */
/* Keys of one direction of a connection (mac.h). */
struct vbf_link_keys {
  uint64_t sip[2];
  uint32_t nh[VBF_NH_WORDS];
};

/* The link to another process: one stream at a time, replaced when it breaks. */
struct vbf_link {
  uint32_t state;          /* VBF_LINK_* */
  uint32_t fault, fault_detail;
  uint32_t generation;     /* counts connections */
  uint32_t wanted;         /* a QP is connected through it */
  uint32_t down_since;     /* ms */
  uint32_t fd;             /* of the connection's socket; 0: only the link worker can use it */
  uint32_t reserved1;
  uint32_t vector[4];      /* for the stream's calls (stream.wat) */
  uint8_t line0[16];
  /* whoever holds io_lock: seals and writes the ring, reads and executes what comes */
  uint32_t io_lock;
  uint32_t rx_fill, rx_done;
  uint32_t tx_sealed;
  uint32_t tx_granted;     /* the peer lets us send up to here, in units of VBF_UNIT, counted from the start of the connection */
  uint32_t tx_used;
  uint32_t rx_consumed;
  uint32_t rx_granted;     /* as the peer knows */
  uint32_t owe_ping, owe_pong;
  uint32_t small_left;     /* bytes of `small` that are still to be written */
  uint32_t reserved0;
  uint64_t tx_count, rx_count;   /* frames of this connection */
  /* producers, under tx_lock; tx_tail belongs to the holder of io_lock */
  uint32_t tx_lock;
  uint32_t tx_head;
  uint32_t tx_pad;         /* where the filler before the ring's end begins; odd when there is none */
  uint32_t tx_tail;
  uint32_t pend_any;
  uint32_t pend_next;
  uint32_t lazy;           /* a QP owes an acknowledgement that can wait */
  uint32_t crowded;        /* some QP could not send all that it wanted */
  uint8_t line2[32];
  uint8_t small[64];       /* a frame of the link itself */
  uint64_t frames_sent, frames_received, bytes_sent, bytes_received;
  uint8_t line4[32];
  struct vbf_link_keys tx_keys, rx_keys;
  uint32_t pend[VBF_QPS / 32];   /* QPs that want to send something, one bit each */
  int32_t share[VBF_DOMAINS];    /* bytes that a domain may still send in this round (wire.h), under tx_lock */
};

/* One thread that runs firmware. What it is about to write to a CQ is noted, for the case that it dies there. */
struct vbf_thread {
  uint32_t state;          /* 0: free, 1: in use */
  uint32_t slot;
  uint32_t epoch;
  uint32_t deferred_count;
  uint64_t doorbells;
  uint32_t note_cq;        /* index + 1 */
  uint32_t note_index;
  uint64_t note_wr_id;
  uint32_t note_qpn;
  uint32_t note_opcode;
  uint32_t deferred[20];   /* QPs to flush once no lock is held */
  uint8_t scratch[512];
  uint32_t known[VBF_DOMAINS];   /* epoch of the domain whose memory this thread can reach; 0: none */
  uint32_t streams[VBF_LINKS];   /* generation of the connection whose stream this thread can use; 0: none */
  uint32_t poll_next;            /* link */
  uint32_t busy;                 /* 1 while a doorbell is carried out */
  uint32_t invalidating;         /* waits until nobody uses a key any more, and copies nothing meanwhile */
  uint32_t arbitrating;          /* carries out a request whose turn it is */
};

#endif
