/*
 * A verbs program without MPI: two programs exchange addresses by Verbena's rendezvous, then use what reliable connections alone do not show. Catches a client whose
 * datagrams, unreliable connections, shared receive queues, memory windows, drained queues, events or counters differ from the interface (R6).
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                         \
  do {                                                                                   \
    if (!(x)) {                                                                          \
      fprintf(stderr, "rank %u, line %d: %s (errno %d)\n", rank, __LINE__, #x, errno);   \
      exit(1);                                                                           \
    }                                                                                    \
  } while (0)
#define QKEY 0x11111111u

struct address { uint32_t lid, ud, rc, uc, rkey; uint64_t window; };

static uint32_t rank;
static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *send_cq, *recv_cq;
static struct ibv_srq *srq;
static struct ibv_mr *mr;
static struct ibv_qp *ud, *rc, *uc;
static struct address there;
static char *buffer;

static void meet_again(void) {
  uint32_t token = rank, all[2];
  CHECK(vb_rendezvous(&token, sizeof token, all) == 0 && all[0] == 0 && all[1] == 1);
}

static struct ibv_qp *make(enum ibv_qp_type type, struct ibv_srq *shared) {
  struct ibv_qp_init_attr init = {.send_cq = send_cq, .recv_cq = recv_cq, .srq = shared, .qp_type = type, .sq_sig_all = 1,
                                  .cap = {.max_send_wr = 8, .max_recv_wr = 8, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = 64}};
  struct ibv_qp *qp = ibv_create_qp(pd, &init);
  CHECK(qp != NULL);
  return qp;
}

static void open_datagrams(struct ibv_qp *ud) {
  struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = QKEY};
  CHECK(ibv_modify_qp(ud, &attr, IBV_QP_STATE | IBV_QP_PORT | IBV_QP_QKEY) == EINVAL); /* without a P_Key index */
  CHECK(ibv_modify_qp(ud, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY) == 0);
  attr.qp_state = IBV_QPS_RTR;
  CHECK(ibv_modify_qp(ud, &attr, IBV_QP_STATE) == 0);
  attr.qp_state = IBV_QPS_RTS;
  CHECK(ibv_modify_qp(ud, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN) == 0);
}

static void join(struct ibv_qp *qp, uint32_t qpn) {
  int reliable = qp->qp_type == IBV_QPT_RC;
  struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ,
                             .path_mtu = IBV_MTU_1024, .dest_qp_num = qpn, .max_dest_rd_atomic = 1, .min_rnr_timer = 12, .rq_psn = 0xfffffe, .sq_psn = 0xfffffe,
                             .timeout = 14, .retry_cnt = 7, .rnr_retry = 7, .max_rd_atomic = 1, .ah_attr = {.dlid = (uint16_t)there.lid, .port_num = 1, .sl = 2}};
  CHECK(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS) == 0);
  attr.qp_state = IBV_QPS_RTR;
  int rtr = IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
  CHECK(ibv_modify_qp(qp, &attr, rtr | (reliable ? IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER : 0)) == 0);
  attr.qp_state = IBV_QPS_RTS;
  int more = IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
  CHECK(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN | (reliable ? more : 0)) == 0);
  struct ibv_qp_attr now;
  struct ibv_qp_init_attr init;
  CHECK(ibv_query_qp(qp, &now, IBV_QP_STATE, &init) == 0 && now.qp_state == IBV_QPS_RTS && now.path_mtu == IBV_MTU_1024 && now.sq_psn == 0xfffffe);
  CHECK(now.ah_attr.sl == 2 && now.ah_attr.dlid == there.lid && now.dest_qp_num == qpn && init.qp_type == qp->qp_type);
}

static struct ibv_wc next(struct ibv_cq *cq) {
  struct ibv_wc wc;
  while (ibv_poll_cq(cq, 1, &wc) == 0) {}
  return wc;
}

