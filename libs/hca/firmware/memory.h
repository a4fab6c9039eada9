/*
 * How the firmware reaches the memories that are not its own. The memory of the domain on whose thread it runs ("own") is reached by
 * functions that the build replaces by single instructions on a second memory; that of any other domain ("peer") through a small
 * instance per domain, whose functions stand in the table at own_table() + slot * VBF_PEER_FUNCTIONS.
 *
 * Addresses passed here were checked: against a registered region, or as part of a ring when its queue was created. Guest memories never
 * shrink, so such an address stays valid, and none of these functions can trap.
 */
#ifndef VBF_MEMORY_H
#define VBF_MEMORY_H

#include "layout.h"
#include <stdbool.h>
#include <verbena/abi.h>
#include <verbena/hca.h>

#define OWN(name) __attribute__((import_module("own"), import_name(#name)))
OWN(thread) uint32_t own_thread(void);
OWN(slot) uint32_t own_slot(void);
OWN(table) uint32_t own_table(void);
OWN(load64) uint64_t own_load64(uint32_t addr);
OWN(generation) uint32_t own_generation(uint32_t addr);
OWN(copy) void own_copy(uint32_t to, uint32_t from, uint32_t bytes);
OWN(read) void own_read(uint32_t adapter, uint32_t from, uint32_t bytes);
OWN(push) void own_push(uint32_t addr, uint64_t wr_id, uint64_t w1, uint64_t w2, uint64_t d0, uint64_t d1, uint64_t d2, uint64_t d3, uint64_t last);
OWN(raise) void own_raise(uint32_t channels);
OWN(gather) void own_gather(uint32_t adapter, uint32_t from, uint32_t bytes);
OWN(scatter) void own_scatter(uint32_t to, uint32_t adapter, uint32_t bytes);

OWN(cas) uint64_t own_cas(uint32_t at, uint64_t expected, uint64_t wanted);
OWN(fadd) uint64_t own_fadd(uint32_t at, uint64_t value);

