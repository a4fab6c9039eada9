/*
 * The adapter memory: one shared WebAssembly memory per process that holds every adapter of every node in it. The firmware, running on
 * the thread that rings a doorbell, and the control path in TypeScript (src/layout.ts mirrors this file, a spec compares) both work on it.
 *
 * Who writes what decides which cache line a field lies on. The sender's thread executes both ends of a connection, so a QP's responder
 * fields belong to the thread of the QP at the other end, and are protected by that QP's `sq_lock`.
 *
 *   lock order: at most one sq_lock at a time; CQs are written without a lock (an entry is reserved by compare-and-swap)
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

#define VBF_THREAD_STRIDE 16384u  /* context, then the stack, which grows down from the end */

/* The firmware's own data and linker-made things lie below. */
#define VBF_HEADER_ADDR 0x00010000u
#define VBF_DOMAIN_ADDR 0x00020000u
#define VBF_PD_ADDR 0x00040000u
#define VBF_CQ_ADDR 0x00080000u
#define VBF_MR_ADDR 0x00200000u
#define VBF_QP_ADDR 0x00400000u
#define VBF_THREAD_ADDR 0x00a00000u
#define VBF_MEMORY_BYTES 0x01200000u

struct vbf_header {
  uint32_t command_lock;   /* serialises set-up commands; holds thread + 1 */
  uint32_t now_ms;         /* written by tick */
  uint32_t qp_high, cq_high, mr_high, pd_high, thread_high;   /* table entries ever used */
  uint32_t reserved;
};

/* One virtual function: a domain's share of an adapter. Counters are those of QPs and threads that are gone. */
struct vbf_domain {
  uint32_t epoch;          /* odd while the slot is in use */
  uint32_t lid;
  uint32_t pkey;           /* 0: in no partition */
  uint32_t qps, cqs, mrs, pds;
  uint32_t reserved;
  uint64_t port_guid;
  uint64_t doorbells, tx_messages, tx_bytes, rx_messages, rx_bytes;
  uint64_t rx_errors, tx_waits;
};

struct vbf_pd {
  uint32_t handle;         /* 0: free */
  uint32_t slot;
  uint32_t users;
  uint32_t generation;
};

/* An entry of the translation and protection table. Guests see one flat memory, so the translation is the identity. */
struct vbf_mr {
  uint32_t key;            /* (index << 8) | generation; 0: free */
  uint32_t slot;
  uint32_t pd;
  uint32_t access;
  uint64_t addr;
  uint64_t length;
};

#define VBF_CQ_FREE 0u
#define VBF_CQ_READY 1u
#define VBF_CQ_OVERRUN 2u
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
  uint8_t line0[32];
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
  uint32_t reserved;
  uint32_t generation;
  uint64_t tx_messages, tx_bytes, tx_waits;
  /* receive queue, read by the requester at the other end */
  uint32_t rq_addr;
  uint32_t rq_mask;
  uint32_t rq_stride;
  uint8_t line2[52];
  /* receive doorbell: written by this QP's thread */
  uint32_t rq_tail;
  uint32_t rnr;            /* set by the requester at the other end when it found no receive request */
  uint8_t line3[56];
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
};

#endif
