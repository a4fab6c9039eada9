/*
 * What guest and adapter share: work requests, completions, doorbells and set-up commands.
 *
 * Posting: the guest writes WQEs into a ring in its own memory and rings a doorbell. The doorbell is the import
 *   void uar_write(uint32_t reg, uint32_t lo, uint32_t hi)      module "hca"
 * which stands for the bus cycle of a 64-bit store to the user access region. It enters the adapter's firmware, a WebAssembly
 * instance of the adapter's own, on the calling thread; neither the hypervisor nor any JavaScript runs (R5).
 * Polling: the guest reads CQEs from its own memory. No call at all.
 *
 * A CQE is valid when its `generation` equals the consumer's count + 1, where the count starts at 0 and never wraps the ring:
 * entry i of a CQ with N entries is at index (i mod N) and carries generation i + 1 (mod 2^32).
 */
#ifndef VERBENA_HCA_H
#define VERBENA_HCA_H

#include <stdint.h>

/* UAR registers: (lo, hi) */
#define VB_UAR_SQ 0u      /* (qpn, tail) work requests up to tail - 1 are ready; tail counts from 0 and wraps at 2^32 */
#define VB_UAR_RQ 1u      /* (qpn, tail) receive requests up to tail - 1 are ready */
#define VB_UAR_CQ_ARM 2u  /* (cqn, consumer) raise VB_CHANNEL_CQ once, as soon as a CQE with number >= consumer is there */
#define VB_UAR_CQ_CI 3u   /* (cqn, consumer) CQEs before consumer are free again; needed at least once per half a ring */
#define VB_UAR_POLL 4u    /* (0, 0) this thread waits, and the adapter may use it to move what comes from other processes (VB_DEVICE_LINKS) */
#define VB_UAR_SRQ 5u     /* (srqn, tail) receive requests of a shared receive queue up to tail - 1 are ready */
#define VB_UAR_CQ_ARM_SOLICITED 6u /* as VB_UAR_CQ_ARM, for the next CQE that is solicited or says of an error */

/* Opcodes of send work requests (InfiniBand Architecture Specification vol. 1, section 11.4.1) and of completions. */
#define VB_WR_SEND 1u
#define VB_WR_SEND_IMM 2u
#define VB_WR_RDMA_WRITE 3u
#define VB_WR_RDMA_WRITE_IMM 4u
#define VB_WR_RDMA_READ 5u
#define VB_WR_ATOMIC_CAS 6u    /* compare and swap of 8 bytes: operands in struct vb_atomic behind the one entry, which gets the old value */
#define VB_WR_ATOMIC_FADD 7u   /* fetch and add */
#define VB_WR_SEND_INV 8u      /* SEND, and `imm` names the key of a memory window of the receiver that is invalidated before its completion */
#define VB_WR_LOCAL_INV 9u     /* invalidates the own memory window of key `imm` */
#define VB_WR_BIND_MW 10u      /* binds a window: see struct vb_send_wqe */
#define VB_WC_RECV 128u
#define VB_WC_RECV_RDMA_IMM 129u

#define VB_SEND_SIGNALED 1u
#define VB_SEND_SOLICITED 2u
#define VB_SEND_INLINE 4u   /* payload lies in the WQE behind the header; `inline_len` bytes */
#define VB_SEND_FENCE 8u

struct vb_sge {
  uint64_t addr;
  uint32_t length;
  uint32_t lkey;
};

/* Send WQE: 32-byte header, then num_sge scatter/gather entries, or inline data. The stride (64, 128 or 256) is fixed when the
 * QP is created.
 *
 * A datagram (UD) has no remote address; there `remote_addr` is VB_UD_ADDRESS(lid, qpn, sl), and `rkey` the Q_Key.
 * VB_WR_BIND_MW: the one entry is the range within a region (its lkey) that the window shows, `rkey` the window's new key (the allocated
 * key, with any value in its lowest 8 bits), `imm` the rights of the window (VB_ACCESS_REMOTE_*). */
#define VB_UD_ADDRESS(lid, qpn, sl) ((uint64_t)(qpn) | (uint64_t)(lid) << 32 | (uint64_t)(sl) << 48)
struct vb_send_wqe {
  uint64_t wr_id;
  uint8_t opcode;
  uint8_t flags;
  uint16_t num_sge;
  uint32_t imm;
  uint64_t remote_addr;
  uint32_t rkey;
  uint32_t inline_len;
};
#define VB_SEND_WQE_HEADER 32u

