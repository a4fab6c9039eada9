/*
 * The verbs interface of the guest, with the names of libibverbs (R6). Set-up calls go to the adapter's backend by hypercall; ibv_post_send, ibv_post_recv,
 * ibv_post_srq_recv and ibv_poll_cq make none.
 *
 * Differences from a host's library: one device with one port; only multicast packets carry a GRH (its 40 bytes in another datagram's buffer stay as they were); there are no file descriptors,
 * so ibv_get_cq_event and ibv_get_async_event sleep on the guest's event channels, and a completion channel serves the CQs that were made with it;
 * no type 1 windows (ENOSYS); functions return 0 or an errno value, creators NULL with errno set. Programs that run
 * without MPI exchange their addresses with vb_rendezvous (vb_verbs.h).
 */
#ifndef VERBENA_VERBS_H
#define VERBENA_VERBS_H

#include <stddef.h>
#include <stdint.h>
#include <vb_verbs.h>
#include <verbs_types.h>

#ifdef __cplusplus
extern "C" {
#endif

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
  struct ibv_qp *qps; /* all of this context, to find those that completions and events name */
  struct ibv_cq *cqs;
  struct ibv_srq *srqs;
  int lost; /* the device was taken away: what was made with it is gone */
};

struct ibv_device_attr {
  char fw_ver[64];
  uint64_t node_guid, sys_image_guid;
  uint64_t max_mr_size, page_size_cap;
  uint32_t vendor_id, vendor_part_id, hw_ver;
  int max_qp, max_qp_wr, max_sge, max_sge_rd, max_cq, max_cqe, max_mr, max_pd;
  int max_qp_rd_atom, max_res_rd_atom, max_qp_init_rd_atom, max_mw, max_ah;
  int max_srq, max_srq_wr, max_srq_sge;
  uint16_t max_pkeys;
  uint8_t phys_port_cnt;
};

struct ibv_port_attr {
  enum ibv_port_state state;
  enum ibv_mtu max_mtu, active_mtu;
  int gid_tbl_len;
  uint32_t max_msg_sz;
  uint32_t bad_pkey_cntr, qkey_viol_cntr;
  uint16_t pkey_tbl_len;
  uint16_t lid, sm_lid;
  uint8_t lmc, max_vl_num, sm_sl, active_width, active_speed, phys_state, link_layer;
};

struct ibv_pd { struct ibv_context *context; uint32_t handle; };
struct ibv_mr { struct ibv_context *context; struct ibv_pd *pd; void *addr; size_t length; uint32_t handle, lkey, rkey; };
struct ibv_mw { struct ibv_context *context; struct ibv_pd *pd; uint32_t rkey; enum ibv_mw_type type; };
struct ibv_mw_bind_info { struct ibv_mr *mr; uint64_t addr, length; unsigned int mw_access_flags; };
struct ibv_comp_channel { struct ibv_context *context; struct ibv_cq *cqs; int refcnt; };

struct ibv_cq {
  struct ibv_context *context;
  struct ibv_comp_channel *channel;
  void *cq_context;
  int cqe;
  struct vb_cq hw;
  struct ibv_cq *next; /* of the channel */
  struct ibv_cq *sibling; /* of the context */
  int armed;
  uint32_t events, acked;
};

struct ibv_sge { uint64_t addr; uint32_t length, lkey; };

struct ibv_send_wr {
  uint64_t wr_id;
  struct ibv_send_wr *next;
  struct ibv_sge *sg_list;
  int num_sge;
  enum ibv_wr_opcode opcode;
  unsigned int send_flags;
  union {
    uint32_t imm_data; /* in network byte order, passed through */
    uint32_t invalidate_rkey;
  };
  union {
    struct { uint64_t remote_addr; uint32_t rkey; } rdma;
    struct { uint64_t remote_addr, compare_add, swap; uint32_t rkey; } atomic; /* 8 bytes, aligned; the old value comes to the one entry of sg_list */
    struct { struct ibv_ah *ah; uint32_t remote_qpn, remote_qkey; } ud;
  } wr;
  struct { struct ibv_mw *mw; uint32_t rkey; struct ibv_mw_bind_info bind_info; } bind_mw;
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
  union {
    uint32_t imm_data;
    uint32_t invalidated_rkey;
  };
  uint32_t qp_num, src_qp;
  unsigned int wc_flags;
  uint16_t pkey_index, slid;
  uint8_t sl, dlid_path_bits;
};

struct ibv_qp_cap { uint32_t max_send_wr, max_recv_wr, max_send_sge, max_recv_sge, max_inline_data; };

struct ibv_qp_init_attr {
  void *qp_context;
  struct ibv_cq *send_cq, *recv_cq;
  struct ibv_srq *srq;
  struct ibv_qp_cap cap;
  enum ibv_qp_type qp_type;
  int sq_sig_all;
};

struct ibv_global_route { union ibv_gid dgid; uint32_t flow_label; uint8_t sgid_index, hop_limit, traffic_class; };
struct ibv_ah_attr { struct ibv_global_route grh; uint16_t dlid; uint8_t sl, src_path_bits, static_rate, is_global, port_num; };

struct ibv_qp_attr {
  enum ibv_qp_state qp_state, cur_qp_state;
  enum ibv_mtu path_mtu;
  uint32_t qkey, rq_psn, sq_psn, dest_qp_num;
  unsigned int qp_access_flags;
  struct ibv_qp_cap cap;
  struct ibv_ah_attr ah_attr;
  uint16_t pkey_index;
  uint8_t en_sqd_async_notify, sq_draining, max_rd_atomic, max_dest_rd_atomic, min_rnr_timer, port_num, timeout, retry_cnt, rnr_retry;
};

