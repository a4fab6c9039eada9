/*
 * The verbs interface of the guest, with the names of libibverbs, for reliable connections (R6). Set-up calls go to the adapter's backend by
 * hypercall; ibv_post_send, ibv_post_recv and ibv_poll_cq make none.
 *
 * Differences from a host's library: one device with one port; no GRH, no address handles, no shared receive queues; a completion
 * channel is the guest's event channel, so ibv_get_cq_event waits for any CQ of the channel; functions return 0 or an errno value,
 * creators NULL with errno set.
 */
#ifndef VERBENA_VERBS_H
#define VERBENA_VERBS_H

#include <stddef.h>
#include <stdint.h>
#include <vb_verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ibv_node_type { IBV_NODE_UNKNOWN = -1, IBV_NODE_CA = 1 };
enum ibv_port_state { IBV_PORT_NOP = 0, IBV_PORT_DOWN = 1, IBV_PORT_INIT = 2, IBV_PORT_ARMED = 3, IBV_PORT_ACTIVE = 4 };
enum ibv_mtu { IBV_MTU_256 = 1, IBV_MTU_512 = 2, IBV_MTU_1024 = 3, IBV_MTU_2048 = 4, IBV_MTU_4096 = 5 };
enum ibv_qp_type { IBV_QPT_RC = 2 };

enum ibv_qp_state {
  IBV_QPS_RESET = VB_QPS_RESET,
  IBV_QPS_INIT = VB_QPS_INIT,
  IBV_QPS_RTR = VB_QPS_RTR,
  IBV_QPS_RTS = VB_QPS_RTS,
  IBV_QPS_SQD = VB_QPS_SQD,
  IBV_QPS_SQE = VB_QPS_SQE,
  IBV_QPS_ERR = VB_QPS_ERR
};

enum ibv_access_flags {
  IBV_ACCESS_LOCAL_WRITE = VB_ACCESS_LOCAL_WRITE,
  IBV_ACCESS_REMOTE_WRITE = VB_ACCESS_REMOTE_WRITE,
  IBV_ACCESS_REMOTE_READ = VB_ACCESS_REMOTE_READ,
  IBV_ACCESS_REMOTE_ATOMIC = VB_ACCESS_REMOTE_ATOMIC
};

enum ibv_wr_opcode {
  IBV_WR_RDMA_WRITE = 0,
  IBV_WR_RDMA_WRITE_WITH_IMM = 1,
  IBV_WR_SEND = 2,
  IBV_WR_SEND_WITH_IMM = 3,
  IBV_WR_RDMA_READ = 4,
  IBV_WR_ATOMIC_CMP_AND_SWP = 5,
  IBV_WR_ATOMIC_FETCH_AND_ADD = 6
};

enum ibv_send_flags { IBV_SEND_FENCE = 1, IBV_SEND_SIGNALED = 2, IBV_SEND_SOLICITED = 4, IBV_SEND_INLINE = 8 };

enum ibv_wc_status {
  IBV_WC_SUCCESS = 0,
  IBV_WC_LOC_LEN_ERR = 1,
  IBV_WC_LOC_QP_OP_ERR = 2,
  IBV_WC_LOC_EEC_OP_ERR = 3,
  IBV_WC_LOC_PROT_ERR = 4,
  IBV_WC_WR_FLUSH_ERR = 5,
  IBV_WC_MW_BIND_ERR = 6,
  IBV_WC_BAD_RESP_ERR = 7,
  IBV_WC_LOC_ACCESS_ERR = 8,
  IBV_WC_REM_INV_REQ_ERR = 9,
  IBV_WC_REM_ACCESS_ERR = 10,
  IBV_WC_REM_OP_ERR = 11,
  IBV_WC_RETRY_EXC_ERR = 12,
  IBV_WC_RNR_RETRY_EXC_ERR = 13,
  IBV_WC_FATAL_ERR = 18
};

enum ibv_wc_opcode {
  IBV_WC_SEND = 0,
  IBV_WC_RDMA_WRITE = 1,
  IBV_WC_RDMA_READ = 2,
  IBV_WC_COMP_SWAP = 3,
  IBV_WC_FETCH_ADD = 4,
  IBV_WC_RECV = 128,
  IBV_WC_RECV_RDMA_WITH_IMM = 129
};
enum ibv_wc_flags { IBV_WC_GRH = 1, IBV_WC_WITH_IMM = 2 };