static void receive(struct ibv_qp *qp, uint32_t at, uint32_t bytes, uint64_t id) {
  struct ibv_sge sge = {(uintptr_t)buffer + at, bytes, mr->lkey};
  struct ibv_recv_wr wr = {.wr_id = id, .sg_list = &sge, .num_sge = 1}, *bad;
  CHECK((qp ? ibv_post_recv(qp, &wr, &bad) : ibv_post_srq_recv(srq, &wr, &bad)) == 0);
}

static struct ibv_send_wr request(enum ibv_wr_opcode opcode, struct ibv_sge *sge, unsigned flags) {
  return (struct ibv_send_wr){.wr_id = 40u + opcode, .sg_list = sge, .num_sge = sge ? 1 : 0, .opcode = opcode, .send_flags = flags};
}

static struct ibv_wc post(struct ibv_qp *qp, struct ibv_send_wr wr) {
  struct ibv_send_wr *bad;
  CHECK(ibv_post_send(qp, &wr, &bad) == 0);
  struct ibv_wc wc = next(send_cq);
  CHECK(wc.wr_id == 40u + wr.opcode);
  return wc;
}

static void datagrams(void) {
  struct ibv_sge hello = {(uintptr_t)"hello", 5, 0};
  receive(ud, 0, 100, 9);
  meet_again();
  struct ibv_ah *ah = ibv_create_ah(pd, &(struct ibv_ah_attr){.dlid = (uint16_t)there.lid, .port_num = 1, .sl = 3});
  struct ibv_send_wr wr = request(IBV_WR_SEND_WITH_IMM, &hello, IBV_SEND_INLINE);
  wr.imm_data = 12;
  wr.wr.ud.ah = ah, wr.wr.ud.remote_qpn = there.ud, wr.wr.ud.remote_qkey = QKEY + 1;
  CHECK(post(ud, wr).status == IBV_WC_SUCCESS); /* the wrong key: lost */
  wr.wr.ud.remote_qkey = QKEY;
  CHECK(post(ud, wr).status == IBV_WC_SUCCESS);
  struct ibv_wc wc = next(recv_cq);
  CHECK(wc.status == IBV_WC_SUCCESS && wc.wr_id == 9 && wc.byte_len == 45 && wc.src_qp == there.ud && wc.slid == there.lid && wc.sl == 3);
  CHECK((wc.wc_flags & IBV_WC_WITH_IMM) && wc.imm_data == 12 && memcmp(buffer + 40, "hello", 5) == 0);
  struct ibv_ah *back = ibv_create_ah_from_wc(pd, &wc, buffer, 1);
  CHECK(back != NULL && back->dlid == there.lid && ibv_destroy_ah(back) == 0 && ibv_destroy_ah(ah) == 0);
  struct ibv_port_attr port;
  meet_again();
  CHECK(ibv_query_port(context, 1, &port) == 0 && port.qkey_viol_cntr >= 1 && port.state == IBV_PORT_ACTIVE);
}

static void unreliable(void) {
  struct ibv_sge lost = {(uintptr_t)"lost", 4, 0}, kept = {(uintptr_t)"kept", 4, 0};
  CHECK(post(uc, request(IBV_WR_SEND, &lost, IBV_SEND_INLINE)).status == IBV_WC_SUCCESS);
  meet_again();
  receive(uc, 200, 4, 10);
  meet_again();
  CHECK(post(uc, request(IBV_WR_SEND, &kept, IBV_SEND_INLINE)).status == IBV_WC_SUCCESS);
  struct ibv_wc wc = next(recv_cq);
  CHECK(wc.wr_id == 10 && wc.byte_len == 4 && wc.qp_num == uc->qp_num && memcmp(buffer + 200, "kept", 4) == 0);
  meet_again();
}

static struct ibv_async_event event(enum ibv_event_type type) {
  struct ibv_async_event happened;
  CHECK(ibv_get_async_event(context, &happened) == 0 && happened.event_type == type && strlen(ibv_event_type_str(type)) > 0);
  ibv_ack_async_event(&happened);
  return happened;
}

