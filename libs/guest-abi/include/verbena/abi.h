/*
 * The contract between a guest and the embedded hypervisor.
 *
 * A guest is a wasm32 module with one shared memory, its physical memory. Four special pages lie at fixed addresses between the
 * stack, which grows down and leaves the memory when it overflows, and the program's data:
 *
 *   0x0000_0000  nothing (VB_NULL_ZONE): what a null pointer reaches; filled with VB_NULL_BYTE, and looked at for changes
 *   0x0001_0000  stack, down from VB_STACK_SIZE
 *   0x0080_0000  boot information   written by the hypervisor before the program starts, read by the guest
 *   0x0080_1000  event channels     pending bits, written by others; the guest clears them
 *   0x0080_2000  user access region doorbell records, written by the guest and read by the adapter
 *   0x0080_3000  guest status       written by the guest for the hypervisor's eyes: what it does, what it waits for
 *   0x0081_0000  data, then heap
 *
 * The host never trusts a byte of guest memory: everything is copied once, then checked.
 * libs/guest-abi/src mirrors this file; a test compiles it and compares every offset and size.
 */
#ifndef VERBENA_ABI_H
#define VERBENA_ABI_H

#include <stdint.h>

#define VB_ABI_VERSION 1u

#define VB_PAGE_SIZE 4096u
#define VB_NULL_ZONE 0x00010000u
#define VB_NULL_BYTE 0xffu
#define VB_STACK_SIZE 0x00800000u
#define VB_BOOT_INFO_ADDR 0x00800000u
#define VB_EVENT_PAGE_ADDR 0x00801000u
#define VB_UAR_PAGE_ADDR 0x00802000u
#define VB_STATUS_PAGE_ADDR 0x00803000u
#define VB_DATA_BASE 0x00810000u

/* "VBBI" in memory order. */
#define VB_BOOT_MAGIC 0x49424256u

/* Boot information, at VB_BOOT_INFO_ADDR. Strings are NUL-terminated UTF-8, cut to fit. */
struct vb_boot_info {
  uint32_t magic;
  uint32_t abi_version;
  uint32_t domain_slot;     /* this domain's number at the adapter */
  uint32_t vcpus;
  uint64_t memory_bytes;    /* limit of the guest's memory */
  uint32_t rank;            /* number of this VM's process in its job: its MPI rank unless it was spawned */
  uint32_t size;            /* MPI processes that the job has had so far; grows when it gets more (VB_HC_SPAWN) */
  uint32_t host_index;      /* which host of the job this VM is on, from 0: equal numbers are co-resident */
  uint32_t hosts;           /* how many different hosts the job has */
  uint32_t lid;             /* local identifier of the port */
  uint32_t pkey;            /* partition of the job */
  uint64_t port_guid;
  uint64_t job_seed;        /* same for all ranks of a job */
  uint32_t spin_ns;         /* how long to poll before sleeping; the hypervisor changes it while the guest runs */
  uint32_t flags;           /* VB_BOOT_* */
  char job_id[64];
  char vm_id[64];
  char node_name[64];
  uint32_t world_first;     /* process of the job that is rank 0 of this one's MPI_COMM_WORLD, and how many that has */
  uint32_t world_size;
  uint32_t first_size;      /* processes that the job began with */
  uint32_t parent;          /* process that asked for this one's world; VB_NO_PARENT when it began with the job */
  uint32_t app_number;      /* which of the commands that were asked for this one runs, from 0 */
  uint32_t universe;        /* processes that the job might have at once when it began; 0 when nobody knows */
};
#define VB_NO_PARENT 0xffffffffu

/* Event channels, at VB_EVENT_PAGE_ADDR. A channel carries no payload (R3). Whoever raises channel c sets bit c of `pending`
 * with an atomic OR, then adds 1 to `wakeups` and notifies it; the guest sleeps on `wakeups` in VB_HC_BLOCK. */
#define VB_EVENT_CHANNELS 32u
struct vb_event_page {
  uint32_t pending;
  uint32_t mask;            /* set bits are not delivered by VB_HC_BLOCK */
  uint32_t wakeups;
  uint32_t control;         /* written by the hypervisor: 0 = run, otherwise (epoch << VB_CONTROL_EPOCH_SHIFT) | VB_CONTROL_* */
  uint32_t poll;            /* written by the hypervisor: VB_POLL_*; a program that computes looks at it in its loops */
  uint32_t spawn;           /* written by the hypervisor: the answer to VB_HC_SPAWN, (value << VB_SPAWN_VALUE_SHIFT) | VB_SPAWN_* */
};
#define VB_CHANNEL_TIMER 0u
#define VB_CHANNEL_CQ 1u      /* a completion arrived in an armed CQ */
#define VB_CHANNEL_ASYNC 2u   /* an asynchronous event of the adapter */
#define VB_CHANNEL_CONTROL 3u /* event_page.control has changed */

/* Phases of event_page.control. The epoch, from 1 on, numbers the attempts to move or to save this guest. */
#define VB_CONTROL_EPOCH_SHIFT 2u
#define VB_CONTROL_PHASE_MASK 3u
#define VB_CONTROL_QUIESCE 1u   /* stop your channels, then call VB_HC_SAFEPOINT with this epoch */
#define VB_CONTROL_CANCELLED 2u /* the attempt is over before it began: go on as you were */

/* Bits of event_page.poll: what is wanted of a guest that computes. */
#define VB_POLL_CONTROL 1u  /* look at `control`, as in a call of MPI */
#define VB_POLL_SUSPEND 2u  /* this and all others: call VB_HC_POLL */
#define VB_POLL_PAUSE 4u
#define VB_POLL_THROTTLE 8u