struct ibv_ah { struct ibv_context *context; struct ibv_pd *pd; uint16_t dlid; uint8_t sl; };

struct ibv_srq_attr { uint32_t max_wr, max_sge, srq_limit; };
struct ibv_srq_init_attr { void *srq_context; struct ibv_srq_attr attr; };
struct ibv_srq {
  struct ibv_context *context;
  void *srq_context;
  struct ibv_pd *pd;
  uint32_t handle;
  uint8_t *ring;
  uint32_t mask, stride;
  uint32_t tail, done; /* requests posted, and completed */
  struct ibv_srq *next;
};

struct ibv_async_event {
  union { struct ibv_cq *cq; struct ibv_qp *qp; struct ibv_srq *srq; int port_num; } element;
  enum ibv_event_type event_type;
};

struct ibv_qp {
  struct ibv_context *context;
  void *qp_context;
  struct ibv_pd *pd;
  struct ibv_cq *send_cq, *recv_cq;
  struct ibv_srq *srq;
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
/* Changes what `flags` (IBV_REREG_MR_*) say; the region gets new keys. 0, or -1 with errno; then it is as it was. */
int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr, size_t length, int access);
/* Windows of type 2, bound by IBV_WR_BIND_MW. After a binding the window's rkey is that of the request. */
struct ibv_mw *ibv_alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type);
int ibv_dealloc_mw(struct ibv_mw *mw);
/* The next key of a window, for the next binding. */
static inline uint32_t ibv_inc_rkey(uint32_t rkey) { return (rkey & ~0xffu) | ((rkey + 1) & 0xffu); }

/* Address handles: where a datagram goes. The handle is the guest's own; what it says is checked when a datagram is sent. */
struct ibv_ah *ibv_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr);
int ibv_init_ah_from_wc(struct ibv_context *context, uint8_t port_num, struct ibv_wc *wc, void *grh, struct ibv_ah_attr *attr);
struct ibv_ah *ibv_create_ah_from_wc(struct ibv_pd *pd, struct ibv_wc *wc, void *grh, uint8_t port_num);
int ibv_destroy_ah(struct ibv_ah *ah);

/* Shared receive queues: at most 3 entries a request. */
struct ibv_srq *ibv_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *init);
int ibv_modify_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr, int mask);
int ibv_query_srq(struct ibv_srq *srq, struct ibv_srq_attr *attr);
int ibv_destroy_srq(struct ibv_srq *srq);
int ibv_post_srq_recv(struct ibv_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr);

/* Asynchronous events. ibv_get_async_event sleeps until there is one; vb_poll_async_event returns EAGAIN when there is none. */
int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event);
int vb_poll_async_event(struct ibv_context *context, struct ibv_async_event *event);
void ibv_ack_async_event(struct ibv_async_event *event);

/* Counters of the port, of this VM's share of it, or of a QP, under the names of InfiniBand (data in words of 4 bytes). */
/*
 * Joins a multicast group (its GID begins with ff) of the partition at that index, in place of the subnet administrator, and tells its LID: for ibv_attach_mcast, and for the
 * address handle of what is sent to it, with QPN 0xffffff. All members give the same Q_Key. Who sends joins, too. ENOSYS on the path `ethernet`.
 */
int vb_join_multicast(struct ibv_context *context, const union ibv_gid *mgid, uint16_t pkey_index, uint32_t qkey, uint16_t *mlid);
int vb_leave_multicast(struct ibv_context *context, const union ibv_gid *mgid, uint16_t pkey_index); /* EBUSY while QPs are attached */

int vb_query_port_counters(struct ibv_context *context, struct vb_counters *counters);
int vb_query_vf_counters(struct ibv_context *context, struct vb_counters *counters);
int vb_query_qp_counters(struct ibv_qp *qp, struct vb_counters *counters);
int vb_query_qp_sequence_counters(struct ibv_qp *qp, struct vb_sequence_counters *counters);
int vb_query_vf_sequence_counters(struct ibv_context *context, struct vb_sequence_counters *counters);

/* Completion queues. `cqe` is rounded up to a power of two. */
struct ibv_comp_channel *ibv_create_comp_channel(struct ibv_context *context);
int ibv_destroy_comp_channel(struct ibv_comp_channel *channel);
struct ibv_cq *ibv_create_cq(struct ibv_context *context, int cqe, void *cq_context, struct ibv_comp_channel *channel, int comp_vector);
int ibv_destroy_cq(struct ibv_cq *cq);
/* Takes up to `num_entries` completions; returns how many, or -1. */
int ibv_poll_cq(struct ibv_cq *cq, int num_entries, struct ibv_wc *wc);
int ibv_resize_cq(struct ibv_cq *cq, int cqe); /* ENOSYS */
/* Arms the CQ for one event: of any completion, or of one that is solicited or an error. */
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

int ibv_attach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid); /* ENOSYS */
int ibv_detach_mcast(struct ibv_qp *qp, const union ibv_gid *gid, uint16_t lid);

const char *ibv_wc_status_str(enum ibv_wc_status status);
const char *ibv_event_type_str(enum ibv_event_type event);
const char *ibv_node_type_str(enum ibv_node_type type);
const char *ibv_port_state_str(enum ibv_port_state state);

#ifdef __cplusplus
}
#endif

#endif
