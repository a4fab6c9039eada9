/**
 * The second half of the Hypervisor port: a running program leaves its thread, and goes on there or in another domain.
 *
 *                    quiesce(epoch)            suspend()
 *   running ----------------------> at its  ------------> suspended --resume()--> running (or again at its safepoint)
 *      ^                            safepoint                 |
 *      +------release(epoch)----------+                       +--discard()--> ended here, cause `moved`
 *                                                             |
 *                                       state, memory, files: Domain.restore() elsewhere, then release(epoch, 'new-adapter')
 *
 * A program that uses the adapter is quiesced first: its MPI library stops its channels and waits in VB_HC_SAFEPOINT. One that does not is
 * suspended in any blocking call, and at any poll of its loops. While a program is suspended nothing of it runs and nothing writes to its memory; CLOCK_MONOTONIC
 * stands still for it, as it does for a machine that sleeps.
 */
import type { AdapterCounters } from '@verbena/hca';
import type { IoPath, ProgramHandlers, World } from './port.ts';

export type SuspendFailure =
  /** The image was made without Asyncify, or the guest's stack is too deep to be saved now. */
  | 'not-suspendable'
  /** It owns queue pairs or regions of the adapter and does not stand at a safepoint: quiesce it first. */
  | 'uses-adapter'
  /** It computes and did not reach a call or a poll at which it can stop. The request is withdrawn; the program goes on. */
  | 'timeout'
  | 'ended'
  /** Another request is under way, or the domain is paused. */
  | 'busy';

export class SuspendError extends Error {
  readonly kind: SuspendFailure;

  constructor(kind: SuspendFailure, message: string) {
    super(message);
    this.name = 'SuspendError';
    this.kind = kind;
  }
}

export interface Quiesced {
  readonly epoch: number;
  /** The guest had nothing to stop: MPI is not initialised, or the job has one rank. */
  readonly noChannels: boolean;
}

export interface QuiesceOptions {
  /** Default 5,000. */
  readonly timeoutMs?: number;
  /** The guest looks at the request in calls of MPI only (the progress-engine design of IPDPS'17), and not at its polls. */
  readonly inCallsOnly?: boolean;
}

/** How a program goes on from its safepoint: with the channels it has, or knowing that all of them are gone. */
export type ReleaseMode = 'same' | 'new-adapter';

/** The call in which a program was suspended; it is finished where the program goes on. Arguments are the guest's, as signed 32-bit numbers. */
export interface SuspendedCall {
  readonly kind: 'hypercall' | 'poll';
  /** Hypercall number; 0 for poll_oneoff. */
  readonly nr: number;
  readonly args: readonly [number, number, number, number];
  /** When the call began, on the guest's CLOCK_MONOTONIC in nanoseconds: time-outs count from here. */
  readonly begunNs: bigint;
}

/** An open file descriptor. Paths are plain names from the guest's root. */
export type OpenFile = { readonly fd: number; readonly flags: number } & (
  | {
      readonly kind: 'file';
      readonly place: FilePlace;
      readonly path: readonly string[];
      readonly offset: number;
      readonly read: boolean;
      readonly write: boolean;
      /** The file has no name any more for the guest: it is unlinked again once it is open. */
      readonly unlinked: boolean;
    }
  | { readonly kind: 'directory'; readonly path: readonly string[] }
  /** Of /image, which comes with the program. */
  | { readonly kind: 'image'; readonly path: readonly string[]; readonly offset: number }
  /** stdin, stdout, stderr, and the names under /dev. */
  | { readonly kind: 'device'; readonly name: string }
);

/** Everything of a program but its memory and its files. Plain data; snapshot.md says how it is written. */
export interface ProgramState {
  /** The image it runs; a domain of another image refuses the state. */
  readonly imageDigest: string;
  readonly jobId: string;
  readonly rank: number;
  readonly size: number;
  /** Absent where all processes are one world, and in states of older versions. */
  readonly world?: World;
  readonly pkey: number;
  readonly jobSeed: bigint;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly scratchBytes: number;
  readonly outputLimitBytes: number;
  readonly ioPath: IoPath;
  /** What there is of the guest's memory, and its limit; multiples of 64 KiB. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  /** Mutable globals of the module by name of their export. */
  readonly globals: Readonly<Record<string, number>>;
  /** Where in guest memory Asyncify's record of the unwound stack begins. */
  readonly stackRecord: number;
  readonly call: SuspendedCall;
  /** Guest's clocks when it was suspended. */
  readonly monotonicNs: bigint;
  readonly cpuNs: bigint;
  /** What is left of standard input. */
  readonly stdin: Uint8Array;
  readonly files: readonly OpenFile[];
  /** Rendezvous made. */
  readonly rendezvous: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Messages of adapters that it had before. */
  readonly traffic: AdapterCounters;
  readonly outOfMemory: boolean;
}

/** `scratch` is the program's working directory; `temporary` its /tmp. */
export type FilePlace = 'scratch' | 'temporary';

/** A file or directory of a suspended program. Directories come before what is in them. */
export interface ProgramFile {
  readonly place: FilePlace;
  readonly path: readonly string[];
  readonly kind: 'file' | 'directory';
  /** Bytes; 0 for a directory. */
  readonly size: number;
  readonly modifiedMs: number;
  /** The content in pieces of at most 1 MiB, `size` bytes in all. */
  content(): AsyncIterable<Uint8Array>;
}

export interface SuspendedProgram {
  readonly state: ProgramState;
  /** All of the guest's memory. Nobody else touches it until `resume` or `discard`. */
  readonly memory: Uint8Array<SharedArrayBuffer>;
  files(): AsyncIterable<ProgramFile>;
  /** Goes on here; the RunningProgram that was suspended is running again when this resolves. */
  resume(): Promise<void>;
  /** Ends it here: what it had at the adapter is destroyed, its `exit` resolves with the cause `moved`, the domain is idle. */
  discard(): Promise<void>;
}

/** What of a program its new host decides; all else is in its state. */
export interface RestoreSpec {
  /** See ProgramSpec. */
  readonly hostIndex: number;
  readonly hosts: number;
  readonly nodeName: string;
  /** An empty directory of this host for the program's files. */
  readonly scratchDir: string;
  /** The program's files; written below scratchDir, bounded by the state's scratchBytes. Absent: scratchDir holds them already. */
  readonly files?: AsyncIterable<ProgramFile>;
  readonly handlers: ProgramHandlers;
}
