/** Mirror of firmware/layout.h; a spec compiles the header and compares. */
import { array, bytes, i32, struct, u32, u64 } from '@verbena/binary';

export const VBF_DOMAINS = 256;
export const VBF_THREADS = 512;
export const VBF_QPS = 16384;
export const VBF_CQS = 2048;
export const VBF_MRS = 32768;
export const VBF_PDS = 2048;
export const VBF_SRQS = 1024;
export const VBF_PORTS = 256;
export const VBF_PKEYS = 16;
export const VBF_GROUPS = 64;
export const VBF_MEMBERS = 240;
export const VBF_FIRST_MLID = 0xc000;
export const VBF_MULTICAST_QPN = 0xff_ffff;
export const VBF_PORT_LANES = 8;
export const VBF_MR_REGION = 0;
export const VBF_MR_WINDOW = 1;
export const VBF_SLOW_LINK = 1;
export const VBF_SLOW_TYPE = 2;
export const VBF_SLOW_SHAPED = 4;
export const VBF_SLOW_DOWN = 8;
export const VBF_SLOW_PSN = 16;
export const VBF_RAISE_FATAL = 1;
export const VBF_RAISE_REQUEST = 2;
export const VBF_RAISE_ACCESS = 4;
export const VBF_RAISE_ESTABLISHED = 8;
export const VBF_RAISE_DRAINED = 16;
export const VBF_RAISE_LAST = 32;
export const VBF_THREAD_STRIDE = 16384;
export const VBF_HEADER_ADDR = 0x0001_0000;
export const VBF_DOMAIN_ADDR = 0x0002_0000;
export const VBF_PD_ADDR = 0x0004_0000;
export const VBF_PORT_ADDR = 0x0005_0000;
export const VBF_SRQ_ADDR = 0x0006_0000;
export const VBF_CQ_ADDR = 0x0008_0000;
export const VBF_MR_ADDR = 0x0020_0000;
export const VBF_QP_ADDR = 0x0040_0000;
export const VBF_THREAD_ADDR = 0x00c0_0000;
export const VBF_LINK_ADDR = 0x0140_0000;
export const VBF_ROUTE_ADDR = 0x0148_0000;
export const VBF_GROUP_ADDR = 0x0149_0000;
export const VBF_MEMORY_BYTES = 0x014a_0000;
export const VBF_RING_ADDR = 0x0150_0000;
export const VBF_MEMORY_MAX = 0x0950_0000;
export const VBF_LINKS = 64;
export const VBF_LINK_STRIDE = 8192;
export const VBF_TX_BYTES = 0x0010_0000;
export const VBF_RX_BYTES = 0x0010_0000;
export const VBF_RING_STRIDE = 0x0020_0000;
export const VBF_LINK_FREE = 0;
export const VBF_LINK_DOWN = 1;
export const VBF_LINK_UP = 2;
export const VBF_LINK_BROKEN = 3;
export const VBF_FAULT_NONE = 0;
export const VBF_FAULT_CLOSED = 1;
export const VBF_FAULT_IO = 2;
export const VBF_FAULT_FRAME = 3;
export const VBF_FAULT_TAG = 4;
export const VBF_FAULT_LID = 5;
export const VBF_FAULT_SILENT = 6;
export const VBF_FAULT_THREAD = 7;
export const VBF_OWE_ACK = 1;
export const VBF_OWE_ACK_NOW = 2;
export const VBF_OWE_RNR = 4;
export const VBF_OWE_NAK = 8;
export const VBF_OWE_READY = 16;
export const VBF_OWE_RESEND = 32;
export const VBF_OWE_PROBE = 64;
export const VBF_NH_WORDS = 264;
export const VBF_CQ_FREE = 0;
export const VBF_CQ_READY = 1;
export const VBF_CQ_OVERRUN = 2;
export const VBF_CQ_RESIZING = 3;
export const VBF_FLUSH_SQ = 1;
export const VBF_FLUSH_RQ = 2;
export const VBF_WAIT_RNR = 1;
export const VBF_WAIT_ANSWER = 2;
export const VBF_WAIT_DATA = 3;
export const VBF_OWE_DATA = 128;
export const VBF_OWE_RESULT = 256;

