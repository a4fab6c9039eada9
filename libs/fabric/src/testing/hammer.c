/*
 * One side of a conversation in which both sides send `total` messages of all kinds and lengths, post receive requests late and sleep now
 * and then. What message k holds follows from the seed, so every byte that arrives is checked. Finds: lost, repeated, reordered or torn
 * messages, completions that never come, and wake-ups that get lost.
 */
#include <vb_verbs.h>

#define SQ 32u
#define RQ 16u
#define CQ 64u
#define LONGEST 6000u
#define RIGHTS (VB_ACCESS_LOCAL_WRITE | VB_ACCESS_REMOTE_WRITE)

static _Alignas(64) struct vb_cqe send_ring[CQ], recv_ring[CQ];
static _Alignas(64) uint8_t sq[SQ * 128], rq[RQ * 64];
static _Alignas(64) uint8_t inbox[RQ][LONGEST + 64], window[SQ][LONGEST], outbox[SQ][LONGEST];
static struct vb_cq send_cq = {.ring = send_ring, .mask = CQ - 1}, recv_cq = {.ring = recv_ring, .mask = CQ - 1};
static struct vb_qp qp = {.sq = sq, .rq = rq, .sq_mask = SQ - 1, .rq_mask = RQ - 1, .sq_stride = 128, .rq_stride = 64};
static uint32_t lkey, pd, dice;
static uint32_t there_window, there_rkey;

static uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ x >> 16;
}
static uint32_t roll(uint32_t below) { return (dice = mix(dice + 0x9e3779b9u)) % below; }

static uint32_t command(uint32_t opcode, const void *in, uint32_t bytes, void *out) {
  return (uint32_t)vb_hypercall(VB_HC_HCA_COMMAND, opcode, (uint32_t)(uintptr_t)in, bytes, (uint32_t)(uintptr_t)out);
}

static uint32_t failed;
static void must(uint32_t status) {
  if (status) failed |= 1;
}

/* What the other side needs: our QPN, rkey and window. */
struct card { uint32_t qpn, rkey, window; };
static struct card card;

__attribute__((export_name("setup"))) struct card *setup(uint32_t seed) {
  struct vb_cmd_handle handle;
  dice = seed;
  must(command(VB_CMD_ALLOC_PD, 0, 0, &handle));
  pd = handle.handle;
  struct vb_create_cq_in cq = {.ring_addr = (uintptr_t)send_ring, .entries = CQ};
  must(command(VB_CMD_CREATE_CQ, &cq, sizeof cq, &handle));
  send_cq.cqn = handle.handle;
  cq.ring_addr = (uintptr_t)recv_ring;
  must(command(VB_CMD_CREATE_CQ, &cq, sizeof cq, &handle));
  recv_cq.cqn = handle.handle;
  struct vb_create_qp_in in = {.pd = pd, .send_cq = send_cq.cqn, .recv_cq = recv_cq.cqn, .flags = VB_QP_SCATTER_TO_CQE,
                               .sq_addr = (uintptr_t)sq, .rq_addr = (uintptr_t)rq, .sq_entries = SQ, .sq_stride = 128, .rq_entries = RQ, .rq_stride = 64};
  struct vb_create_qp_out out;
  must(command(VB_CMD_CREATE_QP, &in, sizeof in, &out));
  qp.qpn = out.qpn;
  struct vb_reg_mr_in mr = {.pd = pd, .access = RIGHTS, .addr = VB_DATA_BASE, .length = 4u << 20};
  struct vb_reg_mr_out key;
  must(command(VB_CMD_REG_MR, &mr, sizeof mr, &key));
  lkey = key.lkey;
  card = (struct card){.qpn = qp.qpn, .rkey = key.rkey, .window = (uint32_t)(uintptr_t)window};
  return &card;
}

__attribute__((export_name("connect"))) uint32_t connect_to(uint32_t lid, uint32_t qpn, uint32_t rkey, uint32_t there) {
  struct vb_modify_qp_in in = {.qpn = qp.qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_ACCESS, .state = VB_QPS_INIT, .access = RIGHTS};
  must(command(VB_CMD_MODIFY_QP, &in, sizeof in, 0));
  in = (struct vb_modify_qp_in){.qpn = qp.qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_DEST, .state = VB_QPS_RTR, .dest_lid = lid, .dest_qpn = qpn};
  must(command(VB_CMD_MODIFY_QP, &in, sizeof in, 0));
  in = (struct vb_modify_qp_in){.qpn = qp.qpn, .attr_mask = VB_ATTR_STATE | VB_ATTR_RETRY, .state = VB_QPS_RTS, .retry_count = 7, .rnr_retry = 7};
  must(command(VB_CMD_MODIFY_QP, &in, sizeof in, 0));
  there_rkey = rkey;
  there_window = there;
  return failed;
}

