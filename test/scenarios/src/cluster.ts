/** A cluster for the stories of one file: `verbena up` in a sandbox, as a user starts it. */
import { Sandbox, type Ended, type Running, type StartOptions } from '@verbena/framework';

export interface JobView {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly exitCode: number;
  readonly endCause: string;
  readonly imageBytesTransferred: string;
  readonly vmsBooted: number;
  readonly vmsReused: number;
  readonly restoredFrom: string;
  readonly ranks: readonly {
    readonly rank: number;
    readonly nodeName: string;
    readonly vmId: string;
    readonly dataPathVmmOperations?: string;
  }[];
}

export interface UpSettings {
  readonly hosts?: number;
  readonly cores?: number;
  /** More words for `verbena up`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class StoryCluster {
  readonly sandbox: Sandbox;
  #up: Running;

  private constructor(sandbox: Sandbox, up: Running) {
    this.sandbox = sandbox;
    this.#up = up;
  }

  static async up(options: UpSettings = {}): Promise<StoryCluster> {
    const sandbox = await Sandbox.create();
    const args = ['up', '--hosts', String(options.hosts ?? 4), '--cores', String(options.cores ?? 2), ...(options.args ?? [])];
    const cluster = new StoryCluster(sandbox, launch(sandbox, args, options.env));
    await cluster.ready();
    return cluster;
  }

  async ready(): Promise<void> {
    await this.#up.printed(/ready/i, 90_000);
  }

  /** The process of `verbena up`. */
  get process(): Running {
    return this.#up;
  }

  /** Starts it again in the same sandbox, after it was ended. */
  async again(args: readonly string[] = ['up', '--hosts', '4', '--cores', '2']): Promise<void> {
    this.#up = launch(this.sandbox, args);
    await this.ready();
  }

  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.sandbox.cli(['run', ...args], options);
  }

  /** The newest job, as `job show --json` gives it. */
  async lastJob(): Promise<JobView> {
    const { jobs } = await this.sandbox.json<{ jobs: readonly { id: string }[] }>(['jobs']);
    const id = jobs[0]?.id;
    if (id === undefined) throw new Error('there is no job');
    return this.job(id);
  }

  job(id: string): Promise<JobView> {
    return this.sandbox.json<JobView>(['job', 'show', id]);
  }

  async down(): Promise<void> {
    this.#up.signal('SIGTERM');
    await this.#up.ended.catch(() => undefined);
    await this.sandbox.destroy();
  }
}

function launch(sandbox: Sandbox, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return sandbox.start(args, { timeoutMs: 900_000, env });
}
