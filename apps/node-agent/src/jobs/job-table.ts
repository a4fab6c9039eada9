/** The jobs that run on this node. A job is started once, however often it is asked for; what has ended is remembered for a while. */
import type { Logger } from 'pino';
import { messageOf, Refusal } from '../errors.ts';
import { JobRun, type JobRunOptions } from './job-run.ts';
import type { JobStart } from './job-start.ts';

const remembered = 1_000;

export class JobTable {
  readonly #options: Omit<JobRunOptions, 'start'>;
  readonly #log: Logger;
  readonly #runs = new Map<string, JobRun>();
  /** Jobs that have ended: a late repetition of StartRanks does not run them again. */
  readonly #over = new Set<string>();
  #closed = false;

  constructor(options: Omit<JobRunOptions, 'start'>, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /** Resolves when all programs of the job run here. */
  async start(start: JobStart): Promise<void> {
    if (this.#closed) throw new Refusal('stopping', `node ${this.#options.nodeId} is stopping`);
    const known = this.#runs.get(start.jobId);
    if (known !== undefined) return known.started;
    if (this.#over.has(start.jobId)) throw new Refusal('start-failed', `job ${start.jobId} has already ended on ${this.#options.nodeId}`);
    const run = new JobRun({ start, ...this.#options });
    this.#runs.set(start.jobId, run);
    void this.#follow(run);
    try {
      await run.started;
    } catch (error) {
      this.#runs.delete(start.jobId);
      throw error;
    }
  }

  /** Ends the job's programs here; one that is not here is stopped already. */
  async stop(jobId: string, reason: string): Promise<void> {
    await this.#runs.get(jobId)?.stop(reason);
  }

  /** Stops everything and waits until it has settled. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#runs.values()].map((run) => run.stop(reason)));
  }

  async #follow(run: JobRun): Promise<void> {
    try {
      await run.reported();
      await run.started.then(
        () => this.#remember(run.jobId),
        () => undefined,
      );
    } catch (error) {
      this.#log.error({ job: run.jobId, error: messageOf(error) }, 'the end of a rank could not be reported');
    } finally {
      if (this.#runs.get(run.jobId) === run) this.#runs.delete(run.jobId);
    }
  }

  #remember(jobId: string): void {
    this.#over.add(jobId);
    for (const old of this.#over) if (this.#over.size > remembered) this.#over.delete(old);
  }
}