/* Behind the scatter/gather entry of an atomic work request. Fetch and add uses `compare_add` only. */
struct vb_atomic {
  uint64_t compare_add;
  uint64_t swap;
};

/* Receive WQE: 16-byte header, then num_sge entries. Stride 32, 64 or 128. */
struct vb_recv_wqe {
  uint64_t wr_id;
  uint32_t num_sge;
  uint32_t reserved;
};
#define VB_RECV_WQE_HEADER 16u

/* A datagram's receive request begins with room for a global routing header. Those of multicast carry one; without it the room stays as it was. */
#define VB_GRH_BYTES 40u
#define VB_UD_MTU 4096u

/* Completion queue entry, 64 bytes. For a received datagram `inline_data` begins with the sender's QPN (4 bytes) and service level (4). A received message of at most VB_CQE_INLINE bytes for a QP created with
 * VB_QP_SCATTER_TO_CQE lies in `inline_data` (VB_CQE_F_INLINE) and not in the receive buffer. */
#define VB_CQE_INLINE 32u
#define VB_CQE_F_IMM 1u
#define VB_CQE_F_INLINE 2u
#define VB_CQE_F_SOLICITED 4u
#define VB_CQE_F_GRH 16u         /* the first 40 bytes of the buffer are a global routing header: the datagram came by multicast */
#define VB_CQE_F_INVALIDATED 8u  /* `imm` is the key of the memory window that the sender invalidated */
struct vb_cqe {
  uint64_t wr_id;
  uint32_t qpn;
  uint32_t byte_len;
  uint32_t imm;
  uint8_t opcode;
  uint8_t status;     /* VB_WC_* status below */
  uint8_t flags;
  uint8_t vendor_err;
  uint8_t inline_data[VB_CQE_INLINE];
  uint16_t slid;
  uint16_t reserved;
  uint32_t generation; /* written last */
};

/* Completion status, numbered as in libibverbs' ibv_wc_status. */
#define VB_WC_SUCCESS 0u
#define VB_WC_LOC_LEN_ERR 1u
#define VB_WC_LOC_QP_OP_ERR 2u
#define VB_WC_LOC_PROT_ERR 4u
#define VB_WC_WR_FLUSH_ERR 5u
#define VB_WC_MW_BIND_ERR 6u
#define VB_WC_REM_INV_REQ_ERR 9u
#define VB_WC_REM_ACCESS_ERR 10u
#define VB_WC_REM_OP_ERR 11u
#define VB_WC_RETRY_EXC_ERR 12u
#define VB_WC_RNR_RETRY_EXC_ERR 13u
#define VB_WC_FATAL_ERR 19u

/* QP states (InfiniBand Architecture Specification vol. 1, section 10.3.1). */
#define VB_QPS_RESET 0u
#define VB_QPS_INIT 1u
#define VB_QPS_RTR 2u
#define VB_QPS_RTS 3u
#define VB_QPS_SQD 4u
#define VB_QPS_SQE 5u
#define VB_QPS_ERR 6u

#define VB_ACCESS_LOCAL_WRITE 1u
#define VB_ACCESS_REMOTE_WRITE 2u
#define VB_ACCESS_REMOTE_READ 4u
#define VB_ACCESS_REMOTE_ATOMIC 8u
#define VB_ACCESS_MW_BIND 16u     /* memory windows may be bound to the region */

/* Asynchronous events (InfiniBand Architecture Specification vol. 1, section 11.6.3), numbered as in libibverbs' ibv_event_type. They lie in the
 * completion queue that VB_CMD_SET_EVENTS names, as entries with opcode VB_WC_EVENT, the type in `imm`, and the number of the QP, CQ, SRQ or port that is
 * meant in `qpn`. Each raises VB_CHANNEL_ASYNC. When the queue is full, events are dropped and counted. */
#define VB_WC_EVENT 192u
#define VB_EVENT_CQ_ERR 0u
#define VB_EVENT_QP_FATAL 1u
#define VB_EVENT_QP_REQ_ERR 2u
#define VB_EVENT_QP_ACCESS_ERR 3u
#define VB_EVENT_COMM_EST 4u
#define VB_EVENT_SQ_DRAINED 5u
#define VB_EVENT_DEVICE_FATAL 8u
#define VB_EVENT_PORT_ACTIVE 9u
#define VB_EVENT_PORT_ERR 10u
#define VB_EVENT_LID_CHANGE 11u
#define VB_EVENT_PKEY_CHANGE 12u
#define VB_EVENT_SM_CHANGE 13u
#define VB_EVENT_SRQ_LIMIT_REACHED 15u
#define VB_EVENT_QP_LAST_WQE_REACHED 16u

