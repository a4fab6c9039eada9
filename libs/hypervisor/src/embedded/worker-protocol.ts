/** Messages between the main thread and the thread of a vCPU. What must be fast or must work while a guest runs is in the control block instead. */
import type { MessagePort } from 'node:worker_threads';
import type { IoPath, SpawnRequest } from '../port.ts';
import type { AdapterWorkerInit } from './adapter-binding.ts';
import type { DriverDomainStart } from './paths/driver-domain-main.ts';
import type { NetworkStart } from './paths/ethernet/network-stack.ts';
import type { FrontendStart } from './paths/frontend.ts';
import type { ProgramState } from '../suspended.ts';
import type { Suspendable } from './suspendable.ts';
import type { ProgramOutcome } from './program-end.ts';

/** Start of a thread: a vCPU's, or a driver domain's. */
export type WorkerStart =
  | {
      /** Answers to a vCPU that sleeps: read without an event loop. */
      readonly answers: MessagePort;
    }
  | { readonly driverDomain: DriverDomainStart };

/** One program. */
export interface RunOrder {
  readonly type: 'run';
  /** Which program of the thread it is, from 1 on: an answer to an earlier one that comes late is none to this. */
  readonly run: number;
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly control: SharedArrayBuffer;
  readonly console: SharedArrayBuffer;
  /** Absent: the null adapter. */
  readonly adapter?: AdapterWorkerInit;
  /** The adapter is in a driver domain. */
  readonly frontend?: FrontendStart;
  /** The guest has a network card instead. */
  readonly network?: NetworkStart;
  /** Of the path ivc. */
  readonly segment?: WebAssembly.Memory;
  readonly ioPath: IoPath;
  readonly rank: number;
  /** Rendezvous that the others have made before; for a program that begins. */
  readonly rendezvous: number;
  /** Whether the program may ask for more processes. */
  readonly spawns: boolean;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array;
  readonly scratchDir: string;
  readonly temporaryDir: string;
  readonly scratchBytes: number;
  readonly outputLimitBytes: number;
  readonly memoryLimitBytes: number;
  readonly openFiles: number;
  /** See suspendable.ts; absent for a module whose programs cannot be suspended. */
  readonly suspendable?: Suspendable;
  /** The program does not begin, but goes on: its memory is as it was. */
  readonly from?: ProgramState;
}

/** What the thread of a vCPU knows of a program that it suspended. */
export type SuspendedPart = Pick<
  ProgramState,
  'globals' | 'stackRecord' | 'call' | 'monotonicNs' | 'cpuNs' | 'stdin' | 'files' | 'rendezvous'
>;

export type FromVcpu =
  | { readonly type: 'ready' }
  | { readonly type: 'started' }
  | { readonly type: 'parked' }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'rendezvous'; readonly generation: number; readonly card: Uint8Array }
  /** The guest asks for more processes. */
  | { readonly type: 'spawn'; readonly request: SpawnRequest }
  /** The guest stands in VB_HC_SAFEPOINT. */
  | { readonly type: 'safepoint'; readonly epoch: number; readonly flags: number }
  /** The program cannot be suspended now; it goes on. */
  | { readonly type: 'suspend-refused'; readonly reason: string }
  /** Nothing of the program is left on the thread: all of it is in its memory and here. */
  | { readonly type: 'suspended'; readonly part: SuspendedPart }
  /** The program is over, and its frames are about to be unwound. */
  | { readonly type: 'ending'; readonly outcome: ProgramOutcome }
  /** Nothing of the program runs any more. `unclean` when it stopped at an instruction of its own choosing, e.g. by a trap. */
  | { readonly type: 'ended'; readonly outcome: ProgramOutcome; readonly unclean: boolean };

/** An answer on the port of answers, and the program that had asked. */
export type RendezvousAnswer = { readonly run: number } & ({ readonly cards: Uint8Array } | { readonly failed: string });
