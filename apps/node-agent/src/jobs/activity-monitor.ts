/**
 * Watches the ranks that run here for those that sleep in MPI with nothing on its way to them, and tells the scheduler, which alone sees
 * all ranks and can call it a deadlock.
 *
 *   awake --blocked, same activity for reportAfterMs--> reported --woke or activity changed--> awake
 *
 * Both transitions are reported; a reported rank whose activity or reason changes is reported awake first.
 */
import type { DomainActivity } from '@verbena/hypervisor';

export interface BlockedReport {
  readonly rank: number;
  readonly blocked: boolean;
  readonly activity: bigint;
  readonly waitsFor: string;
}

interface Watched {
  readonly read: () => DomainActivity;
  since: number | undefined;
  activity: bigint;
  reported: boolean;
}

export const sampleEveryMs = 500;
const reportAfterMs = 1_000;

export class ActivityMonitor {
  readonly #ranks = new Map<number, Watched>();

  watch(rank: number, read: () => DomainActivity): void {
    this.#ranks.set(rank, { read, since: undefined, activity: 0n, reported: false });
  }

  forget(rank: number): void {
    this.#ranks.delete(rank);
  }

  /** Reads every rank once and returns what the scheduler must learn. `now` in milliseconds, monotonic. */
  sample(now: number): BlockedReport[] {
    const reports: BlockedReport[] = [];
    for (const [rank, watched] of this.#ranks) {
      const report = step(watched, readOrAwake(watched), now);
      if (report !== undefined) reports.push({ rank, ...report });
    }
    return reports;
  }

  /** The reports that did not get through: they are made again at the next sample. */
  repeat(reports: readonly BlockedReport[]): void {
    for (const { rank, blocked } of reports) {
      const watched = this.#ranks.get(rank);
      if (watched) watched.reported = !blocked;
    }
  }
}

const awake: DomainActivity = { blocked: false, activity: 0n, waitsFor: '', mpiState: 'initialized' };

/** A domain that cannot be read is about to end: it waits for nothing. */
function readOrAwake(watched: Watched): DomainActivity {
  try {
    return watched.read();
  } catch {
    return awake;
  }
}

function step(watched: Watched, seen: DomainActivity, now: number): Omit<BlockedReport, 'rank'> | undefined {
  const same = seen.blocked && watched.since !== undefined && seen.activity === watched.activity;
  const told = { activity: seen.activity, waitsFor: seen.waitsFor.slice(0, 512) };
  if (!same) {
    watched.since = seen.blocked ? now : undefined;
    watched.activity = seen.activity;
    if (!watched.reported) return undefined;
    watched.reported = false;
    return { blocked: false, ...told };
  }
  if (watched.reported || now - (watched.since ?? now) < reportAfterMs) return undefined;
  watched.reported = true;
  return { blocked: true, ...told };
}
