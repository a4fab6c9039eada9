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

/* Opcodes of send work requests (InfiniBand Architecture Specification vol. 1, section 11.4.1) and of completions. */
#define VB_WR_SEND 1u
#define VB_WR_SEND_IMM 2u
#define VB_WR_RDMA_WRITE 3u
#define VB_WR_RDMA_WRITE_IMM 4u
#define VB_WR_RDMA_READ 5u
#define VB_WR_ATOMIC_CAS 6u    /* compare and swap of 8 bytes: operands in struct vb_atomic behind the one entry, which gets the old value */
#define VB_WR_ATOMIC_FADD 7u   /* fetch and add */
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
 * QP is created. */
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

/* Completion queue entry, 64 bytes. A received message of at most VB_CQE_INLINE bytes for a QP created with
 * VB_QP_SCATTER_TO_CQE lies in `inline_data` (VB_CQE_F_INLINE) and not in the receive buffer. */
#define VB_CQE_INLINE 32u
#define VB_CQE_F_IMM 1u
#define VB_CQE_F_INLINE 2u
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
#define VB_WC_REM_INV_REQ_ERR 9u
#define VB_WC_REM_ACCESS_ERR 10u
#define VB_WC_REM_OP_ERR 11u
#define VB_WC_RETRY_EXC_ERR 12u
#define VB_WC_RNR_RETRY_EXC_ERR 13u
#define VB_WC_FATAL_ERR 18u

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

struct vb_create_cq_in { uint64_t ring_addr; uint32_t entries; uint32_t reserved; };  /* entries: power of two */

#define VB_QP_SCATTER_TO_CQE 1u
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
};
struct vb_create_qp_out { uint32_t qpn; uint32_t reserved; };

/* MODIFY_QP: `attr_mask` says which fields count. RESET->INIT needs access; INIT->RTR needs dest_lid, dest_qpn; RTR->RTS needs
 * retry_count, rnr_retry. Any state may go to ERR and to RESET. */
#define VB_ATTR_STATE 1u
#define VB_ATTR_ACCESS 2u
#define VB_ATTR_DEST 4u
#define VB_ATTR_RETRY 8u
struct vb_modify_qp_in {
  uint32_t qpn;
  uint32_t attr_mask;
  uint32_t state;
  uint32_t access;
  uint32_t dest_lid;
  uint32_t dest_qpn;
  uint32_t retry_count; /* 0-7 */
  uint32_t rnr_retry;   /* 0-7, 7: without limit */
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