/* Set-up commands: VB_HC_HCA_COMMAND(opcode, in, in_len, out). `in` and `out` are the structures below in guest memory.
 * The result is 0 or a negative VB_E* number; `out` is written only on 0. */
#define VB_CMD_QUERY_DEVICE 1u
#define VB_CMD_ALLOC_PD 2u
#define VB_CMD_DEALLOC_PD 3u
#define VB_CMD_REG_MR 4u
#define VB_CMD_DEREG_MR 5u
#define VB_CMD_CREATE_CQ 6u
#define VB_CMD_DESTROY_CQ 7u
#define VB_CMD_CREATE_QP 8u
#define VB_CMD_MODIFY_QP 9u
#define VB_CMD_QUERY_QP 10u
#define VB_CMD_DESTROY_QP 11u
#define VB_CMD_REREG_MR 12u
#define VB_CMD_ALLOC_MW 13u
#define VB_CMD_DEALLOC_MW 14u
#define VB_CMD_CREATE_SRQ 15u
#define VB_CMD_MODIFY_SRQ 16u
#define VB_CMD_QUERY_SRQ 17u
#define VB_CMD_DESTROY_SRQ 18u
#define VB_CMD_SET_EVENTS 19u      /* in: vb_cmd_handle, a CQ for asynchronous events; 0: none */
#define VB_CMD_QUERY_PORT 20u
#define VB_CMD_QUERY_PKEY 21u      /* in: vb_cmd_handle, an index; out: vb_cmd_handle, the key */
#define VB_CMD_QUERY_COUNTERS 22u
#define VB_CMD_QUERY_QP_ATTR 23u
#define VB_CMD_QUERY_LIMITS 24u
#define VB_CMD_MAD 25u             /* a subnet management packet: refused (VB_EPERM) unless the subnet is managed in band */
#define VB_CMD_RESIZE_CQ 26u
#define VB_CMD_JOIN_MCAST 27u      /* joins a multicast group of a partition, which there is from then on; out: vb_join_mcast_out */
#define VB_CMD_LEAVE_MCAST 28u     /* in: vb_join_mcast_in; the Q_Key does not count */
#define VB_CMD_ATTACH_MCAST 29u    /* a datagram QP gets what is sent to the group */
#define VB_CMD_DETACH_MCAST 30u
#define VB_CMD_OPEN_CHANNEL 64u    /* in: vb_cmd_handle, the slot of a domain on the same host, or one's own: whether this VM has channels (ivc.h) */

struct vb_cmd_handle { uint32_t handle; uint32_t reserved; };  /* in of the destroy commands; out of ALLOC_PD, CREATE_CQ */

#define VB_DEVICE_LINKS 1u  /* ports are reached over links to other processes: ring VB_UAR_POLL while waiting for completions */
struct vb_device_info {
  uint64_t node_guid;
  uint64_t port_guid;
  uint32_t lid;
  uint32_t max_qp;
  uint32_t max_cq;
  uint32_t max_mr;
  uint32_t max_pd;
  uint32_t max_qp_wr;
  uint32_t max_cqe;
  uint32_t max_sge;
  uint32_t max_inline;
  uint32_t flags;           /* VB_DEVICE_* */
  uint64_t max_msg_size;
};

struct vb_reg_mr_in { uint32_t pd; uint32_t access; uint64_t addr; uint64_t length; };
struct vb_reg_mr_out { uint32_t handle; uint32_t lkey; uint32_t rkey; uint32_t reserved; };

/* REREG_MR: `flags` says what changes; the region gets new keys, and the old ones are gone. */
#define VB_REREG_TRANSLATION 1u
#define VB_REREG_PD 2u
#define VB_REREG_ACCESS 4u
struct vb_rereg_mr_in { uint32_t handle; uint32_t flags; uint32_t pd; uint32_t access; uint64_t addr; uint64_t length; };