export const header = struct(
  'vbf_header',
  {
    command_lock: u32,
    now_ms: u32,
    qp_high: u32,
    cq_high: u32,
    mr_high: u32,
    pd_high: u32,
    thread_high: u32,
    link_high: u32,
    bell: u32,
    asleep: u32,
    guest_polls: u32,
    srq_high: u32,
    in_band: u32,
    shaped: u32,
    lost_lid: u32,
    reserved: u32,
  },
  64,
);

export const domain = struct(
  'vbf_domain',
  {
    epoch: u32,
    lid: u32,
    pkey: u32,
    qps: u32,
    cqs: u32,
    mrs: u32,
    pds: u32,
    srqs: u32,
    port_guid: u64,
    doorbells: u64,
    tx_messages: u64,
    tx_bytes: u64,
    rx_messages: u64,
    rx_bytes: u64,
    rx_errors: u64,
    tx_waits: u64,
    links: u64,
    tx_packets: u64,
    rx_packets: u64,
    tx_drops: u64,
    rx_drops: u64,
    port: u32,
    event_cq: u32,
    lost_events: u32,
    weight: u32,
    rate: u32,
    credit: i32,
    deficit: i32,
    turn: u32,
    pkeys: array(u32, VBF_PKEYS),
    out_of_sequence: u64,
    packet_seq_err: u64,
    duplicate_request: u64,
    rnr_nak_retry_err: u64,
    unplugged: u32,
    line3: bytes(244),
  },
  512,
);

export const port = struct(
  'vbf_port',
  {
    lid: u32,
    state: u32,
    sm_lid: u32,
    lane_mask: u32,
    guid: u64,
    m_key: u64,
    m_key_violations: u32,
    pkey_violations: u32,
    qkey_violations: u32,
    rate: u32,
    credit: i32,
    refilled: u32,
    lock: u32,
    turn: u32,
    lane_of: bytes(16),
    lane_weight: bytes(VBF_PORT_LANES),
    tx_messages: u64,
    tx_bytes: u64,
    rx_messages: u64,
    rx_bytes: u64,
    rx_errors: u64,
    tx_waits: u64,
    tx_packets: u64,
    rx_packets: u64,
    tx_drops: u64,
    rx_drops: u64,
    announce: u32,
    resting: u32,
    general_qpn: u32,
    unused: u32,
    out_of_sequence: u64,
    packet_seq_err: u64,
    duplicate_request: u64,
    rnr_nak_retry_err: u64,
    reserved: array(u64, 5),
  },
  256,
);

export const pd = struct('vbf_pd', { handle: u32, slot: u32, users: u32, generation: u32 }, 16);

export const mr = struct(
  'vbf_mr',
  {
    key: u32,
    slot: u32,
    pd: u32,
    access: u32,
    addr: u64,
    length: u64,
    generation: u32,
    kind: u32,
    windows: u32,
    window_pd: u32,
    qpn: u32,
    parent: u32,
    reserved: array(u32, 2),
  },
  64,
);

export const srq = struct(
  'vbf_srq',
  {
    srqn: u32,
    slot: u32,
    epoch: u32,
    pd: u32,
    ring_addr: u32,
    mask: u32,
    stride: u32,
    users: u32,
    lock: u32,
    head: u32,
    tail: u32,
    limit: u32,
    starving: u32,
    generation: u32,
    reserved: array(u32, 2),
  },
  64,
);

export const cq = struct(
  'vbf_cq',
  {
    cqn: u32,
    state: u32,
    slot: u32,
    epoch: u32,
    ring_addr: u32,
    mask: u32,
    users: u32,
    generation: u32,
    resizer: u32,
    resume_head: u32,
    line0: bytes(24),
    head: u32,
    line1: bytes(60),
    consumer: u32,
    armed: u32,
    line2: bytes(56),
  },
  192,
);

export const group = struct(
  'vbf_group',
  {
    mlid: u32,
    partition: u32,
    qkey: u32,
    tag: u32,
    mgid: bytes(16),
    joined: array(u32, VBF_DOMAINS / 32),
    members: array(u32, VBF_MEMBERS),
  },
  1024,
);

