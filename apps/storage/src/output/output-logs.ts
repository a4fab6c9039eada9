/** The output logs of all jobs, opened when they are asked for. Those that nobody uses are forgotten, so that memory does not grow with history. */
import { join } from 'node:path';
import { jobId } from '@verbena/ids';
import { parsed } from '../errors.ts';
import { OutputLog } from './output-log.ts';

export interface OutputLogsOptions {
  readonly directory: string;
  /** Most bytes of one job's log. */
  readonly maximumBytes: number;
  /** Whether the event log says that a job's output is sealed. */
  readonly sealedBefore?: (job: string) => Promise<boolean>;
  /** Most logs that stay open though nobody uses them. */
  readonly keep?: number;
}

export class OutputLogs {
  readonly #options: OutputLogsOptions;
  /** Least recently used first. */
  readonly #open = new Map<string, Promise<OutputLog>>();
  readonly #users = new Map<string, number>();

  constructor(options: OutputLogsOptions) {
    this.#options = options;
  }

  /** Runs something with a job's log, which stays open at least so long. @throws {StorageError} invalid */
  async with<T>(job: string, run: (log: OutputLog) => Promise<T>): Promise<T> {
    const release = this.#hold(job);
    try {
      return await run(await this.#log(job));
    } finally {
      release();
    }
  }

  /** The same for a stream of something. */
  async *stream<T>(job: string, run: (log: OutputLog) => AsyncIterable<T>): AsyncGenerator<T> {
    const release = this.#hold(job);
    try {
      yield* run(await this.#log(job));
    } finally {
      release();
    }
  }

  #hold(job: string): () => void {
    parsed(jobId, job);
    this.#users.set(job, (this.#users.get(job) ?? 0) + 1);
    return () => {
      const left = (this.#users.get(job) ?? 1) - 1;
      if (left === 0) this.#users.delete(job);
      else this.#users.set(job, left);
      this.#forget();
    };
  }

  #log(job: string): Promise<OutputLog> {
    const { directory, maximumBytes, sealedBefore } = this.#options;
    const known = this.#open.get(job);
    const log =
      known ??
      OutputLog.open({
        jobId: job,
        path: join(directory, job, 'output.log'),
        maximumBytes,
        ...(sealedBefore && { sealedBefore: () => sealedBefore(job) }),
      });
    this.#open.delete(job);
    this.#open.set(job, log);
    if (known === undefined) log.catch(() => this.#open.delete(job));
    return log;
  }

  #forget(): void {
    const { keep = 256 } = this.#options;
    for (const job of this.#open.keys()) {
      if (this.#open.size <= keep) return;
      if (!this.#users.has(job)) this.#open.delete(job);
    }
  }
}
