/** Mirror of include/verbena/hca.h; a spec compiles the header and compares. */
import { array, bytes, struct, u16, u32, u64, u8 } from '@verbena/binary';

export const VB_UAR_SQ = 0;
export const VB_UAR_RQ = 1;
export const VB_UAR_CQ_ARM = 2;
export const VB_UAR_CQ_CI = 3;
export const VB_UAR_POLL = 4;
export const VB_DEVICE_LINKS = 1;
export const VB_WR_SEND = 1;
export const VB_WR_SEND_IMM = 2;
export const VB_WR_RDMA_WRITE = 3;
export const VB_WR_RDMA_WRITE_IMM = 4;
export const VB_WR_RDMA_READ = 5;
export const VB_WR_ATOMIC_CAS = 6;
export const VB_WR_ATOMIC_FADD = 7;
export const VB_WC_RECV = 128;
export const VB_WC_RECV_RDMA_IMM = 129;
export const VB_SEND_SIGNALED = 1;
export const VB_SEND_SOLICITED = 2;
export const VB_SEND_INLINE = 4;
export const VB_SEND_FENCE = 8;
export const VB_SEND_WQE_HEADER = 32;
export const VB_RECV_WQE_HEADER = 16;
export const VB_CQE_INLINE = 32;
export const VB_CQE_F_IMM = 1;
export const VB_CQE_F_INLINE = 2;
export const VB_WC_SUCCESS = 0;
export const VB_WC_LOC_LEN_ERR = 1;
export const VB_WC_LOC_QP_OP_ERR = 2;
export const VB_WC_LOC_PROT_ERR = 4;
export const VB_WC_WR_FLUSH_ERR = 5;
export const VB_WC_REM_INV_REQ_ERR = 9;
export const VB_WC_REM_ACCESS_ERR = 10;
export const VB_WC_REM_OP_ERR = 11;
export const VB_WC_RETRY_EXC_ERR = 12;
export const VB_WC_RNR_RETRY_EXC_ERR = 13;
export const VB_WC_FATAL_ERR = 19;
export const VB_QPS_RESET = 0;
export const VB_QPS_INIT = 1;
export const VB_QPS_RTR = 2;
export const VB_QPS_RTS = 3;
export const VB_QPS_SQD = 4;
export const VB_QPS_SQE = 5;
export const VB_QPS_ERR = 6;
export const VB_ACCESS_LOCAL_WRITE = 1;
export const VB_ACCESS_REMOTE_WRITE = 2;
export const VB_ACCESS_REMOTE_READ = 4;
export const VB_ACCESS_REMOTE_ATOMIC = 8;
export const VB_CMD_QUERY_DEVICE = 1;
export const VB_CMD_ALLOC_PD = 2;
export const VB_CMD_DEALLOC_PD = 3;
export const VB_CMD_REG_MR = 4;
export const VB_CMD_DEREG_MR = 5;
export const VB_CMD_CREATE_CQ = 6;
export const VB_CMD_DESTROY_CQ = 7;
export const VB_CMD_CREATE_QP = 8;
export const VB_CMD_MODIFY_QP = 9;
export const VB_CMD_QUERY_QP = 10;
export const VB_CMD_DESTROY_QP = 11;
export const VB_QP_SCATTER_TO_CQE = 1;
export const VB_ATTR_STATE = 1;
export const VB_ATTR_ACCESS = 2;
export const VB_ATTR_DEST = 4;
export const VB_ATTR_RETRY = 8;
export const VB_UAR_SRQ = 5;
export const VB_UAR_CQ_ARM_SOLICITED = 6;
export const VB_WR_SEND_INV = 8;
export const VB_WR_LOCAL_INV = 9;
export const VB_WR_BIND_MW = 10;
export const VB_GRH_BYTES = 40;
export const VB_UD_MTU = 4096;
export const VB_CQE_F_SOLICITED = 4;
export const VB_CQE_F_INVALIDATED = 8;
export const VB_CQE_F_GRH = 16;
export const VB_WC_MW_BIND_ERR = 6;
export const VB_ACCESS_MW_BIND = 16;
export const VB_WC_EVENT = 192;
export const VB_EVENT_CQ_ERR = 0;
export const VB_EVENT_QP_FATAL = 1;
export const VB_EVENT_QP_REQ_ERR = 2;
export const VB_EVENT_QP_ACCESS_ERR = 3;
export const VB_EVENT_COMM_EST = 4;
export const VB_EVENT_SQ_DRAINED = 5;
export const VB_EVENT_DEVICE_FATAL = 8;
export const VB_EVENT_PORT_ACTIVE = 9;
export const VB_EVENT_PORT_ERR = 10;
export const VB_EVENT_LID_CHANGE = 11;
export const VB_EVENT_PKEY_CHANGE = 12;
export const VB_EVENT_SM_CHANGE = 13;
export const VB_EVENT_SRQ_LIMIT_REACHED = 15;
export const VB_EVENT_QP_LAST_WQE_REACHED = 16;
export const VB_CMD_REREG_MR = 12;
export const VB_CMD_ALLOC_MW = 13;
export const VB_CMD_DEALLOC_MW = 14;
export const VB_CMD_CREATE_SRQ = 15;
export const VB_CMD_MODIFY_SRQ = 16;
export const VB_CMD_QUERY_SRQ = 17;
export const VB_CMD_DESTROY_SRQ = 18;
export const VB_CMD_SET_EVENTS = 19;
export const VB_CMD_QUERY_PORT = 20;
export const VB_CMD_QUERY_PKEY = 21;
export const VB_CMD_QUERY_COUNTERS = 22;
export const VB_CMD_QUERY_QP_ATTR = 23;
export const VB_CMD_QUERY_LIMITS = 24;
export const VB_CMD_MAD = 25;
export const VB_CMD_RESIZE_CQ = 26;
export const VB_CMD_JOIN_MCAST = 27;
export const VB_CMD_LEAVE_MCAST = 28;
export const VB_CMD_ATTACH_MCAST = 29;
export const VB_CMD_DETACH_MCAST = 30;
export const VB_MULTICAST_QPN = 0xff_ffff;
export const VB_CMD_OPEN_CHANNEL = 64;
export const VB_REREG_TRANSLATION = 1;
export const VB_REREG_PD = 2;
export const VB_REREG_ACCESS = 4;
export const VB_PORT_DOWN = 1;
export const VB_PORT_INIT = 2;
export const VB_PORT_ARMED = 3;
export const VB_PORT_ACTIVE = 4;
export const VB_COUNTERS_PORT = 0;
export const VB_COUNTERS_VF = 1;
export const VB_COUNTERS_QP = 2;
export const VB_COUNTERS_SEQUENCE = 16;
export const VB_MAD_GET = 1;
export const VB_MAD_SET = 2;
export const VB_MAD_NODE_INFO = 0x11;
export const VB_MAD_PORT_INFO = 0x15;
export const VB_MAD_PKEY_TABLE = 0x16;
export const VB_MAD_SL_TO_VL = 0x17;
export const VB_QPT_RC = 2;
export const VB_QPT_UC = 3;
export const VB_QPT_UD = 4;
export const VB_ATTR_QKEY = 16;
export const VB_ATTR_PKEY_INDEX = 32;
export const VB_ATTR_SL = 64;
export const VB_ATTR_PATH_MTU = 128;
export const VB_ATTR_SQ_PSN = 256;
export const VB_ATTR_RQ_PSN = 512;
export const VB_ATTR_TIMEOUT = 1024;
export const VB_ATTR_MIN_RNR_TIMER = 2048;
export const VB_ATTR_MAX_RD_ATOMIC = 4096;
export const VB_ATTR_MAX_DEST_RD_ATOMIC = 8192;
export const VB_ATTR_SQD_EVENT = 16384;

