/**
 * Ends of ranks on their way into the log. Those of one job that arrive while an append is under way go together with the next: thousands of
 * ranks end at about the same time, and each append costs a write to disk.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { RankEnd } from '@verbena/domain-job';
import type { JobResult, Jobs } from './jobs.ts';

interface Waiting {
  readonly end: RankEnd;
  readonly done: (result: JobResult | Promise<JobResult>) => void;
  /** Runs something in the context of the call that told of the end, which lasts until it is recorded. */
  readonly within: <T>(run: () => T) => T;
}

const mostAtOnce = 256;

export class RankEnds {
  readonly #jobs: Pick<Jobs, 'execute'>;
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(jobs: Pick<Jobs, 'execute'>) {
    this.#jobs = jobs;
  }

  /** Resolves when the end is in the log, or refused. */
  record(jobId: string, end: RankEnd): Promise<JobResult> {
    const { promise, resolve } = Promise.withResolvers<JobResult>();
    const waiting = { end, done: resolve, within: AsyncLocalStorage.snapshot() };
    const queue = this.#waiting.get(jobId);
    if (queue !== undefined) queue.push(waiting);
    else {
      this.#waiting.set(jobId, [waiting]);
      void this.#drain(jobId);
    }
    return promise;
  }

  async #drain(jobId: string): Promise<void> {
    const queue = this.#waiting.get(jobId) ?? [];
    while (queue.length > 0) await this.#append(jobId, queue.splice(0, mostAtOnce));
    this.#waiting.delete(jobId);
  }

  /** One that is refused must not take the others with it: then each goes alone. Whoever waits learns the outcome, an error included. */
  async #append(jobId: string, batch: readonly Waiting[]): Promise<void> {
    const appended = this.#execute(jobId, batch);
    const together = await appended.catch(() => undefined);
    const alone = together?.ok === false && batch.length > 1;
    for (const waiting of batch) {
      const outcome = alone ? this.#execute(jobId, [waiting]) : appended;
      waiting.done(outcome);
      await outcome.catch(() => undefined);
    }
  }

  #execute(jobId: string, batch: readonly Waiting[]): Promise<JobResult> {
    const record = (): Promise<JobResult> =>
      this.#jobs.execute(
        jobId,
        batch.map(({ end }) => ({ type: 'RecordRankEnd', data: end })),
      );
    // Not in that of the first who began to drain: its call may be long over.
    return batch[0]?.within(record) ?? record();
  }
}