/* ALLOC_MW: a memory window of type 2, bound to a QP and a range by VB_WR_BIND_MW. out: vb_cmd_handle, its key. */
struct vb_alloc_mw_in { uint32_t pd; uint32_t reserved; };

/* Shared receive queues. `limit`: when fewer requests than that are left, VB_EVENT_SRQ_LIMIT_REACHED comes once; 0: never. */
struct vb_create_srq_in { uint64_t ring_addr; uint32_t pd; uint32_t entries; uint32_t stride; uint32_t limit; };
struct vb_modify_srq_in { uint32_t srqn; uint32_t limit; };
struct vb_query_srq_out { uint32_t limit; uint32_t entries; uint32_t head; uint32_t reserved; };

struct vb_limits { uint32_t max_srq; uint32_t max_srq_wr; uint32_t max_srq_sge; uint32_t max_mw; uint32_t max_pkeys; uint32_t reserved[3]; };

/* States of a port as in libibverbs' ibv_port_state. */
#define VB_PORT_DOWN 1u
#define VB_PORT_INIT 2u
#define VB_PORT_ARMED 3u
#define VB_PORT_ACTIVE 4u
struct vb_port_info {
  uint64_t port_guid;
  uint32_t lid;
  uint32_t sm_lid;
  uint32_t state;           /* VB_PORT_* */
  uint32_t max_mtu;         /* 1: 256 bytes, ... 5: 4096 bytes */
  uint32_t active_mtu;
  uint32_t pkeys;           /* entries of the P_Key table */
  uint32_t qkey_violations;
  uint32_t pkey_violations;
  uint32_t vls;             /* virtual lanes */
  uint32_t reserved[5];
};

/* Counters under the names of InfiniBand (vol. 1, section 16.1.3.5 and 16.1.4.11). Data counts words of 4 bytes. */
#define VB_COUNTERS_PORT 0u
#define VB_COUNTERS_VF 1u    /* of this domain */
#define VB_COUNTERS_QP 2u    /* of its QP `number` */
/* With a kind: what of it came out of order (vb_sequence_counters). Within one process no packet does. */
#define VB_COUNTERS_SEQUENCE 16u
struct vb_counters_in { uint32_t kind; uint32_t number; };
struct vb_counters {
  uint64_t port_xmit_data;
  uint64_t port_rcv_data;
  uint64_t port_xmit_pkts;
  uint64_t port_rcv_pkts;
  uint64_t port_rcv_errors;
  uint64_t port_xmit_discards;
  uint64_t port_xmit_wait;
  uint64_t qp1_dropped;
  uint64_t port_rcv_constraint_errors;
  uint64_t reserved;
};

/* Under the names that drivers of adapters give them. */
struct vb_sequence_counters {
  uint64_t out_of_sequence;     /* packets that came before one that is missing */
  uint64_t packet_seq_err;      /* NAKs for that, from the other end */
  uint64_t duplicate_request;   /* packets that had come before */
  uint64_t rnr_nak_retry_err;   /* NAKs of a receiver that was not ready */
};

/* A subnet management packet (InfiniBand vol. 1, section 14.2): 64 bytes of attribute, for the agent of the port at `lid`. The result is the command's;
 * `status` is the packet's. */
#define VB_MAD_GET 1u
#define VB_MAD_SET 2u
#define VB_MAD_NODE_INFO 0x11u
#define VB_MAD_PORT_INFO 0x15u
#define VB_MAD_PKEY_TABLE 0x16u
#define VB_MAD_SL_TO_VL 0x17u
struct vb_mad {
  uint32_t lid;
  uint32_t method;
  uint32_t attribute;
  uint32_t status;          /* 0, or as in section 13.4.7 */
  uint64_t m_key;
  uint32_t modifier;
  uint32_t reserved;
  uint8_t data[64];
};

/* A datagram to a group is addressed to its MLID and VB_MULTICAST_QPN. */
#define VB_MULTICAST_QPN 0xffffffu
struct vb_join_mcast_in { uint8_t mgid[16]; uint32_t qkey; uint32_t pkey_index; };
struct vb_join_mcast_out { uint32_t mlid; uint32_t qkey; };
struct vb_attach_mcast_in { uint32_t qpn; uint32_t mlid; uint8_t mgid[16]; };

struct vb_create_cq_in { uint64_t ring_addr; uint32_t entries; uint32_t reserved; };  /* entries: power of two */
/* RESIZE_CQ: moves the queue, with what is in it, to another ring. Say before how far you have read (VB_UAR_CQ_CI); the old ring is yours when the command has succeeded. */
struct vb_resize_cq_in { uint32_t cqn; uint32_t entries; uint64_t ring_addr; };

