/**
 * Stays with a job until it has ended and all of its output is here. Cancelling is asked for once; the end then comes from the cluster, like any
 * other, and is waited for within a bound. The output's end is waited for as long as output comes and is taken.
 */
import { jobv1, storagev1 } from '@verbena/contracts';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { isCutOff, resuming } from './resuming.ts';
import { ShownOutput } from './shown-output.ts';

export interface FollowHandlers {
  onJob(job: jobv1.Job): void;
  /** Awaited before more is read: a slow reader of ours slows the stream, and nothing piles up. */
  onOutput(rank: number, stream: storagev1.OutputStream, data: Uint8Array): Promise<void>;
  /** The job runs again, and a part of its output may come again. */
  onAgain?(note: string): void;
}

export interface FollowOptions {
  /** When this aborts, the job is cancelled. */
  readonly stop: AbortSignal;
  readonly cancelReason: string;
  readonly handlers: FollowHandlers;
  readonly bounds?: Partial<Bounds>;
}

interface Bounds {
  /** How long a cancelled job may take to end, in milliseconds. */
  readonly cancelMs: number;
  /** How long the cluster may be out of reach, in milliseconds. */
  readonly awayMs: number;
  /** How long nothing may come of an ended job's output before we give up on the rest, in milliseconds. */
  readonly silenceMs: number;
}

export interface Followed {
  readonly job: jobv1.Job;
  /** False when the end of the output did not come in time. */
  readonly outputComplete: boolean;
}

const defaultBounds: Bounds = { cancelMs: 10_000, silenceMs: 10_000, awayMs: 20_000 };

export async function followJob(session: Session, jobId: string, options: FollowOptions): Promise<Followed> {
  const { cancelMs, silenceMs, awayMs } = { ...defaultBounds, ...options.bounds };
  const jobs = session.client(jobv1.JobService);
  const leave = new AbortController();
  const output = new OutputReader(session, jobId, options.handlers, { signal: leave.signal, awayMs });
  // A failure of the stream (a reader that has gone) ends the job's watching as well.
  output.done.catch((error: unknown) => leave.abort(error));
  const ask = (): Promise<unknown> => jobs.cancelJob({ id: jobId, reason: options.cancelReason }, { timeoutMs: cancelMs });
  const timers: NodeJS.Timeout[] = [];
  const cancel = (): void => {
    const late = new CliError(`${jobId} did not end within ${cancelMs / 1000} s of being cancelled`, exitCodes.interrupted);
    timers.push(setTimeout(() => leave.abort(late), cancelMs));
    ask().catch((error: unknown) => leave.abort(error));
  };
  if (options.stop.aborted) cancel();
  else options.stop.addEventListener('abort', cancel, { once: true });
  try {
    const job = await watch(session, jobId, options.handlers, { signal: leave.signal, awayMs });
    return { job, outputComplete: await output.rest(silenceMs) };
  } catch (error) {
    // Whoever has stopped reading leaves a job behind that nobody waits for.
    if (!options.stop.aborted && !isCutOff(error)) await ask().catch(() => undefined);
    throw leave.signal.aborted && leave.signal.reason instanceof Error ? leave.signal.reason : error;
  } finally {
    timers.forEach((timer) => clearTimeout(timer));
    options.stop.removeEventListener('abort', cancel);
    leave.abort();
  }
}

interface Bounded {
  readonly signal: AbortSignal;
  readonly awayMs: number;
}

async function watch(session: Session, jobId: string, handlers: FollowHandlers, { signal, awayMs }: Bounded): Promise<jobv1.Job> {
  const jobs = session.client(jobv1.JobService);
  return resuming({ signal, awayMs }, async (alive) => {
    for await (const { job } of jobs.watchJob({ id: jobId }, { signal })) {
      alive();
      if (!job) continue;
      handlers.onJob(job);
      if (job.endedAt || job.state >= jobv1.JobState.COMPLETED) return job;
    }
    const { job } = await jobs.getJob({ id: jobId }, { signal });
    if (job && job.state >= jobv1.JobState.COMPLETED) return job;
    throw new CliError(`the cluster stopped telling of ${jobId} before its end; "verbena job show ${jobId}" tells more`);
  });
}

/** Reads a job's output, and knows whether it waits for the cluster or for whoever takes the output from us. */
class OutputReader {
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  #taking = false;
  #heardAt = performance.now();

  readonly #shown = new ShownOutput();
  /** Where to go on after having been cut off. */
  #next = 0n;

  constructor(session: Session, jobId: string, handlers: FollowHandlers, { signal, awayMs }: Bounded) {
    const both = AbortSignal.any([signal, this.#stop.signal]);
    this.done = resuming({ signal: both, awayMs }, (alive) => this.#read(session, jobId, handlers, both, alive));
  }

  /** Waits for the end; resolves to false when nothing has come for so long. */
  async rest(silenceMs: number): Promise<boolean> {
    this.#heardAt = performance.now();
    const timer = setInterval(
      () => {
        if (!this.#taking && performance.now() - this.#heardAt > silenceMs) this.#stop.abort();
      },
      Math.min(500, silenceMs),
    );
    try {
      await this.done;
      return true;
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #read(session: Session, jobId: string, handlers: FollowHandlers, signal: AbortSignal, alive: () => void): Promise<void> {
    const stream = session.client(storagev1.OutputService).streamOutput({ jobId, follow: true, after: this.#next }, { signal });
    for await (const { pieces, next } of stream) {
      alive();
      this.#taking = true;
      for (const piece of pieces) {
        const { data, note } = this.#shown.take(piece);
        if (note !== undefined) handlers.onAgain?.(note);
        if (data.length > 0) await handlers.onOutput(piece.rank, piece.stream, data);
      }
      this.#taking = false;
      if (next > this.#next) this.#next = next;
      // A message without pieces is a sign of life of the stream, not of the job.
      if (pieces.length > 0) this.#heardAt = performance.now();
    }
  }
}
