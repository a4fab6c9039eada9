/*
 * A verbs program as one would write it for a real adapter: two processes, a reliable connection, addresses exchanged by MPI. Catches a verbs
 * client that differs from the interface (R6): posting, polling, sleeping on a completion channel, immediate data, RDMA, and errors.
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                                  \
  do {                                                                            \
    if (!(x)) {                                                                   \
      fprintf(stderr, "rank %d, line %d: %s (errno %d)\n", rank, __LINE__, #x, errno); \
      exit(1);                                                                    \
    }                                                                             \
  } while (0)

struct address { uint32_t lid, qpn, rkey; uint64_t window; };

static int rank;
static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_comp_channel *channel;
static struct ibv_cq *send_cq, *recv_cq;

static struct ibv_qp *make_qp(void) {
  struct ibv_qp_init_attr init = {.send_cq = send_cq, .recv_cq = recv_cq, .qp_type = IBV_QPT_RC,
                                  .cap = {.max_send_wr = 10, .max_recv_wr = 10, .max_send_sge = 2, .max_recv_sge = 2, .max_inline_data = 64}};
  struct ibv_qp *qp = ibv_create_qp(pd, &init);
  CHECK(qp != NULL && init.cap.max_send_wr >= 10 && init.cap.max_inline_data >= 64);
  return qp;
}

static struct address meet(struct ibv_qp *qp, const void *window, uint32_t rkey) {
  struct ibv_port_attr port;
  CHECK(ibv_query_port(context, 1, &port) == 0 && port.state == IBV_PORT_ACTIVE && port.lid != 0);
  struct address mine = {.lid = port.lid, .qpn = qp->qp_num, .rkey = rkey, .window = (uintptr_t)window}, both[2];
  MPI_Allgather(&mine, sizeof mine, MPI_BYTE, both, sizeof mine, MPI_BYTE, MPI_COMM_WORLD);
  return both[1 - rank];
}

static void join(struct ibv_qp *qp, const struct address *there) {
  struct ibv_qp_attr init = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE};
  CHECK(ibv_modify_qp(qp, &init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS) == 0);
  struct ibv_qp_attr rtr = {.qp_state = IBV_QPS_RTR, .path_mtu = IBV_MTU_1024, .dest_qp_num = there->qpn, .max_dest_rd_atomic = 1, .min_rnr_timer = 12,
                            .ah_attr = {.dlid = (uint16_t)there->lid, .port_num = 1}};
  CHECK(ibv_modify_qp(qp, &rtr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER) == 0);
  struct ibv_qp_attr rts = {.qp_state = IBV_QPS_RTS, .timeout = 14, .retry_cnt = 7, .rnr_retry = 7, .max_rd_atomic = 1};
  CHECK(ibv_modify_qp(qp, &rts, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC) == 0);
}

static void receive(struct ibv_qp *qp, struct ibv_mr *mr, void *at, uint32_t bytes, uint64_t id) {
  struct ibv_sge sge = {.addr = (uintptr_t)at, .length = bytes, .lkey = mr->lkey};
  struct ibv_recv_wr wr = {.wr_id = id, .sg_list = &sge, .num_sge = 1}, *bad;
  CHECK(ibv_post_recv(qp, &wr, &bad) == 0);
}

static int send(struct ibv_qp *qp, enum ibv_wr_opcode opcode, unsigned flags, struct ibv_sge *list, int pieces, uint64_t id, const struct address *there) {
  struct ibv_send_wr wr = {.wr_id = id, .sg_list = list, .num_sge = pieces, .opcode = opcode, .send_flags = flags, .imm_data = 4711}, *bad;
  if (there) wr.wr.rdma.remote_addr = there->window, wr.wr.rdma.rkey = there->rkey;
  return ibv_post_send(qp, &wr, &bad);
}

static struct ibv_wc next(struct ibv_cq *cq) {
  struct ibv_wc wc;
  int got;
  while ((got = ibv_poll_cq(cq, 1, &wc)) == 0) {}
  CHECK(got == 1);
  return wc;
}

static void sleep_for_completion(void) {
  struct ibv_cq *cq;
  void *cookie;
  CHECK(ibv_get_cq_event(channel, &cq, &cookie) == 0 && cq == recv_cq && cookie == &recv_cq);
  ibv_ack_cq_events(cq, 1);
}

static void ping_pong(struct ibv_qp *qp, struct ibv_mr *mr, char *buffer, const struct address *there) {
  for (int round = 0; round < 200; round++) {
    uint32_t bytes = 1 + (uint32_t)(round * 37) % 3000;
    int turn = round % 2 == rank;
    if (turn) {
      memset(buffer, round, bytes);
      struct ibv_sge list[2] = {{(uintptr_t)buffer, bytes / 2, mr->lkey}, {(uintptr_t)buffer + bytes / 2, bytes - bytes / 2, mr->lkey}};
      unsigned flags = IBV_SEND_SIGNALED | (bytes <= 64 ? IBV_SEND_INLINE : 0);
      CHECK(send(qp, IBV_WR_SEND_WITH_IMM, flags, list, 2, 1000u + (unsigned)round, there) == 0);
      struct ibv_wc wc = next(send_cq);
      CHECK(wc.status == IBV_WC_SUCCESS && wc.opcode == IBV_WC_SEND && wc.wr_id == 1000u + (unsigned)round && wc.qp_num == qp->qp_num);
    } else {
      receive(qp, mr, buffer, 4096, (uint64_t)round << 40 | 5);
      CHECK(ibv_req_notify_cq(recv_cq, 0) == 0);
      sleep_for_completion();
      struct ibv_wc wc = next(recv_cq);
      CHECK(wc.status == IBV_WC_SUCCESS && wc.opcode == IBV_WC_RECV && wc.wr_id == ((uint64_t)round << 40 | 5));
      CHECK(wc.byte_len == bytes && (wc.wc_flags & IBV_WC_WITH_IMM) && wc.imm_data == 4711);
      for (uint32_t i = 0; i < bytes; i++) CHECK(buffer[i] == (char)round);
    }
  }
}

/* Queues that move to other rings, with completions in them and while others come. */
static void resize(struct ibv_qp *qp, struct ibv_mr *mr, char *buffer) {
  enum { MESSAGES = 12 };
  if (rank == 1) for (int i = 0; i < MESSAGES; i++) receive(qp, mr, buffer, 8, 300u + (unsigned)i);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 0) {
    struct ibv_sge sge = {.addr = (uintptr_t)buffer, .length = 8, .lkey = mr->lkey};
    for (int i = 0; i < MESSAGES; i++) {
      CHECK(send(qp, IBV_WR_SEND, IBV_SEND_SIGNALED, &sge, 1, 300u + (unsigned)i, 0) == 0);
      if (i % 4 == 1) CHECK(ibv_resize_cq(send_cq, 30 + 50 * i) == 0 && send_cq->cqe >= 30 + 50 * i);
    }
    for (int i = 0; i < MESSAGES; i++) {
      struct ibv_wc wc = next(send_cq);
      CHECK(wc.status == IBV_WC_SUCCESS && wc.wr_id == 300u + (unsigned)i);
    }
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 1) {
    CHECK(ibv_resize_cq(recv_cq, 4) == EINVAL && ibv_resize_cq(recv_cq, 1 << 30) == EINVAL && recv_cq->cqe >= 50);
    CHECK(ibv_resize_cq(recv_cq, 500) == 0 && recv_cq->cqe >= 500);
    for (int i = 0; i < MESSAGES; i++) {
      struct ibv_wc wc = next(recv_cq);
      CHECK(wc.status == IBV_WC_SUCCESS && wc.wr_id == 300u + (unsigned)i);
      if (i == 3) CHECK(ibv_resize_cq(recv_cq, 8) == 0 && recv_cq->cqe == 8);
    }
    CHECK(ibv_resize_cq(recv_cq, 50) == 0);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void write_remotely(struct ibv_qp *qp, struct ibv_mr *mr, char *buffer, const struct address *there) {
  if (rank == 0) {
    struct ibv_sge sge = {.addr = (uintptr_t)buffer, .length = 1 << 20, .lkey = mr->lkey};
    memset(buffer, 'w', 1 << 20);
    CHECK(send(qp, IBV_WR_RDMA_WRITE_WITH_IMM, IBV_SEND_SIGNALED, &sge, 1, 7, there) == 0);
    struct ibv_wc wc = next(send_cq);
    CHECK(wc.status == IBV_WC_SUCCESS && wc.opcode == IBV_WC_RDMA_WRITE && wc.wr_id == 7);
  } else {
    receive(qp, mr, buffer, 0, 8);
    struct ibv_wc wc = next(recv_cq);
    CHECK(wc.status == IBV_WC_SUCCESS && wc.opcode == IBV_WC_RECV_RDMA_WITH_IMM && wc.byte_len == 1 << 20);
    for (int i = 0; i < 1 << 20; i++) CHECK(buffer[i] == 'w');
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

/* More than fits is refused; a key that is gone ends the connection; what else was posted is flushed. */
static void go_wrong(struct ibv_qp *qp, struct ibv_mr *mr, char *buffer, struct address there) {
  struct ibv_sge sge = {.addr = (uintptr_t)buffer, .length = 8, .lkey = mr->lkey};
  errno = 0;
  CHECK(ibv_reg_mr(pd, (void *)0xfffff000u, 8192, IBV_ACCESS_LOCAL_WRITE) == NULL && errno == EFAULT);
  if (rank == 0) {
    int posted = 0, result;
    while ((result = send(qp, IBV_WR_SEND, 0, &sge, 1, 0, 0)) == 0) posted++;
    CHECK(result == ENOMEM && posted == (int)qp->cap.max_send_wr);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 1) for (int i = 0; i < 16; i++) receive(qp, mr, buffer, 8, 0);
  if (rank == 1) for (int i = 0; i < 16; i++) CHECK(next(recv_cq).status == IBV_WC_SUCCESS);
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank == 1) {
    there.rkey ^= 1;
    CHECK(send(qp, IBV_WR_RDMA_WRITE, 0, &sge, 1, 21, &there) == 0);
    CHECK(send(qp, IBV_WR_SEND, 0, &sge, 1, 22, 0) == 0);
    struct ibv_wc wc = next(send_cq);
    CHECK(wc.wr_id == 21 && wc.status == IBV_WC_REM_ACCESS_ERR);
    wc = next(send_cq);
    CHECK(wc.wr_id == 22 && wc.status == IBV_WC_WR_FLUSH_ERR && strcmp(ibv_wc_status_str(wc.status), "unknown") != 0);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  struct ibv_qp_attr attr;
  CHECK(ibv_query_qp(qp, &attr, IBV_QP_STATE, NULL) == 0 && attr.qp_state == IBV_QPS_ERR);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  int devices;
  struct ibv_device **list = ibv_get_device_list(&devices);
  CHECK(list != NULL && devices == 1);
  CHECK((context = ibv_open_device(list[0])) != NULL);
  ibv_free_device_list(list);
  CHECK((pd = ibv_alloc_pd(context)) != NULL);
  CHECK((channel = ibv_create_comp_channel(context)) != NULL);
  CHECK((send_cq = ibv_create_cq(context, 50, NULL, NULL, 0)) != NULL && send_cq->cqe >= 50);
  CHECK((recv_cq = ibv_create_cq(context, 50, &recv_cq, channel, 0)) != NULL);
  char *buffer = malloc(1 << 20);
  struct ibv_mr *mr = ibv_reg_mr(pd, buffer, 1 << 20, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
  CHECK(mr != NULL);
  struct ibv_qp *qp = make_qp();
  struct address there = meet(qp, buffer, mr->rkey);
  join(qp, &there);
  ping_pong(qp, mr, buffer, &there);
  resize(qp, mr, buffer);
  write_remotely(qp, mr, buffer, &there);
  go_wrong(qp, mr, buffer, there);
  CHECK(ibv_destroy_cq(send_cq) == EBUSY);
  CHECK(ibv_destroy_qp(qp) == 0 && ibv_dereg_mr(mr) == 0 && ibv_destroy_cq(send_cq) == 0 && ibv_destroy_cq(recv_cq) == 0);
  CHECK(ibv_destroy_comp_channel(channel) == 0 && ibv_dealloc_pd(pd) == 0 && ibv_close_device(context) == 0);
  printf("rank %d: all verbs work\n", rank);
  MPI_Finalize();
  return 0;
}
