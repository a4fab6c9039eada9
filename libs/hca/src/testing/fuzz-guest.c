/*
 * A guest that does whatever it likes: work requests close to right ones or of pure noise, doorbells of all registers with any numbers. An oracle of its own, which
 * knows the regions that are registered and nothing of the adapter, says of each request whether it can be right; one that cannot and completes with
 * success is a violation. Everything it decides follows from the seed.
 */
#include <stdint.h>
#include <verbena/hca.h>

#define REGIONS 32u
#define QUEUES 8u
#define CQS 4u
#define REMEMBERED 65536u

struct region { uint32_t key, addr, length, access, pd, window; };
struct queue { uint32_t qpn, type, pd, peer_qpn, peer_pd, peer_lid, peer_access, sq, sq_stride, rq, rq_stride, entries, sq_tail, rq_tail, sq_done, rq_done; };
struct ring { uint32_t cqn, at, entries, consumer; };
static struct {
  uint32_t regions, peer_regions, playground, playground_bytes, srqn, srq, srq_tail, reserved;
  struct region own[REGIONS], peer[REGIONS];
  struct queue queues[QUEUES];
  struct ring cqs[CQS];
  uint32_t successes, failures, flushed, impossible;
} world;

static uint32_t dice, number;
static struct { uint32_t id, wrong; } remembered[REMEMBERED];

static uint32_t roll(uint32_t below) {
  dice ^= dice << 13;
  dice ^= dice >> 17;
  dice ^= dice << 5;
  return (uint32_t)((uint64_t)dice * below >> 32);
}
static uint32_t noise(void) { return roll(0xffffffffu); }

__attribute__((export_name("world"))) void *the_world(void) { return &world; }

static int grants(const struct region *list, uint32_t count, uint32_t key, uint32_t pd, uint32_t rights, uint64_t addr, uint64_t length) {
  for (uint32_t i = 0; i < count; i++) {
    const struct region *r = &list[i];
    if (r->window && rights != 0 && (r->key ^ key) < 256) return 1; /* what it shows is not followed here: memory is compared anyway */
    if (!r->window && r->key == key && key != 0 && r->pd == pd && (r->access & rights) == rights && addr >= r->addr && length <= r->length &&
        addr - r->addr <= r->length - length)
      return 1;
  }
  return 0;
}

/* Whether no adapter may carry this out and say that it was right. */
static int impossible(const struct queue *q, const struct vb_send_wqe *w) {
  uint32_t room = q->sq_stride - VB_SEND_WQE_HEADER, op = w->opcode;
  const struct vb_sge *list = (const struct vb_sge *)(w + 1);
  int fetch = op >= VB_WR_RDMA_READ && op <= VB_WR_ATOMIC_FADD, atomic = op == VB_WR_ATOMIC_CAS || op == VB_WR_ATOMIC_FADD;
  uint64_t bytes = 0;
  if (op == 0 || op > VB_WR_BIND_MW || (q->type == VB_QPT_UD && op > VB_WR_SEND_IMM) || (q->type == VB_QPT_UC && op > VB_WR_RDMA_WRITE_IMM)) return 1;
  if (op == VB_WR_LOCAL_INV) return 0;
  if (op == VB_WR_BIND_MW)
    return w->num_sge != 1 || !grants(world.own, world.regions, list->lkey, q->pd, VB_ACCESS_MW_BIND, list->addr, list->length);
  if (w->flags & VB_SEND_INLINE) {
    if (fetch || w->inline_len > room) return 1;
    bytes = w->inline_len;
  } else {
    if ((uint32_t)w->num_sge * sizeof *list > room) return 1;
    for (uint32_t i = 0; i < w->num_sge; i++) {
      bytes += list[i].length;
      if (list[i].length && !grants(world.own, world.regions, list[i].lkey, q->pd, fetch ? VB_ACCESS_LOCAL_WRITE : 0, list[i].addr, list[i].length)) return 1;
    }
  }
  if (atomic && (w->num_sge != 1 || bytes != 8 || room < sizeof *list + sizeof(struct vb_atomic))) return 1;
  if (bytes > 1u << 30 || (q->type == VB_QPT_UD && bytes > VB_UD_MTU)) return 1;
  uint32_t right = atomic ? VB_ACCESS_REMOTE_ATOMIC : op == VB_WR_RDMA_READ ? VB_ACCESS_REMOTE_READ : VB_ACCESS_REMOTE_WRITE;
  if (q->type != VB_QPT_RC || op < VB_WR_RDMA_WRITE || op > VB_WR_ATOMIC_FADD) return 0;
  if ((q->peer_access & right) == 0 || (atomic && (w->remote_addr & 7))) return 1;
  return bytes != 0 && !grants(world.peer, world.peer_regions, w->rkey, q->peer_pd, right, w->remote_addr, bytes);
}

