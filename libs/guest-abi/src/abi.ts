/** Mirror of include/verbena/abi.h; a spec compiles the header and compares. */
import { cstring, struct, u32, u64 } from '@verbena/binary';

export const VB_ABI_VERSION = 1;
export const VB_PAGE_SIZE = 4096;
export const VB_NULL_ZONE = 0x0001_0000;
export const VB_NULL_BYTE = 0xff;
export const VB_STACK_SIZE = 0x0080_0000;
export const VB_BOOT_INFO_ADDR = 0x0080_0000;
export const VB_EVENT_PAGE_ADDR = 0x0080_1000;
export const VB_UAR_PAGE_ADDR = 0x0080_2000;
export const VB_STATUS_PAGE_ADDR = 0x0080_3000;
export const VB_DATA_BASE = 0x0081_0000;
export const VB_BOOT_MAGIC = 0x4942_4256;
export const VB_EVENT_CHANNELS = 32;
export const VB_CHANNEL_TIMER = 0;
export const VB_CHANNEL_CQ = 1;
export const VB_CHANNEL_ASYNC = 2;
export const VB_CHANNEL_CONTROL = 3;
export const VB_CONTROL_EPOCH_SHIFT = 2;
export const VB_CONTROL_PHASE_MASK = 3;
export const VB_CONTROL_QUIESCE = 1;
export const VB_CONTROL_CANCELLED = 2;
export const VB_NO_PARENT = 0xffff_ffff;
export const VB_SPAWN_VALUE_SHIFT = 8;
export const VB_SPAWN_ANSWER_MASK = 0xff;
export const VB_SPAWN_PENDING = 0;
export const VB_SPAWN_GRANTED = 1;
export const VB_SPAWN_NO_CORES = 2;
export const VB_SPAWN_NO_PROGRAM = 3;
export const VB_SPAWN_REFUSED = 4;
export const VB_SPAWN_COMMANDS = 64;
export const VB_SPAWN_MAX = 65536;
export const VB_MPI_NOT_INITIALIZED = 0;
export const VB_MPI_INITIALIZED = 1;
export const VB_MPI_FINALIZED = 2;
export const VB_POLL_CONTROL = 1;
export const VB_POLL_SUSPEND = 2;
export const VB_POLL_PAUSE = 4;
export const VB_POLL_THROTTLE = 8;
export const VB_HC_VERSION = 0;
export const VB_HC_CONSOLE = 1;
export const VB_HC_ABORT = 2;
export const VB_HC_HCA_COMMAND = 3;
export const VB_HC_OUT_OF_MEMORY = 4;
export const VB_HC_SPAWN = 5;
export const VB_HC_BLOCK = 16;
export const VB_HC_RENDEZVOUS = 17;
export const VB_HC_SAFEPOINT = 18;
export const VB_HC_POLL = 19;
export const VB_CARD_MAX = 1024;
export const VB_SAFEPOINT_NO_CHANNELS = 1;
export const VB_SAFEPOINT_SAME = 0;
export const VB_SAFEPOINT_NEW_ADAPTER = 1;
export const VB_EPERM = -1;
export const VB_EFAULT = -14;
export const VB_EBUSY = -16;
export const VB_EINVAL = -22;
export const VB_ENOMEM = -12;
export const VB_ENOSPC = -28;
export const VB_ENOSYS = -38;
export const VB_ENODEV = -19;

export const bootInfo = struct(
  'vb_boot_info',
  {
    magic: u32,
    abi_version: u32,
    domain_slot: u32,
    vcpus: u32,
    memory_bytes: u64,
    rank: u32,
    size: u32,
    host_index: u32,
    hosts: u32,
    lid: u32,
    pkey: u32,
    port_guid: u64,
    job_seed: u64,
    spin_ns: u32,
    flags: u32,
    job_id: cstring(64),
    vm_id: cstring(64),
    node_name: cstring(64),
    world_first: u32,
    world_size: u32,
    first_size: u32,
    parent: u32,
    app_number: u32,
    universe: u32,
  },
  288,
);

export const eventPage = struct('vb_event_page', { pending: u32, mask: u32, wakeups: u32, control: u32, poll: u32, spawn: u32 }, 24);

export const spawnRequest = struct('vb_spawn_request', { commands: u32, reserved: u32 }, 8);
export const spawnCommand = struct('vb_spawn_command', { most: u32, arguments: u32, bytes: u32, reserved: u32 }, 16);

export const statusPage = struct(
  'vb_status_page',
  {
    mpi_state: u32,
    waiting: u32,
    activity: u64,
    waits_for: cstring(512),
    messages_sent: u64,
    bytes_sent: u64,
    messages_received: u64,
    bytes_received: u64,
    registrations: u64,
    registration_cache_hits: u64,
  },
  576,
);