enum ibv_qp_attr_mask {
  IBV_QP_STATE = 1 << 0,
  IBV_QP_CUR_STATE = 1 << 1,
  IBV_QP_ACCESS_FLAGS = 1 << 3,
  IBV_QP_PKEY_INDEX = 1 << 4,
  IBV_QP_PORT = 1 << 5,
  IBV_QP_AV = 1 << 7,
  IBV_QP_PATH_MTU = 1 << 8,
  IBV_QP_TIMEOUT = 1 << 9,
  IBV_QP_RETRY_CNT = 1 << 10,
  IBV_QP_RNR_RETRY = 1 << 11,
  IBV_QP_RQ_PSN = 1 << 12,
  IBV_QP_MAX_QP_RD_ATOMIC = 1 << 13,
  IBV_QP_MIN_RNR_TIMER = 1 << 15,
  IBV_QP_SQ_PSN = 1 << 16,
  IBV_QP_MAX_DEST_RD_ATOMIC = 1 << 17,
  IBV_QP_DEST_QPN = 1 << 20
};

union ibv_gid {
  uint8_t raw[16];
  struct { uint64_t subnet_prefix, interface_id; } global;
};

struct ibv_device {
  enum ibv_node_type node_type;
  char name[64];
};

struct ibv_context {
  struct ibv_device *device;
  int num_comp_vectors;
  struct vb_device_info info;
  struct ibv_qp *qps; /* all of this context, to find those that completions name */
};

struct ibv_device_attr {
  uint64_t node_guid;
  uint64_t max_mr_size;
  int max_qp, max_qp_wr, max_sge, max_cq, max_cqe, max_mr, max_pd;
  uint8_t phys_port_cnt;
};

struct ibv_port_attr {
  enum ibv_port_state state;
  enum ibv_mtu max_mtu, active_mtu;
  int gid_tbl_len;
  uint32_t max_msg_sz;
  uint16_t pkey_tbl_len;
  uint16_t lid, sm_lid;
  uint8_t lmc;
};

struct ibv_pd { struct ibv_context *context; uint32_t handle; };
struct ibv_mr { struct ibv_context *context; struct ibv_pd *pd; void *addr; size_t length; uint32_t handle, lkey, rkey; };
struct ibv_comp_channel { struct ibv_context *context; struct ibv_cq *cqs; int refcnt; };

struct ibv_cq {
  struct ibv_context *context;
  struct ibv_comp_channel *channel;
  void *cq_context;
  int cqe;
  struct vb_cq hw;
  struct ibv_cq *next; /* of the channel */
  int armed;
};

struct ibv_sge { uint64_t addr; uint32_t length, lkey; };

struct ibv_send_wr {
  uint64_t wr_id;
  struct ibv_send_wr *next;
  struct ibv_sge *sg_list;
  int num_sge;
  enum ibv_wr_opcode opcode;
  unsigned int send_flags;
  uint32_t imm_data; /* in network byte order, passed through */
  union {
    struct { uint64_t remote_addr; uint32_t rkey; } rdma;
    struct { uint64_t remote_addr, compare_add, swap; uint32_t rkey; } atomic; /* 8 bytes, aligned; the old value comes to the one entry of sg_list */
  } wr;
};

struct ibv_recv_wr {
  uint64_t wr_id;
  struct ibv_recv_wr *next;
  struct ibv_sge *sg_list;
  int num_sge;
};

struct ibv_wc {
  uint64_t wr_id;
  enum ibv_wc_status status;
  enum ibv_wc_opcode opcode;
  uint32_t vendor_err, byte_len;
  uint32_t imm_data;
  uint32_t qp_num, src_qp;
  unsigned int wc_flags;
  uint16_t pkey_index, slid;
  uint8_t sl;
};

struct ibv_qp_cap { uint32_t max_send_wr, max_recv_wr, max_send_sge, max_recv_sge, max_inline_data; };

