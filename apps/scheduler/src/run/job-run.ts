/**
 * One life of a job, as a process manager over its events:
 *
 *   match -> queue -> evict, distribute -> boot -> start -> (ranks run) -> stop what is left -> free -> finished
 *
 * Each step appends what it did before the next begins. Whatever decides the end (a rank, a limit, a cancellation, a lost node) appends
 * JobEnding; that aborts `over`, the step under way is left, and the run goes on to stop and free.
 */
import { hasEnded, type Assignment, type KnownJob } from '@verbena/domain-job';
import { withCallContext } from '@verbena/messaging';
import { inSpan, type SpanName } from '@verbena/service-kit';
import type { JobRequest } from '../jobs/jobs.ts';
import { isNoMatch, matchImage } from './match.ts';
import { bootVms, distribute, evict, startRanks } from './bring-up.ts';
import { messageOf, mayPass, StepFailure } from './failure.ts';
import type { RunPorts } from './ports.ts';
import { requeueWithoutSilentNodes } from './requeue.ts';
import { stopAndFree } from './stop.ts';

/** How often a job is placed before the loss of nodes ends it. */
const mostAttempts = 3;

export class JobRun {
  readonly jobId: string;
  readonly #ports: RunPorts;
  readonly #over = new AbortController();
  /** Calls that are left to finish by themselves when the job is over: what they create must be there to be destroyed. */
  readonly #inFlight = new Set<Promise<unknown>>();
  readonly #startedOn = new Set<string>();

  constructor(jobId: string, ports: RunPorts) {
    this.jobId = jobId;
    this.#ports = ports;
  }

