/**
 * Stays with a job until it has ended and all of its output is here. Cancelling is asked for once; the end then comes from the cluster, like any
 * other, and is waited for within a bound.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { jobv1, storagev1 } from '@verbena/contracts';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';

export interface FollowHandlers {
  onJob(job: jobv1.Job): void;
  /** Awaited before more is read: a slow reader of ours slows the stream, and nothing piles up. */
  onOutput(rank: number, stream: storagev1.OutputStream, data: Uint8Array): Promise<void>;
}

export interface FollowOptions {
  /** When this aborts, the job is cancelled. */
  readonly stop: AbortSignal;
  readonly cancelReason: string;
  readonly handlers: FollowHandlers;
}

/** How long a cancelled job may take to end, and output to arrive after the end, in milliseconds. */
const cancelMs = 10_000;
const lastOutputMs = 10_000;

const ended = (job: jobv1.Job): boolean => job.state >= jobv1.JobState.COMPLETED;

export async function followJob(session: Session, jobId: string, options: FollowOptions): Promise<jobv1.Job> {
  const jobs = session.client(jobv1.JobService);
  const leave = new AbortController();
  const outputDone = streamOutput(session, jobId, options.handlers, leave.signal);
  // A failure of the stream (a reader that has gone) ends the job's watching as well.
  outputDone.catch((error: unknown) => leave.abort(error));
  const cancel = (): void => {
    setTimeout(
      () => leave.abort(new CliError(`${jobId} did not end within ${cancelMs / 1000} s of being cancelled`, exitCodes.interrupted)),
      cancelMs,
    ).unref();
    jobs.cancelJob({ id: jobId, reason: options.cancelReason }, { timeoutMs: cancelMs }).catch((error: unknown) => leave.abort(error));
  };
  if (options.stop.aborted) cancel();
  else options.stop.addEventListener('abort', cancel, { once: true });
  try {
    const job = await watch(session, jobId, options.handlers, leave.signal);
    const late = setTimeout(() => leave.abort(lateOutput), lastOutputMs);
    await outputDone.catch((error: unknown) => {
      if (leave.signal.reason !== lateOutput) throw error;
    });
    clearTimeout(late);
    return job;
  } catch (error) {
    // A reader of ours that has gone leaves a job behind that nobody waits for.
    if (!options.stop.aborted && !isUnavailable(error)) cancel();
    throw leave.signal.aborted && leave.signal.reason instanceof Error ? leave.signal.reason : error;
  } finally {
    options.stop.removeEventListener('abort', cancel);
    leave.abort();
  }
}

const lateOutput = new Error('the last output did not arrive in time');

function isUnavailable(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unavailable;
}

async function watch(session: Session, jobId: string, handlers: FollowHandlers, signal: AbortSignal): Promise<jobv1.Job> {
  let last: jobv1.Job | undefined;
  for await (const { job } of session.client(jobv1.JobService).watchJob({ id: jobId }, { signal })) {
    if (!job) continue;
    last = job;
    handlers.onJob(job);
    if (ended(job)) return job;
  }
  const { job } = await session.client(jobv1.JobService).getJob({ id: jobId }, { signal });
  if (job && ended(job)) return job;
  throw new CliError(
    `the cluster stopped telling of ${jobId}, which was ${last ? 'still going on' : 'not seen'}; "verbena job show ${jobId}" tells more`,
  );
}

async function streamOutput(session: Session, jobId: string, handlers: FollowHandlers, signal: AbortSignal): Promise<void> {
  const stream = session.client(storagev1.OutputService).streamOutput({ jobId, follow: true }, { signal });
  for await (const { pieces } of stream) for (const { rank, stream: which, data } of pieces) await handlers.onOutput(rank, which, data);
}