/* Message k: its length and bytes. Half of them are short. */
static uint32_t length_of(uint32_t seed, uint32_t k) {
  uint32_t x = mix(seed ^ k * 2654435761u);
  return x & 1 ? (x >> 8) % 40 : (x >> 8) % (LONGEST - 4);
}
static uint8_t byte_of(uint32_t seed, uint32_t k, uint32_t i) { return (uint8_t)(mix(seed + k) + i * 7); }
static void fill(uint8_t *at, uint32_t seed, uint32_t k, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) at[i] = byte_of(seed, k, i);
}
static int right(const uint8_t *at, uint32_t seed, uint32_t k, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (at[i] != byte_of(seed, k, i)) return 0;
  return 1;
}

static void post(uint32_t seed, uint32_t k) {
  uint32_t slot = qp.sq_tail % SQ, n = length_of(seed, k), kind = mix(seed + 3 * k) % 3;
  struct vb_send_wqe *wqe = vb_sq_next(&qp);
  uint8_t flags = roll(8) == 0 || (qp.sq_tail & 7) == 0 ? VB_SEND_SIGNALED : 0;
  fill(outbox[slot], seed, k, n);
  if (n <= 96 && kind != 1) {
    vb_wqe_inline(wqe, VB_WR_SEND_IMM, flags, qp.sq_tail, outbox[slot], n);
  } else {
    vb_wqe_buffer(wqe, kind == 1 ? VB_WR_RDMA_WRITE_IMM : VB_WR_SEND_IMM, flags, qp.sq_tail, outbox[slot], n, lkey);
    vb_wqe_remote(wqe, there_window + (k % SQ) * LONGEST, there_rkey);
  }
  wqe->imm = k;
  vb_sq_ring(&qp);
}

/* Windows are reused after SQ messages; the receiver has at most RQ requests out, so an older one was checked long before. */
static int take(uint32_t seed, uint32_t expected) {
  const struct vb_cqe *cqe = vb_cq_peek(&recv_cq);
  if (!cqe) return 0;
  uint32_t n = length_of(seed, expected), kind = mix(seed + 3 * expected) % 3;
  const uint8_t *data = cqe->flags & VB_CQE_F_INLINE ? cqe->inline_data : inbox[cqe->wr_id % RQ];
  if (kind == 1) data = window[expected % SQ];
  if (cqe->status || cqe->imm != expected || cqe->byte_len != n || cqe->slid == 0) failed |= 2;
  else if (!right(data, seed, expected, n)) failed |= 4;
  qp.rq_head++;
  vb_cq_pop(&recv_cq);
  return 1;
}

static void give(void) {
  for (uint32_t i = roll(RQ + 1); i != 0; i--) {
    uint32_t number = qp.rq_tail;
    struct vb_recv_wqe *wqe = vb_rq_next(&qp);
    if (!wqe) break;
    struct vb_sge *sge = (struct vb_sge *)(wqe + 1);
    *wqe = (struct vb_recv_wqe){.wr_id = number, .num_sge = 2};
    sge[0] = (struct vb_sge){.addr = (uintptr_t)inbox[number % RQ], .length = 100, .lkey = lkey};
    sge[1] = (struct vb_sge){.addr = (uintptr_t)inbox[number % RQ] + 100, .length = LONGEST - 100, .lkey = lkey};
  }
  vb_rq_ring(&qp);
}

static void sleep_a_little(void) {
  uint32_t seen = vb_event_count();
  vb_cq_arm(&recv_cq);
  vb_cq_arm(&send_cq);
  if (vb_cq_peek(&recv_cq) || vb_cq_peek(&send_cq)) return;
  __builtin_wasm_memory_atomic_wait32((int *)(VB_EVENT_PAGE_ADDR + 8), (int)seen, 20000000);
}

/* 0: all went well; bits say what did not. Ends when an error completion comes, too. */
__attribute__((export_name("run"))) uint32_t run(uint32_t seed_here, uint32_t seed_there, uint32_t total) {
  uint32_t sent = 0, received = 0, idle = 0;
  while (!failed && (sent < total || received < total || qp.sq_head != qp.sq_tail)) {
    uint32_t before = sent + received + qp.sq_head;
    for (uint32_t i = roll(4); i != 0 && sent < total && qp.sq_tail - qp.sq_head < SQ; i--) post(seed_here, sent++);
    if (roll(3) == 0) give();
    for (uint32_t i = roll(8); i != 0 && received < total && take(seed_there, received); i--) received++;
    const struct vb_cqe *cqe;
    while ((cqe = vb_cq_peek(&send_cq)) != 0) {
      if (cqe->status) failed |= 8;
      vb_sq_completed(&qp, (uint32_t)cqe->wr_id);
      vb_cq_pop(&send_cq);
    }
    if (sent == total && received == total) break;
    idle = before == sent + received + qp.sq_head ? idle + 1 : 0;
    if (idle > 200) {
      give();
      sleep_a_little();
      idle = 0;
    }
  }
  return failed;
}