  /** Resolves when the job has ended, or the scheduler stops. Never rejects. */
  async run(): Promise<void> {
    const { jobs, log, tracer, stopping } = this.#ports;
    const { tenant, traceparent } = this.#job();
    const forget = jobs.log.onChange((id) => id === this.jobId && this.#notice());
    const context = { actor: 'scheduler', tenant, ...(traceparent !== '' && { traceparent }) };
    try {
      this.#notice();
      await withCallContext(context, () => inSpan(tracer, 'run job', { 'verbena.job.id': this.jobId }, () => this.#live()));
    } catch (error) {
      if (!stopping.aborted) log.error({ err: error, job: this.jobId }, 'the run of a job failed');
    } finally {
      forget();
    }
  }

  async #live(): Promise<void> {
    const { jobs } = this.#ports;
    for (let attempt = 1; await this.#failsAndGoesAgain(attempt);) attempt++;
    this.#ports.queue.leave(this.jobId);
    const remains = { inFlight: this.#inFlight, startedOn: this.#startedOn };
    await inSpan(this.#ports.tracer, 'end job', { 'verbena.job.id': this.jobId }, () => stopAndFree(this.#ports, this.#job(), remains));
    await jobs.execute(this.jobId, [{ type: 'FinishJob', data: {} }]);
    this.#ports.progress.delete(this.jobId);
  }

  /** True when the job is in the queue again, because a node that it was to run on has gone before it had started. */
  async #failsAndGoesAgain(attempt: number): Promise<boolean> {
    const { jobs, stopping } = this.#ports;
    try {
      await this.#steps();
    } catch (error) {
      stopping.throwIfAborted();
      if (this.#over.signal.aborted) return false;
      if (attempt < mostAttempts && (await requeueWithoutSilentNodes(this.#ports, this.#job(), this.#inFlight))) return true;
      const cause = error instanceof StepFailure ? error.endCause : 'internal';
      await jobs.execute(this.jobId, [{ type: 'EndJob', data: { cause, reason: messageOf(error) } }]);
    }
    return false;
  }

  async #steps(): Promise<void> {
    const { jobs, queue, stopping, tracer } = this.#ports;
    const signal = AbortSignal.any([this.#over.signal, stopping]);
    signal.throwIfAborted();
    const step = <T>(name: SpanName, run: () => Promise<T>): Promise<T> =>
      inSpan(tracer, name, { 'verbena.job.id': this.jobId }, () => unlessAborted(signal, run()));
    if (this.#job().match === undefined) await step('match image', () => this.#match(signal));
    await step('wait in queue', () => queue.enter(this.jobId));
    signal.throwIfAborted();
    const work = {
      ports: this.#ports,
      job: this.#job(),
      signal,
      startedOn: this.#startedOn,
      inFlight: <T>(call: Promise<T>) => this.#track(call),
    };
    const image = await step('distribute image', async () => {
      await evict(work);
      return distribute(work);
    });
    const ready: JobRequest = { type: 'RecordImageReady', data: image };
    // Where every VM is there already, that is written together with the start.
    const together = work.job.assignments.every(({ reused }) => reused);
    if (!together) {
      await jobs.execute(this.jobId, [ready]);
      await step('boot VMs', () => bootVms(work));
    }
    await inSpan(tracer, 'run ranks', { 'verbena.job.id': this.jobId }, async () => {
      await Promise.race([this.#startRanks(work, together ? [ready] : []), over(signal)]);
      await over(signal);
      stopping.throwIfAborted();
    });
  }

  async #match(signal: AbortSignal): Promise<void> {
    const { bus, clock, jobs } = this.#ports;
    const { spec, actor } = this.#job();
    for (let delay = 50; ; delay = Math.min(delay * 2, 5_000)) {
      try {
        const match = await matchImage(bus, spec, actor, signal);
        await jobs.execute(this.jobId, [{ type: 'MatchJob', data: match }]);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (isNoMatch(error)) throw new StepFailure('unsatisfiable', messageOf(error), { cause: error });
        if (!mayPass(error)) throw error;
        await jobs.execute(this.jobId, [{ type: 'ExplainWait', data: { reason: 'waits: the image manager does not answer' } }]);
        await clock.sleep(delay, signal);
      }
    }
  }

  /** From the moment that JobStarted is in the log, the job is never run again, whatever happens. */
  async #startRanks(work: Parameters<typeof startRanks>[0], before: readonly JobRequest[]): Promise<void> {
    const { jobs, clock, rendezvous, deadlocks, takePkey, log } = this.#ports;
    const { jobId, assignments, spec } = work.job;
    const { pkey, free } = takePkey();
    this.#over.signal.addEventListener('abort', free, { once: true });
    const end = (cause: 'walltime' | 'deadlock', reason: string): void => {
      jobs
        .execute(jobId, [{ type: 'EndJob', data: { cause, reason } }])
        .catch((err: unknown) => log.error({ err, job: jobId }, 'the end of a job could not be written'));
    };
    rendezvous.open(jobId, byRank(assignments), this.#over.signal);
    deadlocks.watch(jobId, assignments.length, this.#over.signal, (reason) => end('deadlock', reason));
    const started = await jobs.execute(jobId, [...before, { type: 'StartJob', data: { pkey } }]);
    if (!started.ok) throw new StepFailure('internal', started.detail);
    clock.sleep(spec.walltimeMs, work.signal).then(
      () => end('walltime', `the job ran longer than its walltime of ${spec.walltimeMs / 1000} s`),
      () => undefined,
    );
    await startRanks(work, pkey);
  }

  #track<T>(call: Promise<T>): Promise<T> {
    const settled = call.then(
      () => undefined,
      () => undefined,
    );
    this.#inFlight.add(settled);
    void settled.then(() => this.#inFlight.delete(settled));
    return call;
  }

  #notice(): void {
    const job = this.#job();
    if (job.status === 'ending' || hasEnded(job)) this.#over.abort(new Error(`job ${this.jobId} is over`));
  }

  #job(): KnownJob {
    const job = this.#ports.jobs.known(this.jobId);
    if (job === undefined) throw new Error(`job ${this.jobId} is not in the log`);
    return job;
  }
}

function byRank(assignments: readonly Assignment[]): readonly string[] {
  return [...assignments].sort((a, b) => a.rank - b.rank).map(({ nodeId }) => nodeId);
}

async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = over(signal).then((): never => {
    throw signal.reason;
  });
  return Promise.race([work, aborted]);
}

/** Resolves when the signal aborts. */
function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