export const sge = struct('vb_sge', { addr: u64, length: u32, lkey: u32 }, 16);
export const sendWqe = struct(
  'vb_send_wqe',
  { wr_id: u64, opcode: u8, flags: u8, num_sge: u16, imm: u32, remote_addr: u64, rkey: u32, inline_len: u32 },
  32,
);
export const atomic = struct('vb_atomic', { compare_add: u64, swap: u64 }, 16);
export const recvWqe = struct('vb_recv_wqe', { wr_id: u64, num_sge: u32, reserved: u32 }, 16);
export const cqe = struct(
  'vb_cqe',
  {
    wr_id: u64,
    qpn: u32,
    byte_len: u32,
    imm: u32,
    opcode: u8,
    status: u8,
    flags: u8,
    vendor_err: u8,
    inline_data: bytes(VB_CQE_INLINE),
    slid: u16,
    reserved: u16,
    generation: u32,
  },
  64,
);
export const cmdHandle = struct('vb_cmd_handle', { handle: u32, reserved: u32 }, 8);
export const deviceInfo = struct(
  'vb_device_info',
  {
    node_guid: u64,
    port_guid: u64,
    lid: u32,
    max_qp: u32,
    max_cq: u32,
    max_mr: u32,
    max_pd: u32,
    max_qp_wr: u32,
    max_cqe: u32,
    max_sge: u32,
    max_inline: u32,
    flags: u32,
    max_msg_size: u64,
  },
  64,
);
export const regMrIn = struct('vb_reg_mr_in', { pd: u32, access: u32, addr: u64, length: u64 }, 24);
export const regMrOut = struct('vb_reg_mr_out', { handle: u32, lkey: u32, rkey: u32, reserved: u32 }, 16);
export const joinMcastIn = struct('vb_join_mcast_in', { mgid: bytes(16), qkey: u32, pkey_index: u32 }, 24);
export const joinMcastOut = struct('vb_join_mcast_out', { mlid: u32, qkey: u32 }, 8);
export const attachMcastIn = struct('vb_attach_mcast_in', { qpn: u32, mlid: u32, mgid: bytes(16) }, 24);
export const resizeCqIn = struct('vb_resize_cq_in', { cqn: u32, entries: u32, ring_addr: u64 }, 16);
export const createCqIn = struct('vb_create_cq_in', { ring_addr: u64, entries: u32, reserved: u32 }, 16);
export const createQpIn = struct(
  'vb_create_qp_in',
  {
    pd: u32,
    send_cq: u32,
    recv_cq: u32,
    flags: u32,
    sq_addr: u64,
    rq_addr: u64,
    sq_entries: u32,
    sq_stride: u32,
    rq_entries: u32,
    rq_stride: u32,
    type: u32,
    srq: u32,
    reserved: array(u32, 2),
  },
  64,
);
export const createQpOut = struct('vb_create_qp_out', { qpn: u32, reserved: u32 }, 8);
export const modifyQpIn = struct(
  'vb_modify_qp_in',
  {
    qpn: u32,
    attr_mask: u32,
    state: u32,
    access: u32,
    dest_lid: u32,
    dest_qpn: u32,
    retry_count: u32,
    rnr_retry: u32,
    qkey: u32,
    sq_psn: u32,
    rq_psn: u32,
    pkey_index: u16,
    sl: u8,
    path_mtu: u8,
    timeout: u8,
    min_rnr_timer: u8,
    max_rd_atomic: u8,
    max_dest_rd_atomic: u8,
    reserved: array(u32, 3),
  },
  64,
);
export const queryQpAttrOut = struct(
  'vb_query_qp_attr_out',
  {
    state: u32,
    type: u32,
    access: u32,
    dest_lid: u32,
    dest_qpn: u32,
    retry_count: u32,
    rnr_retry: u32,
    qkey: u32,
    sq_psn: u32,
    rq_psn: u32,
    pkey_index: u16,
    sl: u8,
    path_mtu: u8,
    timeout: u8,
    min_rnr_timer: u8,
    max_rd_atomic: u8,
    max_dest_rd_atomic: u8,
    draining: u32,
    reserved: array(u32, 3),
  },
  64,
);
export const queryQpOut = struct(
  'vb_query_qp_out',
  { state: u32, dest_lid: u32, dest_qpn: u32, sq_head: u32, rq_head: u32, reserved: u32 },
  24,
);
export const reregMrIn = struct('vb_rereg_mr_in', { handle: u32, flags: u32, pd: u32, access: u32, addr: u64, length: u64 }, 32);
export const allocMwIn = struct('vb_alloc_mw_in', { pd: u32, reserved: u32 }, 8);
export const createSrqIn = struct('vb_create_srq_in', { ring_addr: u64, pd: u32, entries: u32, stride: u32, limit: u32 }, 24);
export const modifySrqIn = struct('vb_modify_srq_in', { srqn: u32, limit: u32 }, 8);
export const querySrqOut = struct('vb_query_srq_out', { limit: u32, entries: u32, head: u32, reserved: u32 }, 16);
export const limits = struct(
  'vb_limits',
  { max_srq: u32, max_srq_wr: u32, max_srq_sge: u32, max_mw: u32, max_pkeys: u32, reserved: array(u32, 3) },
  32,
);
export const portInfo = struct(
  'vb_port_info',
  {
    port_guid: u64,
    lid: u32,
    sm_lid: u32,
    state: u32,
    max_mtu: u32,
    active_mtu: u32,
    pkeys: u32,
    qkey_violations: u32,
    pkey_violations: u32,
    vls: u32,
    reserved: array(u32, 5),
  },
  64,
);
export const countersIn = struct('vb_counters_in', { kind: u32, number: u32 }, 8);
export const sequenceCounters = struct(
  'vb_sequence_counters',
  { out_of_sequence: u64, packet_seq_err: u64, duplicate_request: u64, rnr_nak_retry_err: u64 },
  32,
);

export const counters = struct(
  'vb_counters',
  {
    port_xmit_data: u64,
    port_rcv_data: u64,
    port_xmit_pkts: u64,
    port_rcv_pkts: u64,
    port_rcv_errors: u64,
    port_xmit_discards: u64,
    port_xmit_wait: u64,
    qp1_dropped: u64,
    port_rcv_constraint_errors: u64,
    reserved: u64,
  },
  80,
);
export const mad = struct(
  'vb_mad',
  { lid: u32, method: u32, attribute: u32, status: u32, m_key: u64, modifier: u32, reserved: u32, data: bytes(64) },
  96,
);
