/**
 * Stops a running job's channels again and again at moments that a seed chooses, and lets it go on: with the channels it has, as if all its
 * adapters were new, or in the middle of stopping. What the hypervisor's users do for a move or a checkpoint, without either.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Standstill } from './growth.ts';

export interface Quiescing {
  readonly seed: number;
  /** Mean time between two attempts. */
  readonly everyMs: number;
  /** Attempts end after so many, so that a job on a busy machine gets on. Default: none but the job's end. */
  readonly most?: number;
  /** An attempt that has not stopped every rank by then is withdrawn. Default 5,000. */
  readonly patienceMs?: number;
}

/** How many attempts ended in each way. */
export interface QuiescingTally {
  same: number;
  renewed: number;
  withdrawn: number;
  /** Withdrawn because a rank did not stop in time. */
  late: number;
}

function randomOf(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Works until `over` is aborted, then withdraws what it has begun. */
export async function keepQuiescing(job: Standstill, plan: Quiescing, over: AbortSignal): Promise<QuiescingTally> {
  const { seed, everyMs, most = Infinity, patienceMs = 5000 } = plan;
  const random = randomOf(seed);
  const tally: QuiescingTally = { same: 0, renewed: 0, withdrawn: 0, late: 0 };
  const pause = (ms: number): Promise<unknown> => sleep(ms, undefined, { signal: over }).catch(() => undefined);
  for (let attempt = 1; !over.aborted && attempt <= most; attempt++) {
    await pause(random() * 2 * everyMs);
    const choice = random();
    await job.turn(async (epoch) => {
      const stopped = job.stop(epoch, patienceMs);
      if (choice < 0.3) {
        await pause(random() * 3);
        await job.release(epoch, 'same');
        tally.withdrawn++;
        await stopped;
      } else if (!(await stopped)) {
        await job.release(epoch, 'same');
        if (!over.aborted) tally.late++;
      } else {
        const mode = choice < 0.6 ? 'same' : 'new-adapter';
        await job.release(epoch, mode);
        tally[mode === 'same' ? 'same' : 'renewed']++;
      }
    });
  }
  return tally;
}