#define VB_QP_SCATTER_TO_CQE 1u

/* Types of queue pairs, numbered as in libibverbs. */
#define VB_QPT_RC 2u
#define VB_QPT_UC 3u
#define VB_QPT_UD 4u
struct vb_create_qp_in {
  uint32_t pd;
  uint32_t send_cq;
  uint32_t recv_cq;
  uint32_t flags;
  uint64_t sq_addr;     /* ring of sq_entries * sq_stride bytes, 64-byte aligned */
  uint64_t rq_addr;
  uint32_t sq_entries;  /* powers of two */
  uint32_t sq_stride;
  uint32_t rq_entries;
  uint32_t rq_stride;
  uint32_t type;        /* VB_QPT_*; 0: RC */
  uint32_t srq;         /* a shared receive queue in the place of an own one; 0: none */
  uint32_t reserved[2];
};
struct vb_create_qp_out { uint32_t qpn; uint32_t reserved; };

/* MODIFY_QP: `attr_mask` says which fields count. RESET->INIT needs access (UD: the Q_Key); INIT->RTR needs dest_lid, dest_qpn (not UD); RTR->RTS
 * needs retry_count, rnr_retry (RC). Any state may go to ERR and to RESET, RTS to SQD and back, SQE (UC, UD) to RTS. Fields behind `rnr_retry` may be left out
 * of the input. */
#define VB_ATTR_STATE 1u
#define VB_ATTR_ACCESS 2u
#define VB_ATTR_DEST 4u
#define VB_ATTR_RETRY 8u
#define VB_ATTR_QKEY 16u
#define VB_ATTR_PKEY_INDEX 32u
#define VB_ATTR_SL 64u
#define VB_ATTR_PATH_MTU 128u
#define VB_ATTR_SQ_PSN 256u
#define VB_ATTR_RQ_PSN 512u
#define VB_ATTR_TIMEOUT 1024u
#define VB_ATTR_MIN_RNR_TIMER 2048u
#define VB_ATTR_MAX_RD_ATOMIC 4096u
#define VB_ATTR_MAX_DEST_RD_ATOMIC 8192u
#define VB_ATTR_SQD_EVENT 16384u   /* RTS->SQD: VB_EVENT_SQ_DRAINED when nothing is under way any more */
struct vb_modify_qp_in {
  uint32_t qpn;
  uint32_t attr_mask;
  uint32_t state;
  uint32_t access;
  uint32_t dest_lid;
  uint32_t dest_qpn;
  uint32_t retry_count; /* 0-7 */
  uint32_t rnr_retry;   /* 0-7, 7: without limit */
  uint32_t qkey;
  uint32_t sq_psn;      /* 24 bits */
  uint32_t rq_psn;
  uint16_t pkey_index;
  uint8_t sl;           /* 0-15 */
  uint8_t path_mtu;     /* 1: 256 bytes, ... 5: 4096 bytes */
  uint8_t timeout;
  uint8_t min_rnr_timer;
  uint8_t max_rd_atomic;
  uint8_t max_dest_rd_atomic;
  uint32_t reserved[3];
};
struct vb_query_qp_attr_out {
  uint32_t state;
  uint32_t type;
  uint32_t access;
  uint32_t dest_lid;
  uint32_t dest_qpn;
  uint32_t retry_count;
  uint32_t rnr_retry;
  uint32_t qkey;
  uint32_t sq_psn;
  uint32_t rq_psn;
  uint16_t pkey_index;
  uint8_t sl;
  uint8_t path_mtu;
  uint8_t timeout;
  uint8_t min_rnr_timer;
  uint8_t max_rd_atomic;
  uint8_t max_dest_rd_atomic;
  uint32_t draining;    /* SQD: requests are still under way */
  uint32_t reserved[3];
};
struct vb_query_qp_out {
  uint32_t state;
  uint32_t dest_lid;
  uint32_t dest_qpn;
  uint32_t sq_head;
  uint32_t rq_head;
  uint32_t reserved;
};

#ifdef __wasm__
void vb_uar_write(uint32_t reg, uint32_t lo, uint32_t hi) __attribute__((import_module("hca"), import_name("uar_write")));
#endif

#endif