/* The one shows a part of its memory, the other writes there and gives it back. */
static void windows(void) {
  struct ibv_mw *mw = ibv_alloc_mw(pd, IBV_MW_TYPE_2);
  CHECK(mw != NULL && ibv_alloc_mw(pd, IBV_MW_TYPE_1) == NULL && errno == ENOSYS);
  receive(NULL, 400, 16, 11);
  struct ibv_send_wr bind = request(IBV_WR_BIND_MW, NULL, 0);
  bind.bind_mw.mw = mw;
  bind.bind_mw.rkey = ibv_inc_rkey(mw->rkey);
  bind.bind_mw.bind_info = (struct ibv_mw_bind_info){mr, (uintptr_t)buffer + 300, 64, IBV_ACCESS_REMOTE_WRITE};
  struct ibv_wc wc = post(rc, bind);
  CHECK(wc.status == IBV_WC_SUCCESS && wc.opcode == IBV_WC_BIND_MW && ibv_dereg_mr(mr) == EBUSY);
  uint32_t keys[2];
  CHECK(vb_rendezvous(&mw->rkey, sizeof mw->rkey, keys) == 0);
  struct ibv_sge text = {(uintptr_t)"through the window", 18, 0};
  struct ibv_send_wr write = request(IBV_WR_RDMA_WRITE, &text, IBV_SEND_INLINE);
  write.wr.rdma.remote_addr = there.window + 300, write.wr.rdma.rkey = keys[1 - rank];
  CHECK(post(rc, write).status == IBV_WC_SUCCESS);
  struct ibv_send_wr give_back = request(IBV_WR_SEND_WITH_INV, &text, IBV_SEND_INLINE | IBV_SEND_FENCE);
  text.length = 7;
  give_back.invalidate_rkey = keys[1 - rank];
  CHECK(post(rc, give_back).status == IBV_WC_SUCCESS);
  wc = next(recv_cq);
  CHECK(wc.wr_id == 11 && (wc.wc_flags & IBV_WC_WITH_INV) && wc.invalidated_rkey == mw->rkey && memcmp(buffer + 300, "through the window", 18) == 0);
  CHECK(ibv_dealloc_mw(mw) == 0);
  CHECK(event(IBV_EVENT_SRQ_LIMIT_REACHED).element.srq == srq);
  meet_again();
}

static void drain(void) {
  struct ibv_qp_attr attr = {.qp_state = IBV_QPS_SQD, .en_sqd_async_notify = 1}, now;
  CHECK(ibv_modify_qp(rc, &attr, IBV_QP_STATE | IBV_QP_EN_SQD_ASYNC_NOTIFY) == 0);
  CHECK(event(IBV_EVENT_SQ_DRAINED).element.qp == rc);
  CHECK(ibv_query_qp(rc, &now, IBV_QP_STATE, NULL) == 0 && now.qp_state == IBV_QPS_SQD && !now.sq_draining);
  attr.qp_state = IBV_QPS_RTS;
  CHECK(ibv_modify_qp(rc, &attr, IBV_QP_STATE) == 0);
  meet_again();
}

static void count(void) {
  struct vb_counters before, after, vf;
  struct ibv_sge sge = {(uintptr_t)buffer, 4000, mr->lkey};
  struct ibv_send_wr write = request(IBV_WR_RDMA_WRITE, &sge, 0);
  write.wr.rdma.remote_addr = there.window + 8192, write.wr.rdma.rkey = there.rkey;
  struct ibv_qp_attr first, next_one;
  CHECK(vb_query_qp_counters(rc, &before) == 0 && ibv_query_qp(rc, &first, IBV_QP_SQ_PSN, NULL) == 0);
  CHECK(post(rc, write).status == IBV_WC_SUCCESS);
  CHECK(vb_query_qp_counters(rc, &after) == 0 && vb_query_vf_counters(context, &vf) == 0);
  CHECK(after.port_xmit_data - before.port_xmit_data == 1000 && after.port_xmit_pkts - before.port_xmit_pkts == 4); /* of 1024 bytes */
  CHECK(ibv_query_qp(rc, &next_one, IBV_QP_SQ_PSN, NULL) == 0 && next_one.sq_psn == ((first.sq_psn + 4) & 0xffffff)); /* one for each packet, around 2^24 */
  struct vb_sequence_counters sequence;
  CHECK(vb_query_qp_sequence_counters(rc, &sequence) == 0 && sequence.packet_seq_err == 0 && sequence.out_of_sequence == 0);
  CHECK(vf.port_xmit_data >= after.port_xmit_data && vf.port_xmit_pkts >= after.port_xmit_pkts);
  meet_again();
}