static struct vb_sge entry(const struct region *list, uint32_t count, uint32_t pd) {
  const struct region *r = &list[roll(count)];
  for (uint32_t tries = 0; tries < 6 && (r->pd != pd || r->window); tries++) r = &list[roll(count)];
  uint32_t offset = roll(r->length), length = roll(r->length - offset + 1) & (roll(4) ? 0x3ff : ~0u);
  struct vb_sge sge = {.addr = r->addr + offset, .length = length, .lkey = r->key};
  switch (roll(48)) {
    case 0: sge.addr = (uint64_t)noise() << (roll(2) * 32); break;
    case 1: sge.length = noise(); break;
    case 2: sge.lkey ^= 1u << roll(24); break;
    case 3: sge.addr--; break;
    case 4: sge.length = r->length - offset + 1; break;
    case 5: sge.addr += 1ull << 32; break;
  }
  return sge;
}

static void compose(struct queue *q, struct vb_send_wqe *w) {
  uint32_t words = q->sq_stride / 4, most = q->type == VB_QPT_UD ? 2 : q->type == VB_QPT_UC ? 4 : 7;
  struct vb_sge *list = (struct vb_sge *)(w + 1);
  if (roll(64) == 0) {
    for (uint32_t i = 0; i < words; i++) ((uint32_t *)w)[i] = noise();
  } else {
    struct vb_sge there = entry(world.peer, world.peer_regions, q->peer_pd);
    *w = (struct vb_send_wqe){.opcode = (uint8_t)(1 + roll(roll(40) ? most : 14)), .flags = (uint8_t)(1 | roll(16)), .num_sge = (uint16_t)roll(roll(40) ? 3 : 20),
                              .imm = noise(), .remote_addr = there.addr, .rkey = there.lkey, .inline_len = roll(roll(40) ? 32 : 300)};
    if (roll(3)) w->flags &= (uint8_t)~VB_SEND_INLINE;
    if (w->opcode >= VB_WR_RDMA_READ) w->flags &= (uint8_t)~VB_SEND_INLINE;
    if (q->type == VB_QPT_UD) w->remote_addr = VB_UD_ADDRESS(q->peer_lid, q->peer_qpn, roll(16)), w->rkey = roll(20) ? 7 : noise();
    for (uint32_t i = 0; i < (words - 8) / 4; i++) list[i] = entry(world.own, world.regions, q->pd);
    if (w->opcode == VB_WR_ATOMIC_CAS || w->opcode == VB_WR_ATOMIC_FADD) {
      w->num_sge = 1;
      list[0].length = roll(30) ? 8 : roll(16);
      if (roll(8)) w->remote_addr &= ~7ull;
    }
  }
}

/* Most are right, since one that is wrong ends a reliable connection. */
static void fill(struct queue *q, struct vb_send_wqe *w) {
  uint32_t patience = roll(q->type == VB_QPT_RC ? 250 : 25) ? 12 : 1;
  do compose(q, w);
  while (--patience && impossible(q, w));
  w->wr_id = ++number;
  uint32_t wrong = (uint32_t)impossible(q, w);
  world.impossible += wrong;
  remembered[number % REMEMBERED].id = number;
  remembered[number % REMEMBERED].wrong = wrong;
}

