/**
 * A job on its way, driven by what the log says of it:
 *
 *   queued ... running --> the start saga goes forward, then the ranks run      requeueing --> the start saga goes backward, then JobRequeued
 *   ending             --> the end saga goes forward, then the job has ended
 *
 * Whatever decides about the job (a rank, a limit, a cancellation, a lost node) appends its decision; that ends what is under way, and the next
 * turn does what the log says by then. A scheduler that takes over does the same, so there is no other recovery.
 */
import { hasEnded, type KnownJob } from '@verbena/domain-job';
import { assertWritten, backward, EventStoreError, forward, SagaRun, StepFailed, type SagaPort } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { inSpan, type SpanName } from '@verbena/service-kit';
import type { JobRequest } from '../jobs/jobs.ts';
import { endSaga } from './end-saga.ts';
import { mayPass, messageOf, NodesSilent, StepFailure, waitReasons } from './failure.ts';
import { savePeriodically } from './periodic.ts';
import type { RunPorts } from './ports.ts';
import { startSaga } from './start-saga.ts';
import type { Work } from './work.ts';

const spans: Readonly<Partial<Record<string, SpanName>>> = {
  match: 'match image',
  place: 'wait in queue',
  distribute: 'distribute image',
  boot: 'boot VMs',
};

export class JobRun {
  readonly jobId: string;
  readonly #ports: RunPorts;
  readonly #run: SagaRun;
  /** Aborts when the log decides otherwise. */
  #turn = new AbortController().signal;
  /** Of the present placement. */
  #inFlight = new Map<Promise<unknown>, string>();
  #startedOn = new Set<string>();

