/**
 * A job's profile as stacks: job, rank, what its time was spent with, and, where it is known, the call into the VMM or the function of the MPI library. Their
 * values are microseconds. One line for each, "job;rank 0;vmm;hca-command 1234", is what flamegraph.pl and its kin read.
 */
import type { jobv1 } from '@verbena/contracts';

export interface Stack {
  readonly frames: readonly string[];
  readonly microseconds: number;
}

export interface StackOptions {
  /** Leaves out sleep. */
  readonly busy: boolean;
}

/** Ranks that have not ended have no profile yet and are left out. */
export function stacksOf(job: jobv1.Job, { busy }: StackOptions): Stack[] {
  return job.ranks.flatMap(({ rank, io }) =>
    selfSeconds(io?.seconds ?? {})
      .filter(([name]) => !busy || name.split(';')[0] !== 'idle')
      .map(([name, seconds]) => ({ frames: [job.id, `rank ${rank}`, ...name.split(';')], microseconds: Math.round(seconds * 1e6) }))
      .filter(({ microseconds }) => microseconds > 0),
  );
}

/** Totals become what is left of them without their parts, so that all together add up. */
function selfSeconds(seconds: Readonly<Record<string, number>>): [string, number][] {
  const all = Object.entries(seconds);
  return all.map(([name, value]) => {
    const parts = all.filter(([other]) => other.startsWith(`${name};`)).reduce((sum, [, part]) => sum + part, 0);
    return [name, Math.max(0, value - parts)];
  });
}

export const foldedLines = (stacks: readonly Stack[]): string[] =>
  stacks.map(({ frames, microseconds }) => `${frames.join(';')} ${String(microseconds)}`);