/* A group of both: each hears the other, and of its own what another of its queue pairs hears. The path may have none. */
static int multicast(void) {
  union ibv_gid mgid = {.raw = {0xff, 0x12, 0xa0, 0x1b, [15] = 7}}, other = {.raw = {0xff, 0x12, [15] = 8}};
  uint16_t mlid = 0;
  int error = vb_join_multicast(context, &mgid, 0, QKEY, &mlid);
  if (error == ENOSYS) {
    CHECK(ibv_attach_mcast(ud, &mgid, 0xc000) == ENOSYS && ibv_detach_mcast(ud, &mgid, 0xc000) == ENOSYS);
    return 0;
  }
  CHECK(error == 0 && mlid >= 0xc000 && mlid != 0xffff);
  struct ibv_qp *second = make(IBV_QPT_UD, NULL);
  open_datagrams(second);
  CHECK(vb_join_multicast(context, &mgid, 0, QKEY + 1, &mlid) == EINVAL && vb_join_multicast(context, &(union ibv_gid){.raw = {0xfe}}, 0, QKEY, &mlid) == EINVAL);
  CHECK(ibv_attach_mcast(rc, &mgid, mlid) == EINVAL && ibv_attach_mcast(ud, &other, mlid) == EINVAL && ibv_detach_mcast(ud, &mgid, mlid) == EINVAL);
  CHECK(ibv_attach_mcast(ud, &mgid, mlid) == 0 && ibv_attach_mcast(ud, &mgid, mlid) == 0 && ibv_attach_mcast(second, &mgid, mlid) == 0);
  receive(ud, 0, 100, 20);
  receive(second, 512, 100, 21);
  receive(second, 1024, 100, 22);
  meet_again();
  struct ibv_sge hello = {(uintptr_t)(rank ? "from one" : "from nil"), 8, 0};
  struct ibv_ah *ah = ibv_create_ah(pd, &(struct ibv_ah_attr){.dlid = mlid, .port_num = 1});
  struct ibv_send_wr wr = request(IBV_WR_SEND, &hello, IBV_SEND_INLINE);
  wr.wr.ud.ah = ah, wr.wr.ud.remote_qpn = 0xffffff, wr.wr.ud.remote_qkey = QKEY;
  CHECK(post(ud, wr).status == IBV_WC_SUCCESS);
  unsigned heard = 0;
  for (int i = 0; i < 3; i++) {
    struct ibv_wc wc = next(recv_cq);
    CHECK(wc.status == IBV_WC_SUCCESS && wc.byte_len == 48 && (wc.wc_flags & IBV_WC_GRH));
    char *at = buffer + (wc.wr_id - 20) * 512;
    CHECK(at[0] == 0x60 && memcmp(at + 24, mgid.raw, 16) == 0);
    int own = memcmp(at + 40, hello.addr ? (char *)(uintptr_t)hello.addr : "", 8) == 0;
    CHECK(wc.wr_id != 20 || !own); /* not to the one that sent it */
    CHECK(wc.src_qp == (own ? ud->qp_num : there.ud));
    heard |= wc.wr_id == 20 ? 1 : own ? 2 : 4;
  }
  CHECK(heard == 7);
  meet_again();
  CHECK(ibv_destroy_qp(second) == EBUSY && vb_leave_multicast(context, &mgid, 0) == EBUSY);
  CHECK(ibv_detach_mcast(second, &mgid, mlid) == 0 && ibv_destroy_qp(second) == 0);
  CHECK(ibv_detach_mcast(ud, &mgid, mlid) == 0 && vb_leave_multicast(context, &mgid, 0) == 0 && vb_leave_multicast(context, &mgid, 0) == EINVAL);
  CHECK(ibv_attach_mcast(ud, &mgid, mlid) == EINVAL && ibv_destroy_ah(ah) == 0);
  meet_again();
  return 1;
}