struct ibv_qp_init_attr {
  void *qp_context;
  struct ibv_cq *send_cq, *recv_cq;
  void *srq; /* must be NULL */
  struct ibv_qp_cap cap;
  enum ibv_qp_type qp_type;
  int sq_sig_all;
};

struct ibv_global_route { union ibv_gid dgid; uint32_t flow_label; uint8_t sgid_index, hop_limit, traffic_class; };
struct ibv_ah_attr { struct ibv_global_route grh; uint16_t dlid; uint8_t sl, src_path_bits, static_rate, is_global, port_num; };

struct ibv_qp_attr {
  enum ibv_qp_state qp_state, cur_qp_state;
  enum ibv_mtu path_mtu;
  uint32_t rq_psn, sq_psn, dest_qp_num;
  unsigned int qp_access_flags;
  struct ibv_qp_cap cap;
  struct ibv_ah_attr ah_attr;
  uint16_t pkey_index;
  uint8_t max_rd_atomic, max_dest_rd_atomic, min_rnr_timer, port_num, timeout, retry_cnt, rnr_retry;
};

struct ibv_qp {
  struct ibv_context *context;
  void *qp_context;
  struct ibv_pd *pd;
  struct ibv_cq *send_cq, *recv_cq;
  uint32_t qp_num;
  enum ibv_qp_state state;
  enum ibv_qp_type qp_type;
  struct ibv_qp_cap cap;
  int sq_sig_all;
  uint32_t access;
  struct vb_qp hw;
  uint64_t *sq_ids;     /* wr_id of each send slot: the slot's number travels in the completion instead */
  struct ibv_qp *next;
};

/* Devices and ports. */
struct ibv_device **ibv_get_device_list(int *num_devices);
void ibv_free_device_list(struct ibv_device **list);
const char *ibv_get_device_name(struct ibv_device *device);
uint64_t ibv_get_device_guid(struct ibv_device *device);
struct ibv_context *ibv_open_device(struct ibv_device *device);
int ibv_close_device(struct ibv_context *context);
int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr);
int ibv_query_port(struct ibv_context *context, uint8_t port_num, struct ibv_port_attr *attr);
int ibv_query_gid(struct ibv_context *context, uint8_t port_num, int index, union ibv_gid *gid);
int ibv_query_pkey(struct ibv_context *context, uint8_t port_num, int index, uint16_t *pkey);

/* Memory. ibv_reg_mr pins and registers; the keys die with ibv_dereg_mr. */
struct ibv_pd *ibv_alloc_pd(struct ibv_context *context);
int ibv_dealloc_pd(struct ibv_pd *pd);
struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access);
int ibv_dereg_mr(struct ibv_mr *mr);

/* Completion queues. `cqe` is rounded up to a power of two. */
struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context);
int ibv_destroy_comp_channel(struct ibv_comp_channel *channel);
struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context, struct ibv_comp_channel *channel, int comp_vector);
int ibv_destroy_cq(struct ibv_cq *cq);
/* Takes up to `num_entries` completions; returns how many, or -1. */
int ibv_poll_cq(struct ibv_cq *cq, int num_entries, struct ibv_wc *wc);
/* Arms the CQ for one event. All completions count as solicited. */
int ibv_req_notify_cq(struct ibv_cq *cq, int solicited_only);
/* Sleeps until an armed CQ of the channel has a completion; returns that CQ. 0, or -1 with errno. */
int ibv_get_cq_event(struct ibv_comp_channel *channel, struct ibv_cq **cq, void **cq_context);
void ibv_ack_cq_events(struct ibv_cq *cq, unsigned int nevents);

/* Queue pairs. Sizes are rounded up, and given back in `cap`. */
struct ibv_qp *ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *init);
int ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask);
int ibv_query_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int attr_mask, struct ibv_qp_init_attr *init);
int ibv_destroy_qp(struct ibv_qp *qp);
/* Posts a list with one doorbell. ENOMEM when a queue is full, EINVAL for what cannot be expressed; *bad_wr is the first not posted. */
int ibv_post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr);
int ibv_post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr);

const char *ibv_wc_status_str(enum ibv_wc_status status);
const char *ibv_port_state_str(enum ibv_port_state state);

#ifdef __cplusplus
}
#endif

#endif
