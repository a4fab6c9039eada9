/** A job of a benchmark whose VMs are moved while it runs. Its program says "ready" when it may begin. */
import { jobv1, migrationv1, storagev1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import { openSession, type Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { submitJob } from '../run/prepare-job.ts';

export interface MovingJobWish {
  readonly image: GuestImage;
  readonly args: readonly string[];
  readonly processes: number;
  /** Of each VM, in bytes. */
  readonly memoryBytes?: number;
  readonly signal: AbortSignal;
}

export interface MoveWish {
  readonly transport: 'tcp' | 'rdma';
  readonly clustering?: boolean;
  readonly mode?: 'precopy' | 'stopcopy';
  readonly design?: Design;
}

/** When ranks stop: while they compute, or in MPI calls only. */
export type Design = 'mt' | 'pe';

/** A migration that has completed; times in milliseconds. */
export interface Moved {
  readonly totalMs: number;
  readonly downtimeMs: number;
  /** For how long all ranks of the job stood. */
  readonly pauseMs: number;
  readonly rounds: number;
  readonly bytes: number;
}

const pageBytes = 4_096;
const ended = new Set(['completed', 'failed', 'cancelled']);

export class MovingJob {
  readonly id: string;
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #ready = Promise.withResolvers<void>();
  readonly #output: Promise<string>;

  private constructor(session: Session, id: string, signal: AbortSignal) {
    this.#session = session;
    this.#signal = signal;
    this.id = id;
    this.#output = this.#follow();
    this.#ready.promise.catch(() => undefined);
    this.#output.catch(this.#ready.reject);
  }

  /** Resolves when the program has said that it is ready. @param cluster its address, or a session with it */
  static async start(cluster: string | Session, wish: MovingJobWish): Promise<MovingJob> {
    const session = typeof cluster === 'string' ? openSession({ url: cluster }) : cluster;
    const { image, args, processes, memoryBytes, signal } = wish;
    const options = { processes, policy: 'spread', ...(memoryBytes === undefined ? {} : { mem: memoryBytes }) };
    const nothing = { env: {}, cwd: '/', stdin: new Uint8Array(), onStep: () => undefined };
    const { id } = await submitJob(session, { options, name: 'moving', image, args, signal, ...nothing });
    const job = new MovingJob(session, id, signal);
    await job.#ready.promise;
    return job;
  }

  async #follow(): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    const stream = this.#session.client(storagev1.OutputService).streamOutput({ jobId: this.id, follow: true }, { signal: this.#signal });
    for await (const { pieces } of stream)
      for (const { data } of pieces) {
        text += decoder.decode(data, { stream: true });
        if (text.includes('ready\n')) this.#ready.resolve();
      }
    this.#ready.reject(new CliError(`job ${this.id} has ended before it was ready: ${text.slice(-300)}`, exitCodes.failed));
    return text;
  }

  /** Moves the VM of a rank to the host with the most room. @throws CliError when it stays where it is */
  async move(rank: number, { transport, clustering = true, mode = 'precopy', design = 'mt' }: MoveWish): Promise<Moved> {
    const signal = { signal: this.#signal };
    const { job } = await this.#session.client(jobv1.JobService).getJob({ id: this.id }, signal);
    const vmId = job?.ranks.find((each) => each.rank === rank)?.vmId ?? '';
    const client = this.#session.client(migrationv1.MigrationService);
    const { MigrationDesign, MigrationTransport, MigrationMode } = migrationv1;
    const transfer = {
      transport: transport === 'rdma' ? MigrationTransport.RDMA : MigrationTransport.TCP,
      clusterBytes: clustering ? 0 : pageBytes,
      design: design === 'pe' ? MigrationDesign.PE : MigrationDesign.MT,
    };
    const wish = { vmId, transfer, mode: mode === 'precopy' ? MigrationMode.PRECOPY : MigrationMode.STOPCOPY };
    const { migration } = await client.migrateVm(wish, signal);
    for await (const { migration: now } of client.watchMigration({ id: migration?.id ?? '' }, signal))
      if (now !== undefined && ended.has(now.phase)) return figuresOf(now);
    throw new CliError(`nobody has told how the migration of ${vmId} ended`, exitCodes.failed);
  }

  /** What the program has written, when it has ended by itself. */
  output(): Promise<string> {
    return this.#output;
  }

  /** Ends it, and resolves when its VMs are free. */
  async cancel(): Promise<void> {
    await this.#session.client(jobv1.JobService).cancelJob({ id: this.id, reason: 'it has been measured' });
    await this.#output.catch(() => undefined);
  }
}

function figuresOf({ phase, detail, startedAt, endedAt, downtime, pause, rounds, last }: migrationv1.Migration): Moved {
  if (phase !== 'completed') throw new CliError(`the migration has ${phase}: ${detail}`, exitCodes.failed);
  const ms = (time: { readonly seconds: bigint; readonly nanos: number } | undefined): number =>
    time === undefined ? Number.NaN : Number(time.seconds) * 1_000 + time.nanos / 1e6;
  const copies = last === undefined ? rounds : [...rounds, last];
  const bytes = copies.reduce((sum, copy) => sum + Number(copy.bytes), 0);
  return { totalMs: ms(endedAt) - ms(startedAt), downtimeMs: ms(downtime), pauseMs: ms(pause), rounds: rounds.length, bytes };
}
