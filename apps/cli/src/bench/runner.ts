/** Jobs of the benchmark: built once, submitted by the path that is asked for, their output and their counters brought back. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { storagev1, type jobv1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { buildImageOf } from '../run/build.ts';
import { followJob } from '../run/follow-job.ts';
import { submitJob } from '../run/prepare-job.ts';
import { ioPaths, type JobOptions } from '../run/run-options.ts';
import type { Io } from '../terminal/io.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

export interface BenchJob {
  readonly job: jobv1.Job;
  readonly output: string;
}

export interface JobWish {
  readonly path: string;
  readonly ranks: number;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly policy?: string;
  readonly timeSeconds?: number;
}

export class BenchRunner {
  readonly #session: Session;
  readonly #io: Io;
  readonly #signal: AbortSignal;
  readonly #images = new Map<string, Promise<GuestImage>>();

  constructor(session: Session, io: Io, signal: AbortSignal) {
    this.#session = session;
    this.#io = io;
    this.#signal = signal;
  }

  /** @param source of the repository, e.g. "examples/bench/micro.c" */
  async image(source: string, flags: readonly string[]): Promise<GuestImage> {
    const file = join(root, source);
    if (!existsSync(file))
      throw new CliError(`${file} is not there: the benchmark runs from a checkout of the repository`, exitCodes.failed);
    const key = [source, ...flags].join(' ');
    const built = this.#images.get(key) ?? buildImageOf([file], flags, this.#io, () => undefined, this.#signal).then(({ image }) => image);
    this.#images.set(key, built);
    return built;
  }

  /** @throws CliError when the job does not end well, with what it wrote */
  async run(name: string, image: GuestImage, wish: JobWish): Promise<BenchJob> {
    const io = ioPaths[wish.path];
    if (io === undefined) throw new CliError(`there is no I/O path ${wish.path}`, exitCodes.failed);
    const options: JobOptions = {
      ...{ processes: wish.ranks, io, env: wish.env ?? [], policy: wish.policy ?? 'spread' },
      ...(wish.timeSeconds === undefined ? {} : { time: wish.timeSeconds }),
    };
    const submitted = await submitJob(this.#session, {
      ...{ options, name, image, args: wish.args ?? [], env: {}, cwd: this.#io.cwd, stdin: new Uint8Array(), signal: this.#signal },
      onStep: () => undefined,
    });
    const text = { out: '', err: '' };
    const decoder = new TextDecoder();
    const { job } = await followJob(this.#session, submitted.id, {
      stop: this.#signal,
      cancelReason: 'the benchmark was interrupted',
      handlers: {
        onJob: () => undefined,
        onOutput: (_rank, stream, data) => {
          text[stream === storagev1.OutputStream.STDERR ? 'err' : 'out'] += decoder.decode(data);
          return Promise.resolve();
        },
      },
    });
    if (job.exitCode !== 0)
      throw new CliError(
        `${name} by the path ${wish.path} ended with code ${job.exitCode}: ${job.reason || text.err.slice(-300)}`,
        exitCodes.failed,
      );
    return { job, output: text.out };
  }
}

/** Seconds of all ranks by what their virtual CPUs did, and parts of these ("vmm;block"). */
export function secondsOf(job: jobv1.Job): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { io } of job.ranks) for (const [name, seconds] of Object.entries(io?.seconds ?? {})) sum[name] = (sum[name] ?? 0) + seconds;
  return sum;
}