export const qp = struct(
  'vbf_qp',
  {
    qpn: u32,
    state: u32,
    slot: u32,
    epoch: u32,
    lid: u32,
    pkey: u32,
    dest_lid: u32,
    dest_qpn: u32,
    pd: u32,
    access: u32,
    flags: u32,
    send_cq: u32,
    recv_cq: u32,
    retry_count: u32,
    rnr_retry: u32,
    flush: u32,
    sq_lock: u32,
    sq_head: u32,
    sq_tail: u32,
    sq_addr: u32,
    sq_mask: u32,
    sq_stride: u32,
    waiting: u32,
    wait_since: u32,
    link: u32,
    slow: u32,
    tx_messages: u64,
    tx_bytes: u64,
    tx_waits: u64,
    rq_addr: u32,
    rq_mask: u32,
    rq_stride: u32,
    atomic_psn: u32,
    atomic_result: u64,
    type: u32,
    srq: u32,
    qkey: u32,
    generation: u32,
    sl: u32,
    path_mtu: u32,
    pkey_index: u32,
    timeout: u32,
    min_rnr_timer: u32,
    weight: u32,
    rq_tail: u32,
    rnr: u32,
    read_offset: u32,
    tx_psn: u32,
    una_psn: u32,
    fetch_psn: u32,
    rx_psn: u32,
    rx_ack_psn: u32,
    seen_psn: u32,
    asked: u32,
    retries: u32,
    rx_skipping: u32,
    tx_skew: u32,
    rx_skew: u32,
    line3: bytes(8),
    rq_head: u32,
    rq_seen: u32,
    next_valid: u32,
    next_sges: u32,
    next_wr_id: u64,
    next_addr: u64,
    next_length: u32,
    next_lkey: u32,
    rx_messages: u64,
    rx_bytes: u64,
    rx_errors: u64,
    remote_qpn: u32,
    sq_next: u32,
    sq_high: u32,
    tx_offset: u32,
    progress_at: u32,
    probe_at: u32,
    rx_msn: u32,
    rx_offset: u32,
    rx_refused: u32,
    owe: u32,
    nak: u32,
    out_addr: u32,
    out_rkey: u32,
    out_length: u32,
    out_offset: u32,
    out_again: u32,
    rq_lock: u32,
    events: u32,
    sqd_event: u32,
    max_rd_atomic: u32,
    max_dest_rd_atomic: u32,
    sq_psn: u32,
    rq_psn: u32,
    deficit: i32,
    rx_drops: u64,
    tx_drops: u64,
    tx_packets: u64,
    rx_packets: u64,
    out_of_sequence: u64,
    packet_seq_err: u64,
    duplicate_request: u64,
    rnr_nak_retry_err: u64,
    more: array(u32, 8),
  },
  512,
);

export const linkKeys = struct('vbf_link_keys', { sip: array(u64, 2), nh: array(u32, VBF_NH_WORDS) }, 1072);

export const link = struct('vbf_link', {
  state: u32,
  fault: u32,
  fault_detail: u32,
  generation: u32,
  wanted: u32,
  down_since: u32,
  fd: u32,
  reserved1: u32,
  vector: array(u32, 4),
  line0: bytes(16),
  io_lock: u32,
  rx_fill: u32,
  rx_done: u32,
  tx_sealed: u32,
  tx_granted: u32,
  tx_used: u32,
  rx_consumed: u32,
  rx_granted: u32,
  owe_ping: u32,
  owe_pong: u32,
  small_left: u32,
  reserved0: u32,
  tx_count: u64,
  rx_count: u64,
  tx_lock: u32,
  tx_head: u32,
  tx_pad: u32,
  tx_tail: u32,
  pend_any: u32,
  pend_next: u32,
  lazy: u32,
  crowded: u32,
  line2: bytes(32),
  small: bytes(64),
  frames_sent: u64,
  frames_received: u64,
  bytes_sent: u64,
  bytes_received: u64,
  line4: bytes(32),
  tx_keys: linkKeys,
  rx_keys: linkKeys,
  pend: array(u32, VBF_QPS / 32),
  share: array(i32, VBF_DOMAINS),
});

export const thread = struct('vbf_thread', {
  state: u32,
  slot: u32,
  epoch: u32,
  deferred_count: u32,
  doorbells: u64,
  note_cq: u32,
  note_index: u32,
  note_wr_id: u64,
  note_qpn: u32,
  note_opcode: u32,
  deferred: array(u32, 20),
  scratch: bytes(512),
  known: array(u32, VBF_DOMAINS),
  streams: array(u32, VBF_LINKS),
  poll_next: u32,
  busy: u32,
  invalidating: u32,
  arbitrating: u32,
});
