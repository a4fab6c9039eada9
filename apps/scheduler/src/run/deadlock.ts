/**
 * Deadlock detection. Node-agents report each rank that sleeps in MPI with nothing on its way to it, with a counter that grows whenever it wakes,
 * sends or receives. When every rank that has not exited is reported blocked, and for a while no report says otherwise, nothing can ever move
 * again: a message from a blocked rank is impossible, and one on its way would have woken its receiver.
 */
import type { Clock } from '@verbena/service-kit';

export interface Blocked {
  readonly rank: number;
  readonly blocked: boolean;
  readonly activity: bigint;
  readonly waitsFor: string;
}

interface Watched {
  ranks: number;
  readonly signal: AbortSignal;
  readonly found: (reason: string) => void;
  readonly exited: Set<number>;
  readonly last: Map<number, Blocked>;
  /** Grows with every report that changes anything: two equal readings mean that nothing moved in between. */
  changes: number;
}

const mostNamed = 64;

export class DeadlockWatch {
  readonly #clock: Clock;
  readonly #confirmMs: number;
  readonly #jobs = new Map<string, Watched>();

  constructor(clock: Clock, confirmMs: number) {
    this.#clock = clock;
    this.#confirmMs = confirmMs;
  }

  /** Watches a job until the signal aborts; `found` is called at most once. */
  watch(jobId: string, ranks: number, signal: AbortSignal, found: (reason: string) => void): void {
    this.#jobs.set(jobId, { ranks, signal, found, exited: new Set(), last: new Map(), changes: 0 });
    signal.addEventListener('abort', () => this.#jobs.delete(jobId), { once: true });
  }

  /** The job has more ranks, which nobody has seen blocked. */
  grow(jobId: string, ranks: number): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined) return;
    job.ranks = ranks;
    this.#changed(jobId, job);
  }

  blocked(jobId: string, report: Blocked): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined || report.rank >= job.ranks) return;
    const before = job.last.get(report.rank);
    if (before?.blocked === report.blocked && before.activity === report.activity) return;
    job.last.set(report.rank, report);
    this.#changed(jobId, job);
  }

  exited(jobId: string, rank: number): void {
    const job = this.#jobs.get(jobId);
    if (job === undefined || job.exited.has(rank)) return;
    job.exited.add(rank);
    this.#changed(jobId, job);
  }

  #changed(jobId: string, job: Watched): void {
    const changes = ++job.changes;
    if (!stuck(job)) return;
    this.#clock.sleep(this.#confirmMs, job.signal).then(
      () => {
        if (job.changes !== changes || !this.#jobs.delete(jobId)) return;
        job.found(describe(job));
      },
      () => undefined,
    );
  }
}

function stuck({ ranks, exited, last }: Watched): boolean {
  if (exited.size >= ranks) return false;
  for (let rank = 0; rank < ranks; rank++) if (!exited.has(rank) && last.get(rank)?.blocked !== true) return false;
  return true;
}

function describe({ ranks, exited, last }: Watched): string {
  const waiting = [...last.values()].filter(({ rank }) => !exited.has(rank)).sort((a, b) => a.rank - b.rank);
  const who = exited.size === 0 ? `all ${ranks} ranks wait` : `${waiting.length} of ${ranks} ranks wait, the others have ended`;
  const lines = waiting.slice(0, mostNamed).map(({ rank, waitsFor }) => `rank ${rank} waits in ${waitsFor === '' ? 'MPI' : waitsFor}`);
  const more = waiting.length > mostNamed ? [`and ${waiting.length - mostNamed} more`] : [];
  return [`deadlock: ${who}, and nothing is on its way to any of them`, ...lines, ...more].join('\n');
}