static void send(void) {
  struct queue *q = &world.queues[roll(QUEUES)];
  uint32_t count = roll(8) ? 1 : roll(q->entries + 1), room = q->entries - (q->sq_tail - q->sq_done);
  if (count > room && roll(1000)) count = room; /* now and then more than fits */
  while (count--) fill(q, (struct vb_send_wqe *)(uintptr_t)(q->sq + (q->sq_tail++ & (q->entries - 1)) * q->sq_stride));
  vb_uar_write(VB_UAR_SQ, q->qpn, q->sq_tail);
}

static void put_receive(uint32_t at, uint32_t stride, uint32_t pd) {
  struct vb_recv_wqe *w = (struct vb_recv_wqe *)(uintptr_t)at;
  struct vb_sge *list = (struct vb_sge *)(w + 1);
  *w = (struct vb_recv_wqe){.wr_id = 0x80000000u, .num_sge = roll(roll(40) ? 2 : 12)};
  for (uint32_t i = 0; i < (stride - 16) / 16; i++) {
    uint32_t patience = roll(250) ? 8 : 1;
    do list[i] = entry(world.own, world.regions, pd);
    while (--patience && !grants(world.own, world.regions, list[i].lkey, pd, VB_ACCESS_LOCAL_WRITE, list[i].addr, list[i].length));
  }
}

static void receive(void) {
  struct queue *q = &world.queues[roll(QUEUES)];
  if (q->rq == 0) {
    put_receive(world.srq + (world.srq_tail++ & 15) * 64, 64, q->pd);
    return vb_uar_write(VB_UAR_SRQ, world.srqn, world.srq_tail);
  }
  if (q->rq_tail - q->rq_done >= q->entries && roll(1000)) return;
  put_receive(q->rq + (q->rq_tail++ & (q->entries - 1)) * q->rq_stride, q->rq_stride, q->pd);
  vb_uar_write(VB_UAR_RQ, q->qpn, q->rq_tail);
}

static void ring_anything(void) {
  const struct queue *q = &world.queues[roll(QUEUES)];
  uint32_t names[] = {q->qpn, q->peer_qpn, world.cqs[roll(CQS)].cqn, world.srqn, noise(), roll(64)};
  vb_uar_write(roll(roll(4) ? 8 : 0xffffffffu), names[roll(6)], roll(2) ? noise() : q->sq_tail + roll(4));
}

static void count_done(const struct vb_cqe *e) {
  for (uint32_t i = 0; i < QUEUES; i++) {
    if (world.queues[i].qpn != e->qpn) continue;
    if (e->opcode >= VB_WC_RECV) world.queues[i].rq_done++;
    else world.queues[i].sq_done++;
  }
}

/* Takes what is there. 0, or what is wrong. */
static int take(struct ring *cq) {
  for (uint32_t looked = 0; looked < cq->entries; looked++) {
    const struct vb_cqe *e = (const struct vb_cqe *)(uintptr_t)(cq->at + (cq->consumer & (cq->entries - 1)) * (uint32_t)sizeof *e);
    if (e->generation != cq->consumer + 1) {
      if ((int32_t)(e->generation - cq->consumer) <= 0) break;
      cq->consumer = e->generation - 1; /* a doorbell of ours threw entries away */
    }
    cq->consumer++;
    if (e->status == VB_WC_SUCCESS) world.successes++;
    else if (e->status == VB_WC_WR_FLUSH_ERR) world.flushed++;
    else world.failures++;
    count_done(e);
    uint32_t id = (uint32_t)e->wr_id;
    if (e->opcode >= VB_WC_RECV || e->status != VB_WC_SUCCESS || remembered[id % REMEMBERED].id != id) continue;
    if (remembered[id % REMEMBERED].wrong) return (int)id;
  }
  vb_uar_write(VB_UAR_CQ_CI, cq->cqn, cq->consumer);
  return 0;
}

/* `count` operations. 0, or the number of the request that completed although it cannot be right. */
__attribute__((export_name("run"))) int run(uint32_t seed, uint32_t count) {
  dice = seed | 1;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t what = roll(100);
    if (what < 55) send();
    else if (what < 99 || roll(8)) receive();
    else ring_anything();
    if ((i & 15) != 0) continue;
    for (uint32_t c = 0; c < CQS; c++) {
      int wrong = take(&world.cqs[c]);
      if (wrong) return wrong;
    }
  }
  return 0;
}
