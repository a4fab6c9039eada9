/*
 * A verbs program whose adapter is taken away while it runs and given back. Catches a device that goes without a word, queue pairs that are not flushed, commands that crash or
 * hang without a device, and a device that cannot be opened again. It talks to itself, so that nobody else fails with it.
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(x)                                                            \
  do {                                                                      \
    if (!(x)) {                                                             \
      fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #x, errno);     \
      exit(1);                                                              \
    }                                                                       \
  } while (0)

struct device {
  struct ibv_context *context;
  struct ibv_pd *pd;
  struct ibv_cq *cq;
  struct ibv_mr *mr;
  struct ibv_qp *qp;
};

static char buffer[64];

static void say(const char *what) {
  puts(what);
  fflush(stdout);
}

static struct ibv_context *open_device(void) {
  int devices;
  struct ibv_device **list = ibv_get_device_list(&devices);
  struct ibv_context *context = devices == 0 ? NULL : ibv_open_device(list[0]);
  ibv_free_device_list(list);
  return context;
}

static void connect_to_itself(struct device *d) {
  struct ibv_port_attr port;
  CHECK(ibv_query_port(d->context, 1, &port) == 0);
  struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .path_mtu = IBV_MTU_1024, .dest_qp_num = d->qp->qp_num, .max_dest_rd_atomic = 1,
                             .min_rnr_timer = 12, .timeout = 14, .retry_cnt = 7, .rnr_retry = 7, .max_rd_atomic = 1,
                             .ah_attr = {.dlid = port.lid, .port_num = 1}};
  CHECK(ibv_modify_qp(d->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS) == 0);
  attr.qp_state = IBV_QPS_RTR;
  CHECK(ibv_modify_qp(d->qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER) == 0);
  attr.qp_state = IBV_QPS_RTS;
  CHECK(ibv_modify_qp(d->qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC) == 0);
}

static struct device make(struct ibv_context *context) {
  struct device d = {.context = context};
  CHECK((d.pd = ibv_alloc_pd(context)) != NULL && (d.cq = ibv_create_cq(context, 16, NULL, NULL, 0)) != NULL);
  CHECK((d.mr = ibv_reg_mr(d.pd, buffer, sizeof buffer, IBV_ACCESS_LOCAL_WRITE)) != NULL);
  struct ibv_qp_init_attr init = {.send_cq = d.cq, .recv_cq = d.cq, .qp_type = IBV_QPT_RC, .sq_sig_all = 1,
                                  .cap = {.max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1, .max_inline_data = 16}};
  CHECK((d.qp = ibv_create_qp(d.pd, &init)) != NULL);
  connect_to_itself(&d);
  return d;
}

static void receive(struct device *d, uint64_t id) {
  struct ibv_sge sge = {(uintptr_t)buffer, sizeof buffer, d->mr->lkey};
  struct ibv_recv_wr wr = {.wr_id = id, .sg_list = &sge, .num_sge = 1}, *bad;
  CHECK(ibv_post_recv(d->qp, &wr, &bad) == 0);
}

static void send(struct device *d, uint64_t id) {
  struct ibv_sge sge = {(uintptr_t)"to myself", 9, 0};
  struct ibv_send_wr wr = {.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_INLINE}, *bad;
  CHECK(ibv_post_send(d->qp, &wr, &bad) == 0);
}

static struct ibv_wc next(struct device *d) {
  struct ibv_wc wc;
  while (ibv_poll_cq(d->cq, 1, &wc) == 0) {}
  return wc;
}

static void talk(struct device *d) {
  memset(buffer, 0, sizeof buffer);
  receive(d, 1);
  send(d, 2);
  for (int i = 0; i < 2; i++) CHECK(next(d).status == IBV_WC_SUCCESS);
  CHECK(memcmp(buffer, "to myself", 9) == 0);
}

static void give_up(struct device *d) {
  CHECK(ibv_destroy_qp(d->qp) == 0 && ibv_dereg_mr(d->mr) == 0 && ibv_destroy_cq(d->cq) == 0 && ibv_dealloc_pd(d->pd) == 0);
  CHECK(ibv_close_device(d->context) == 0);
}

int main(void) {
  struct ibv_context *context = open_device();
  CHECK(context != NULL);
  struct device d = make(context);
  talk(&d);
  receive(&d, 3);
  say("ready");
  /* It polls: a job whose only rank sleeps until something happens counts as deadlocked before long. */
  struct ibv_async_event event = {.event_type = IBV_EVENT_COMM_EST};
  while (event.event_type != IBV_EVENT_DEVICE_FATAL) vb_poll_async_event(d.context, &event);
  ibv_ack_async_event(&event);
  struct ibv_wc wc = next(&d);
  CHECK(wc.wr_id == 3 && wc.status == IBV_WC_WR_FLUSH_ERR);
  send(&d, 4);
  wc = next(&d);
  CHECK(wc.wr_id == 4 && wc.status == IBV_WC_WR_FLUSH_ERR);
  struct ibv_port_attr port;
  CHECK(ibv_query_port(d.context, 1, &port) == ENODEV && ibv_alloc_pd(d.context) == NULL && errno == ENODEV && open_device() == NULL);
  give_up(&d);
  say("gone");
  while ((context = open_device()) == NULL) {}
  d = make(context);
  talk(&d);
  give_up(&d);
  say("back");
  return 0;
}