  constructor(jobId: string, ports: RunPorts) {
    const { clock, log, stopping } = ports;
    this.jobId = jobId;
    this.#ports = ports;
    const port = {
      over: () => hasEnded(this.#job()),
      turned: () => this.#turned(),
      next: (turn: AbortSignal, signal: AbortSignal) => this.#next(turn, signal),
      unexpected: (err: unknown) => {
        if (err instanceof EventStoreError) this.#waits(`waits: the event log cannot be written (${err.message})`);
        log.error({ err, job: jobId }, 'the run of a job met something unexpected, and goes on in a moment');
      },
      sleep: clock.sleep.bind(clock),
    };
    this.#run = new SagaRun(port, stopping);
  }

  /** Resolves when the job has ended, or the scheduler stops. Never rejects. */
  async run(): Promise<void> {
    const { jobs, tracer } = this.#ports;
    const { tenant, traceparent } = this.#job();
    const forget = jobs.log.onChangeOf(this.jobId, () => this.#run.notice());
    const context = { actor: 'scheduler', tenant, ...(traceparent !== '' && { traceparent }) };
    try {
      await withCallContext(context, () => inSpan(tracer, 'run job', { 'verbena.job.id': this.jobId }, () => this.#run.run()));
    } catch {
      // The scheduler stops: whoever leads next goes on.
    } finally {
      forget();
      this.#ports.progress.delete(this.jobId);
      this.#ports.waits.delete(this.jobId);
    }
  }

  /** What the log says that is to be done. */
  async #next(turn: AbortSignal, signal: AbortSignal): Promise<void> {
    this.#turn = turn;
    const { stopping } = this.#ports;
    const { status } = this.#job();
    if (status === 'ending') {
      this.#ports.queue.leave(this.jobId);
      const end = (): Promise<void> => forward(endSaga, this.#work(), this.#port(), stopping);
      await inSpan(this.#ports.tracer, 'end job', { 'verbena.job.id': this.jobId }, end);
    } else if (status === 'requeueing') {
      await backward(startSaga, this.#work(), this.#port(), stopping);
      await this.#commit([{ type: 'FinishRequeue', data: {} }]);
      this.#startedOn = new Set();
      this.#inFlight = new Map();
    } else await this.#start(signal);
  }

  /** Brings the job up and waits while it runs. */
  async #start(signal: AbortSignal): Promise<void> {
    const { tracer } = this.#ports;
    signal.throwIfAborted();
    try {
      await forward(startSaga, this.#work(), this.#port(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof StepFailed)) throw error;
      await this.#failed(error.cause);
      return;
    }
    await inSpan(tracer, 'run ranks', { 'verbena.job.id': this.jobId }, () => aborted(signal));
  }

  /** A step could not be done: the job is placed anew when nodes do not answer, and ends otherwise. */
  async #failed(cause: unknown): Promise<void> {
    if (cause instanceof NodesSilent) {
      const { nodes, jobs } = this.#ports;
      for (const node of cause.nodeIds) nodes.silent(node);
      const names = cause.nodeIds.map((node) => nodes.nameOf(node)).join(', ');
      const reason = names === '' ? cause.message : `${names} did not answer`;
      const requeued = await jobs.execute(this.jobId, [{ type: 'RequeueJob', data: { reason } }]);
      if (requeued.ok || requeued.reason === 'wrong-state') return;
    }
    const endCause = cause instanceof StepFailure ? cause.endCause : 'internal';
    await this.#commit([{ type: 'EndJob', data: { cause: endCause, reason: messageOf(cause) } }]);
  }

  #work(): Work {
    return {
      ports: this.#ports,
      jobId: this.jobId,
      job: () => this.#job(),
      over: this.#turn,
      startedOn: this.#startedOn,
      inFlight: this.#inFlight,
    };
  }

  #port(): SagaPort<KnownJob, JobRequest> {
    const { clock, tracer } = this.#ports;
    return {
      state: () => this.#job(),
      commit: (commands) => this.#commit(commands),
      mayPass,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      waits: (step, error) => this.#waits(error === undefined ? '' : `${waitReasons[step] ?? `waits in "${step}"`} (${messageOf(error)})`),
      around: (step, direction, run) => {
        if (step === 'connect' && direction === 'do') this.#watch();
        const span = direction === 'do' ? spans[step] : undefined;
        return span === undefined ? run() : inSpan(tracer, span, { 'verbena.job.id': this.jobId }, run);
      },
    };
  }

  async #commit(commands: readonly JobRequest[]): Promise<void> {
    const written = await this.#ports.jobs.execute(this.jobId, commands);
    assertWritten(written);
  }

  /** The limits of a job that runs, for as long as it does. */
  #watch(): void {
    const { jobs, clock, deadlocks, log } = this.#ports;
    const { assignments, spec, startedAt = 0 } = this.#job();
    const over = this.#turn;
    const end = (cause: 'walltime' | 'deadlock', reason: string): void => {
      jobs
        .execute(this.jobId, [{ type: 'EndJob', data: { cause, reason } }])
        .catch((err: unknown) => log.error({ err, job: this.jobId }, 'the end of a job could not be written'));
    };
    deadlocks.watch(this.jobId, assignments.length, over, (reason) => end('deadlock', reason));
    const { checkpointEveryMs = 0 } = spec;
    if (checkpointEveryMs > 0)
      void savePeriodically(this.#ports, this.jobId, checkpointEveryMs, AbortSignal.any([over, this.#ports.stopping]));
    // A job that was running before this scheduler led has used a part of its time.
    const left = Math.max(0, startedAt + spec.walltimeMs - clock.now().getTime());
    clock.sleep(left, AbortSignal.any([over, this.#ports.stopping])).then(
      () => end('walltime', `the job ran longer than its walltime of ${spec.walltimeMs / 1000} s`),
      () => undefined,
    );
  }

  #waits(reason: string): void {
    const { waits, jobs } = this.#ports;
    if (reason === '') waits.delete(this.jobId);
    else waits.set(this.jobId, reason);
    jobs.log.touch(this.jobId);
  }

  #turned(): string | undefined {
    const { status } = this.#job();
    const other = status === 'ending' || status === 'requeueing' || hasEnded(this.#job());
    return other ? `job ${this.jobId} is over, or goes back to the queue` : undefined;
  }

  #job(): KnownJob {
    const job = this.#ports.jobs.known(this.jobId);
    if (job === undefined) throw new Error(`job ${this.jobId} is not in the log`);
    return job;
  }
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