/* Answers to VB_HC_SPAWN; the guest clears the word before it asks. Until they have come, a job's processes are asked to their safepoint and find more
 * of them in the boot information. */
#define VB_SPAWN_VALUE_SHIFT 8u
#define VB_SPAWN_ANSWER_MASK 0xffu
#define VB_SPAWN_PENDING 0u
#define VB_SPAWN_GRANTED 1u      /* value: the first of the new processes */
#define VB_SPAWN_NO_CORES 2u     /* value: how many processes there is room for */
#define VB_SPAWN_NO_PROGRAM 3u   /* value: the command, from 0, whose program is not there */
#define VB_SPAWN_REFUSED 4u      /* this job gets no more processes, or not now */

/* The request of VB_HC_SPAWN: this, then for each command its header and its NUL-terminated strings: the program, the info values soft, host and wdir
 * (empty when not given), and the arguments. */
struct vb_spawn_request {
  uint32_t commands;        /* 1 to VB_SPAWN_COMMANDS */
  uint32_t reserved;
};
struct vb_spawn_command {
  uint32_t most;            /* processes */
  uint32_t arguments;
  uint32_t bytes;           /* of its strings */
  uint32_t reserved;
};
#define VB_SPAWN_COMMANDS 64u
#define VB_SPAWN_MAX 65536u     /* bytes of a request */

/* Guest status, at VB_STATUS_PAGE_ADDR: for crash and deadlock reports. The host reads it without trusting it. */
#define VB_MPI_NOT_INITIALIZED 0u
#define VB_MPI_INITIALIZED 1u
#define VB_MPI_FINALIZED 2u
struct vb_status_page {
  uint32_t mpi_state;       /* VB_MPI_* */
  uint32_t waiting;         /* 1 while the guest waits in a blocking MPI call */
  uint64_t activity;        /* grows with every message sent, received or completed */
  char waits_for[512];      /* NUL-terminated, e.g. "MPI_Recv(source=3, tag=7, comm=MPI_COMM_WORLD)"; valid while waiting */
  uint64_t messages_sent;
  uint64_t bytes_sent;
  uint64_t messages_received;
  uint64_t bytes_received;
  uint64_t registrations;   /* memory regions registered */
  uint64_t registration_cache_hits;
};

/*
 * Hypercalls. Two imports of module "verbena", so that Asyncify instruments only what may block:
 *   int32_t hypercall(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3)        never blocks
 *   int32_t hypercall_block(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3)  may block, may unwind
 * The result is >= 0, or a negative VB_E* number.
 */
#define VB_HC_VERSION 0u          /* hypercall: -> VB_ABI_VERSION */
#define VB_HC_CONSOLE 1u          /* hypercall: (addr, len) a line for the hypervisor's log, at most 4096 bytes */
#define VB_HC_ABORT 2u            /* hypercall: (code, addr, len) MPI_Abort with a text; ends the whole job; does not return */
#define VB_HC_HCA_COMMAND 3u      /* hypercall: (opcode, in, in_len, out) set-up command to the adapter's backend, see hca.h */
#define VB_HC_OUT_OF_MEMORY 4u    /* hypercall: (bytes) the heap could not grow by so much; if the program then ends badly, this was why */
#define VB_HC_SPAWN 5u            /* hypercall: (addr, len) asks for more processes (struct vb_spawn_request); the answer comes in event_page.spawn */
#define VB_HC_BLOCK 16u           /* hypercall_block: (seen, timeout_lo, timeout_hi) sleep until event_page.wakeups != seen or the
                                     time-out in nanoseconds has passed; timeout of all ones: no limit. -> 0 woken, 1 timed out */
#define VB_HC_RENDEZVOUS 17u      /* hypercall_block: (in, in_len, out, out_cap) exchange of business cards: every rank gives in_len
                                     (<= VB_CARD_MAX) bytes, the same for all; out receives size*in_len bytes by rank -> bytes; zeros for who has left the job */
#define VB_HC_SAFEPOINT 18u       /* hypercall_block: (epoch, flags) this guest's channels are quiet for this epoch, VB_SAFEPOINT_*; sleeps
                                     until it may go on -> VB_SAFEPOINT_SAME or VB_SAFEPOINT_NEW_ADAPTER */
#define VB_HC_POLL 19u            /* hypercall_block: () from a program that computes; sleeps only while it is paused -> 0 */
#define VB_CARD_MAX 1024u
#define VB_SAFEPOINT_NO_CHANNELS 1u /* flag: there was nothing to stop: MPI is not initialised, or the job has one rank */
#define VB_SAFEPOINT_SAME 0         /* go on with the channels that there are; also for an epoch that is no longer asked for */
#define VB_SAFEPOINT_NEW_ADAPTER 1  /* the adapter is another: nothing that was created there exists, boot information has changed */

#define VB_EPERM (-1)
#define VB_EFAULT (-14)
#define VB_EBUSY (-16)
#define VB_EINVAL (-22)
#define VB_ENOMEM (-12)
#define VB_ENOSPC (-28)
#define VB_ENOSYS (-38)
#define VB_ENODEV (-19)

#ifdef __wasm__
#define VB_IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
int32_t vb_hypercall(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3) VB_IMPORT("verbena", "hypercall");
int32_t vb_hypercall_block(uint32_t nr, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3) VB_IMPORT("verbena", "hypercall_block");

static inline volatile struct vb_boot_info *vb_boot_info(void) { return (volatile struct vb_boot_info *)VB_BOOT_INFO_ADDR; }
static inline volatile struct vb_event_page *vb_event_page(void) { return (volatile struct vb_event_page *)VB_EVENT_PAGE_ADDR; }
static inline volatile struct vb_status_page *vb_status_page(void) { return (volatile struct vb_status_page *)VB_STATUS_PAGE_ADDR; }
#endif

#endif
