/** What run and submit have in common: image and input files into the cluster, the job into its queue. */
import { randomUUID } from 'node:crypto';
import { jobv1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { bar } from '../terminal/progress.ts';
import { imageName } from './read-image.ts';
import { uploadInputs } from './input-files.ts';
import { tuningVariables } from './mpi-tuning.ts';
import { pushImage } from './push-image.ts';
import { jobSpec, type JobOptions } from './run-options.ts';

export interface Submission {
  readonly options: JobOptions;
  readonly name: string;
  /** A built image, or undefined when the options name one of the catalogue. */
  readonly image: GuestImage | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Uint8Array;
  readonly signal: AbortSignal;
  readonly onStep: (text: string) => void;
}

/** Submits; the job is durable when this resolves. */
export async function submitJob(session: Session, submission: Submission): Promise<jobv1.Job> {
  const { signal, onStep } = submission;
  const tuning = await tuningVariables(submission.options.mpiTuning, submission.cwd);
  const options = { ...submission.options, env: [...(submission.options.env ?? []), ...tuning] };
  const image = submission.image ? await upload(session, submission.image, submission) : (options.image ?? '');
  const inputFiles = await uploadInputs(session, options.input ?? [], submission.cwd, signal);
  onStep('submitting');
  const spec = jobSpec({ ...submission, options, image, inputFiles });
  const { job } = await session.client(jobv1.JobService).submitJob({ spec, idempotencyKey: randomUUID() }, { signal });
  if (!job) throw new CliError('the scheduler accepted the job without saying which it is', exitCodes.internal);
  return job;
}

/** @returns the reference of the registered image: its digest, so that a newer version of the same name is not run by mistake. */
async function upload(session: Session, image: GuestImage, { name, signal, onStep }: Submission): Promise<string> {
  onStep('uploading');
  const pushed = await pushImage(session, image, {
    name: imageName(name),
    signal,
    onProgress: (done, total) => onStep(`uploading ${bar(done / Math.max(1, total))}`),
  });
  return pushed.image?.digest ?? image.digest;
}
