import type { MessagePort } from 'node:worker_threads';
import type { PathAdapter } from '../adapter-binding.ts';
import type { GuestClock } from '../guest-clock.ts';
import type { Suspension } from '../suspension.ts';
import type { Vmm } from '../vmm.ts';

/** What the hypercalls of one program work on. */
export interface HypercallContext {
  readonly vmm: Vmm;
  readonly clock: GuestClock;
  readonly suspension: Suspension;
  readonly adapter: PathAdapter;
  /** Answers of the main thread, see WorkerStart. */
  readonly answers: MessagePort;
  /** Number of the program on this thread, see RunOrder. */
  readonly run: number;
  readonly rank: number;
  /** Whether more processes may be asked for. */
  readonly spawns: boolean;
  /** Rendezvous made so far. */
  generation: number;
}

/** Arguments as the guest gave them: signed 32-bit numbers. */
export type HypercallHandler = (context: HypercallContext, a0: number, a1: number, a2: number, a3: number) => number;
