/**
 * The jobs that run on this node. An attempt of a job is started once, however often it is asked for; what became of the last one is remembered
 * for a while, so that a request that comes late, or again, gets the same answer and starts nothing.
 */
import type { Logger } from 'pino';
import { messageOf, Refusal } from '../errors.ts';
import { JobRun, type Arrival, type JobRunOptions, type Rank } from './job-run.ts';
import type { JobGrowth, JobStart } from './job-start.ts';

export type Meetings = ReturnType<JobRun['meetings']>;

/** What is left of a job's last attempt here. */
interface Over {
  readonly attempt: number;
  /** Its programs ran and have ended, and these cards they had brought; or why none ran. */
  readonly outcome: { readonly ran: Meetings } | { readonly why: string };
}

const remembered = 1_000;

export class JobTable {
  readonly #options: Omit<JobRunOptions, 'start'>;
  readonly #log: Logger;
  readonly #runs = new Map<string, JobRun>();
  readonly #over = new Map<string, Over>();
  #closed = false;

  constructor(options: Omit<JobRunOptions, 'start'>, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * Resolves when all programs of the job have been started here, with the business cards that they have brought so far.
   * @throws {Refusal} when they could not be started, or the attempt is over for the scheduler
   */
  async start(start: JobStart): Promise<Meetings> {
    const { jobId, attempt } = start;
    if (this.#closed) throw new Refusal('stopping', `node ${this.#options.nodeId} is stopping`);
    const over = this.#over.get(jobId);
    if (over !== undefined && over.attempt >= attempt) {
      if (over.attempt === attempt && 'ran' in over.outcome) return over.outcome.ran;
      const why = 'why' in over.outcome && over.attempt === attempt ? over.outcome.why : 'a later attempt was here already';
      throw new Refusal('start-failed', `attempt ${String(attempt)} of job ${jobId} does not start on ${this.#options.nodeId}: ${why}`);
    }
    const known = this.#runs.get(jobId);
    if (known !== undefined && known.attempt > attempt)
      throw new Refusal('start-failed', `job ${jobId} is in its attempt ${String(known.attempt)} on ${this.#options.nodeId} already`);
    // The scheduler has given the earlier one up, or it would not start another.
    if (known !== undefined && known.attempt < attempt) await known.stop('the job starts again');
    return this.#same(jobId, attempt) ?? this.#begin(start);
  }

  /** The run that has a VM's program. */
  runOf(vmId: string): { readonly run: JobRun; readonly rank: Rank } | undefined {
    for (const run of this.#runs.values()) {
      const rank = run.ranks().find(({ vm }) => vm.request.vmId === vmId);
      if (rank !== undefined) return { run, rank };
    }
    return undefined;
  }

  /** The run of an attempt of a job that has ranks here. */
  run(jobId: string, attempt: number): JobRun | undefined {
    const run = this.#runs.get(jobId);
    return run?.attempt === attempt ? run : undefined;
  }

  /**
   * Takes in a rank of an attempt that runs on other nodes, or here already. `start` is the attempt, without ranks.
   * @throws {Refusal} when a later attempt is here, or the node is stopping; and what the arrival throws
   */
  enter(start: JobStart, arrival: Arrival): Promise<void> {
    return this.#join(start, (run) => run.enter(arrival));
  }

  async #join(start: JobStart, join: (run: JobRun) => Promise<void>): Promise<void> {
    const { jobId, attempt } = start;
    if (this.#closed) throw new Refusal('stopping', `node ${this.#options.nodeId} is stopping`);
    const known = this.#runs.get(jobId);
    if (known !== undefined && known.attempt !== attempt)
      throw new Refusal('start-failed', `job ${jobId} is in its attempt ${String(known.attempt)} on ${this.#options.nodeId}`);
    const run = known ?? new JobRun({ start, ...this.#options });
    const entering = join(run);
    if (known === undefined) {
      this.#runs.set(jobId, run);
      void this.#follow(run);
    }
    await entering;
  }

  /**
   * More ranks for an attempt that runs on other nodes, or here already. `start` is the attempt, without ranks.
   * @throws {Refusal} when a later attempt is here, or the node is stopping; and what the run throws
   */
  grow(start: JobStart, growth: JobGrowth): Promise<void> {
    return this.#join(start, (run) => run.grow(growth));
  }

  /** Ends the programs of a job up to an attempt, or of all; one that comes late is not started any more. */
  async stop(jobId: string, reason: string, attempt = 0): Promise<void> {
    const run = this.#runs.get(jobId);
    if (run !== undefined && (attempt === 0 || run.attempt <= attempt)) await run.stop(reason);
    const over = this.#over.get(jobId);
    if (attempt > 0 && run?.attempt !== attempt && (over === undefined || over.attempt < attempt))
      this.#remember(jobId, { attempt, outcome: { why: `it was stopped before it came: ${reason}` } });
  }

  /** Stops everything and waits until it has settled; new jobs may come afterwards. */
  async clear(reason: string): Promise<void> {
    await Promise.all([...this.#runs.values()].map((run) => run.stop(reason)));
  }

  /** Stops everything and waits until it has settled. */
  async close(reason: string): Promise<void> {
    this.#closed = true;
    await this.clear(reason);
  }

  #same(jobId: string, attempt: number): Promise<Meetings> | undefined {
    const run = this.#runs.get(jobId);
    return run?.attempt === attempt ? run.started.then(() => run.meetings()) : undefined;
  }

  async #begin(start: JobStart): Promise<Meetings> {
    const run = new JobRun({ start, ...this.#options });
    this.#runs.set(start.jobId, run);
    void this.#follow(run);
    await run.started;
    return run.meetings();
  }

  async #follow(run: JobRun): Promise<void> {
    const { jobId, attempt } = run;
    try {
      await run.started;
      await run.reported();
      this.#remember(jobId, { attempt, outcome: { ran: run.meetings() } });
    } catch (error) {
      this.#remember(jobId, { attempt, outcome: { why: messageOf(error) } });
      this.#log.error({ job: jobId, error: messageOf(error) }, 'a job could not be started, or its end not be reported');
    } finally {
      if (this.#runs.get(jobId) === run) this.#runs.delete(jobId);
    }
  }

  #remember(jobId: string, over: Over): void {
    if ((this.#over.get(jobId)?.attempt ?? 0) > over.attempt) return;
    this.#over.delete(jobId);
    this.#over.set(jobId, over);
    for (const old of this.#over.keys()) if (this.#over.size > remembered) this.#over.delete(old);
  }
}
