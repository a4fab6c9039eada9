/** Mirror of include/verbena/hca.h; a spec compiles the header and compares. */
import { bytes, struct, u16, u32, u64, u8 } from '@verbena/binary';

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
export const VB_WC_FATAL_ERR = 18;
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
  },
  48,
);
export const createQpOut = struct('vb_create_qp_out', { qpn: u32, reserved: u32 }, 8);
export const modifyQpIn = struct(
  'vb_modify_qp_in',
  { qpn: u32, attr_mask: u32, state: u32, access: u32, dest_lid: u32, dest_qpn: u32, retry_count: u32, rnr_retry: u32 },
  32,
);
export const queryQpOut = struct(
  'vb_query_qp_out',
  { state: u32, dest_lid: u32, dest_qpn: u32, sq_head: u32, rq_head: u32, reserved: u32 },
  24,
);