#define VBF_PEER_FUNCTIONS 16u
typedef void (*push_function)(uint32_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef void (*copy_function)(uint32_t, uint32_t, uint32_t);
typedef void (*raise_function)(uint32_t);
typedef uint32_t (*load_function)(uint32_t);
typedef uint64_t (*cas_function)(uint32_t, uint64_t, uint64_t);
typedef uint64_t (*fadd_function)(uint32_t, uint64_t);
#define PEER(type, slot, number) ((type)(uintptr_t)(own_table() + (slot) * VBF_PEER_FUNCTIONS + (number)))
#define PEER_PUSH(slot) PEER(push_function, slot, 0)
#define PEER_COPY_OUT(slot) PEER(copy_function, slot, 1) /* (to in peer, from in own, bytes) */
#define PEER_COPY_IN(slot) PEER(copy_function, slot, 2)  /* (to in own, from in peer, bytes) */
#define PEER_READ(slot) PEER(copy_function, slot, 3)     /* (to in adapter, from in peer, bytes) */
#define PEER_RAISE(slot) PEER(raise_function, slot, 4)
#define PEER_GENERATION(slot) PEER(load_function, slot, 5)
#define PEER_GATHER(slot) PEER(copy_function, slot, 6)   /* (to in adapter, from in peer, bytes), for payload */
#define PEER_SCATTER(slot) PEER(copy_function, slot, 7)  /* (to in peer, from in adapter, bytes) */

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

static inline struct vbf_header *header(void) { return (struct vbf_header *)VBF_HEADER_ADDR; }
static inline struct vbf_port *port_at(uint32_t number) { return (struct vbf_port *)VBF_PORT_ADDR + (number % VBF_PORTS); }
static inline struct vbf_domain *domain_at(uint32_t slot) { return (struct vbf_domain *)VBF_DOMAIN_ADDR + (slot % VBF_DOMAINS); }
static inline struct vbf_qp *qp_at(uint32_t number) { return (struct vbf_qp *)VBF_QP_ADDR + (number % VBF_QPS); }
static inline struct vbf_cq *cq_at(uint32_t number) { return (struct vbf_cq *)VBF_CQ_ADDR + (number % VBF_CQS); }
static inline struct vbf_mr *mr_at(uint32_t key) { return (struct vbf_mr *)VBF_MR_ADDR + ((key >> 8) % VBF_MRS); }
static inline struct vbf_group *group_at(uint32_t number) { return (struct vbf_group *)VBF_GROUP_ADDR + (number % VBF_GROUPS); }
static inline struct vbf_thread *self(void) { return (struct vbf_thread *)(uintptr_t)(VBF_THREAD_ADDR + own_thread() * VBF_THREAD_STRIDE); }

static inline uint32_t load32(const uint32_t *p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
static inline void store32(uint32_t *p, uint32_t value) { __atomic_store_n(p, value, __ATOMIC_SEQ_CST); }

/* Whether this thread can reach the memory of the domain in `slot`. */
static inline bool reachable(uint32_t slot, uint32_t epoch) {
  return slot == own_slot() || self()->known[slot % VBF_DOMAINS] == epoch;
}

/* Payload between a domain and the adapter memory, in pieces of at most VBF_SEGMENT (wire.h). */
static inline void gather_bytes(uint8_t *adapter, uint32_t slot, uint32_t from, uint32_t bytes) {
  if (slot == own_slot()) own_gather((uint32_t)(uintptr_t)adapter, from, bytes);
  else PEER_GATHER(slot)((uint32_t)(uintptr_t)adapter, from, bytes);
}

static inline void scatter_bytes(uint32_t slot, uint32_t to, const uint8_t *adapter, uint32_t bytes) {
  if (slot == own_slot()) own_scatter(to, (uint32_t)(uintptr_t)adapter, bytes);
  else PEER_SCATTER(slot)(to, (uint32_t)(uintptr_t)adapter, bytes);
}

/* Copies between two domains on a thread of neither: who arbitrates carries out the requests of others. */
#define RELAY_BYTES 4096u
static __attribute__((noinline)) void relay(uint32_t to_slot, uint32_t to, uint32_t from_slot, uint32_t from, uint32_t bytes) {
  uint8_t between[RELAY_BYTES];
  for (uint32_t done = 0; done < bytes;) {
    uint32_t piece = bytes - done < RELAY_BYTES ? bytes - done : RELAY_BYTES;
    gather_bytes(between, from_slot, from + done, piece);
    scatter_bytes(to_slot, to + done, between, piece);
    done += piece;
  }
}

/* Copies between two domains; pieces are small enough that the thread can be ended between them. */
#define VBF_PIECE (256u * 1024u)
static inline void move(uint32_t to_slot, uint32_t to, uint32_t from_slot, uint32_t from, uint32_t bytes) {
  for (;;) {
    uint32_t piece = bytes > VBF_PIECE ? VBF_PIECE : bytes;
    if (LIKELY(from_slot == own_slot())) {
      if (LIKELY(to_slot != own_slot())) PEER_COPY_OUT(to_slot)(to, from, piece);
      else own_copy(to, from, piece);
    } else if (LIKELY(to_slot == own_slot())) {
      PEER_COPY_IN(from_slot)(to, from, piece);
    } else {
      relay(to_slot, to, from_slot, from, piece);
    }
    bytes -= piece;
    if (LIKELY(bytes == 0)) return;
    to += piece;
    from += piece;
  }
}

static inline void fetch(void *adapter, uint32_t slot, uint32_t from, uint32_t bytes) {
  if (LIKELY(slot == own_slot())) own_read((uint32_t)(uintptr_t)adapter, from, bytes);
  else PEER_READ(slot)((uint32_t)(uintptr_t)adapter, from, bytes);
}

#define PEER_CAS(slot) PEER(cas_function, slot, 8)
#define PEER_FADD(slot) PEER(fadd_function, slot, 9)

/* Compare and swap, or fetch and add, of 8 aligned bytes; the old value. */
static inline uint64_t atomic_at(uint32_t slot, uint32_t at, bool cas, uint64_t compare_add, uint64_t swap) {
  if (slot == own_slot()) return cas ? own_cas(at, compare_add, swap) : own_fadd(at, compare_add);
  return cas ? PEER_CAS(slot)(at, compare_add, swap) : PEER_FADD(slot)(at, compare_add);
}

static inline void raise(uint32_t slot, uint32_t channel) {
  if (slot == own_slot()) own_raise(1u << channel);
  else PEER_RAISE(slot)(1u << channel);
}

#endif