/* A write that the other does not allow: a completion here, an event there. */
static void go_wrong(void) {
  if (rank == 0) {
    struct ibv_sge sge = {(uintptr_t)buffer, 8, mr->lkey};
    struct ibv_send_wr write = request(IBV_WR_RDMA_WRITE, &sge, 0);
    write.wr.rdma.remote_addr = there.window + 16384, write.wr.rdma.rkey = there.rkey;
    struct ibv_wc wc = post(rc, write);
    CHECK(wc.status == IBV_WC_REM_ACCESS_ERR && strcmp(ibv_wc_status_str(wc.status), "remote access error") == 0);
  } else {
    CHECK(event(IBV_EVENT_QP_ACCESS_ERR).element.qp == rc);
    CHECK(event(IBV_EVENT_QP_LAST_WQE_REACHED).element.qp == rc);
  }
  meet_again();
}

int main(void) {
  rank = vb_rank();
  CHECK(vb_size() == 2);
  struct ibv_device **list = ibv_get_device_list(NULL);
  CHECK((context = ibv_open_device(list[0])) != NULL);
  ibv_free_device_list(list);
  struct ibv_device_attr device;
  uint16_t pkey;
  CHECK(ibv_query_device(context, &device) == 0 && device.max_srq > 0 && device.max_mw > 0 && device.phys_port_cnt == 1);
  CHECK(ibv_query_pkey(context, 1, 0, &pkey) == 0 && (pkey & 0x80) != 0 && ibv_query_pkey(context, 1, 1000, &pkey) == -1);
  CHECK((pd = ibv_alloc_pd(context)) != NULL);
  CHECK((send_cq = ibv_create_cq(context, 32, NULL, NULL, 0)) != NULL && (recv_cq = ibv_create_cq(context, 32, NULL, NULL, 0)) != NULL);
  buffer = aligned_alloc(64, 16384);
  memset(buffer, 0, 16384);
  int rights = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_MW_BIND;
  CHECK((mr = ibv_reg_mr(pd, buffer, 4096, rights)) != NULL);
  CHECK(ibv_rereg_mr(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL, buffer, 16384, 0) == 0 && mr->length == 16384);
  struct ibv_srq_init_attr shared = {.attr = {.max_wr = 8, .max_sge = 1}};
  CHECK((srq = ibv_create_srq(pd, &shared)) != NULL);
  CHECK(ibv_modify_srq(srq, &(struct ibv_srq_attr){.srq_limit = 1}, IBV_SRQ_LIMIT) == 0);
  ud = make(IBV_QPT_UD, NULL);
  rc = make(IBV_QPT_RC, srq);
  uc = make(IBV_QPT_UC, NULL);
  struct ibv_port_attr port;
  CHECK(ibv_query_port(context, 1, &port) == 0);
  struct address mine = {port.lid, ud->qp_num, rc->qp_num, uc->qp_num, mr->rkey, (uintptr_t)buffer}, both[2];
  CHECK(vb_rendezvous(&mine, sizeof mine, both) == 0);
  there = both[1 - rank];
  open_datagrams(ud);
  join(rc, there.rc);
  join(uc, there.uc);
  meet_again();
  count(); /* which also opens the link, when there is one: datagrams do not wait for it */
  datagrams();
  int groups = multicast();
  unreliable();
  windows();
  drain();
  go_wrong();
  CHECK(ibv_destroy_qp(ud) == 0 && ibv_destroy_qp(uc) == 0 && ibv_destroy_srq(srq) == EBUSY && ibv_destroy_qp(rc) == 0 && ibv_destroy_srq(srq) == 0);
  CHECK(ibv_dereg_mr(mr) == 0 && ibv_destroy_cq(send_cq) == 0 && ibv_destroy_cq(recv_cq) == 0 && ibv_dealloc_pd(pd) == 0 && ibv_close_device(context) == 0);
  printf("rank %u: all services%s work\n", rank, groups ? "" : " but multicast");
  return 0;
}
