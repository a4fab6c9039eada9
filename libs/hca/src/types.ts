import type { MessagePort } from 'node:worker_threads';
import type { Limits } from './limits.ts';

/** The firmware of the adapter: `core` is the data path, `peer` the window into another domain's memory (one instance per peer and thread), `stream` a link's connection; `channel` and `switch` are no adapter's: shared memory between the guests of a host. */
export interface FirmwareModules {
  readonly core: WebAssembly.Module;
  readonly peer: WebAssembly.Module;
  readonly stream: WebAssembly.Module;
  readonly channel: WebAssembly.Module;
  readonly switch: WebAssembly.Module;
}

/** A domain's memory, as the threads of the domains that it may talk to know it. `epoch` tells apart the domains that used a slot. */
export interface PeerMemory {
  readonly slot: number;
  readonly epoch: number;
  readonly memory: WebAssembly.Memory;
}

/** What the thread of a vCPU needs to drive the adapter. Structured-cloneable; `port` must be in the transfer list. */
export interface AdapterWorkerInit {
  readonly firmware: FirmwareModules;
  readonly adapterMemory: WebAssembly.Memory;
  readonly slot: number;
  readonly epoch: number;
  /** This thread's context in the adapter memory. */
  readonly thread: number;
  readonly guestMemory: WebAssembly.Memory;
  readonly peers: readonly PeerMemory[];
  /** What the domain may create; LIMITS when absent. */
  readonly limits?: Limits;
  /** Where its completions go, when that is not its own memory: a driver domain has its queues in memory of its own, and passes them on. */
  readonly completions?: PeerMemory;
  /** Brings the memories of domains that join the partition later. */
  readonly port: MessagePort;
}

export interface CommandResult {
  /** 0, or a negative VB_E* number. */
  readonly status: number;
  /** The `out` structure of the command (hca.h); empty when `status` is not 0 or the command has none. */
  readonly output: Uint8Array;
}

/** The adapter as one vCPU's thread sees it. */
export interface Adapter {
  /** The firmware's exported function `uar_write(reg, lo, hi)`: bind it to the guest's import `hca.uar_write` as it is. */
  readonly uarWrite: Function;
  /** Runs a set-up command (VB_CMD_*) with its `in` structure as bytes. Never throws for anything a guest can send. */
  command(opcode: number, input: Uint8Array): CommandResult;
  /** The memory of another domain of the partition on the same port; undefined when there is none in this slot. */
  neighbour?(slot: number): PeerMemory | undefined;
}

/** What the firmware counted for one domain. Bytes are payload. */
export interface AdapterCounters {
  readonly doorbells: number;
  readonly messagesSent: number;
  readonly bytesSent: number;
  readonly messagesReceived: number;
  readonly bytesReceived: number;
}

/** Drops are those of unreliable service. */
export interface DomainErrors {
  readonly rxErrors: number;
  readonly txWaits: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly txDrops: number;
  readonly rxDrops: number;
}

/** What the main thread tells the threads of a partition's members. */
export type PortMessage =
  { readonly kind: 'learn'; readonly peer: PeerMemory } | { readonly kind: 'forget'; readonly slot: number; readonly epoch: number };
