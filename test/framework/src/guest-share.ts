/**
 * The part of a job that runs in one process, on the embedded hypervisor without a control plane: some hosts of a subnet, and on each the domains
 * of its ranks. A job has one share in this process, or several in processes of their own (forked-share.ts).
 */
import { createSubnet, type PeerPort, type Subnet } from '@verbena/fabric';
import { createEmbeddedHypervisor, WorkerPool } from '@verbena/hypervisor';
import type { Domain, DomainCounters, Hypervisor, IoPath, ProgramExit, ProgramSpec } from '@verbena/hypervisor';
import type { ReleaseMode, RunningProgram, SpawnAnswer, SpawnRequest } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';
import type { Growth, Newcomer } from './growth.ts';

/** Structured-cloneable. */
export interface SharePlan {
  readonly job: number;
  readonly image: { readonly digest: string; readonly wasm: Uint8Array };
  /** All ranks and hosts of the job. */
  readonly size: number;
  readonly hosts: number;
  /** Those of this share. */
  readonly ranks: readonly { readonly rank: number; readonly host: number }[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Uint8Array | undefined;
  readonly memoryBytes: number;
  readonly spinNs: number | undefined;
  readonly ioPath: IoPath;
  readonly scratchDir: string;
  /** Processes that it might have at once: MPI_UNIVERSE_SIZE. */
  readonly universe: number;
  /** Where to listen for the other shares; undefined when there are none. */
  readonly fabric: { readonly listen: string; readonly secret: string } | undefined;
}

export interface ShareHooks {
  output(rank: number, stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /** Resolves with everybody's cards. */
  rendezvous(rank: number, generation: number, card: Uint8Array): Promise<Uint8Array>;
  exited(rank: number, exit: ProgramExit): void;
  spawn(rank: number, request: SpawnRequest): Promise<SpawnAnswer>;
}

export interface Share {
  /** Its ports, for the others. */
  readonly ports: readonly PeerPort[];
  learn(peers: readonly PeerPort[]): Promise<void>;
  boot(): Promise<void>;
  exec(hooks: ShareHooks): Promise<void>;
  kill(reason: string): Promise<void>;
  /** Asks the programs to stop their channels that have not ended: those that have stopped, or undefined when one has not in time. */
  quiesce(epoch: number, timeoutMs: number): Promise<readonly number[] | undefined>;
  /** Starts those of the new ranks that are to be here, and tells the ranks that stand here of all. */
  grow(growth: Growth): Promise<void>;
  /** Lets those go on that have stopped, and withdraws the request from the others. */
  release(epoch: number, mode: ReleaseMode): Promise<void>;
  /** What each rank waits for, by rank. */
  waitsFor(): Promise<ReadonlyMap<number, string>>;
  close(): Promise<void>;
}

const MIB = 2 ** 20;

export class LocalShare implements Share {
  readonly #plan: SharePlan;
  readonly #subnet: Subnet;
  readonly #pool: WorkerPool;
  readonly #ownsPool: boolean;
  readonly #ticker: NodeJS.Timeout;
  readonly #hypervisors = new Map<number, Hypervisor>();
  readonly #domains = new Map<number, Domain>();
  readonly #programs = new Map<number, RunningProgram>();
  readonly #ended = new Set<number>();
  #hooks: ShareHooks | undefined;
  readonly ports: PeerPort[] = [];

  private constructor(plan: SharePlan, subnet: Subnet, threads: WorkerPool | undefined) {
    this.#plan = plan;
    this.#subnet = subnet;
    this.#ownsPool = threads === undefined;
    this.#pool = threads ?? new WorkerPool({ size: plan.ranks.length });
    this.#ticker = setInterval(() => {
      subnet.tick(performance.now());
    }, 10);
  }

  /** `threads`: those that the guests run on, which stay with the caller. */
  static async open(plan: SharePlan, threads?: WorkerPool): Promise<LocalShare> {
    const share = new LocalShare(plan, await createSubnet(plan.fabric === undefined ? {} : { fabric: plan.fabric }), threads);
    for (const host of new Set(plan.ranks.map((each) => each.host))) {
      const port = share.#subnet.addPort({ nodeName: `host-${String(host)}`, lid: host + 1 });
      share.ports.push({ lid: port.lid, endpoint: port.endpoint });
      const spin = plan.spinNs === undefined ? {} : { spinNs: plan.spinNs };
      share.#hypervisors.set(host, await createEmbeddedHypervisor({ port, pool: share.#pool, ...spin }));
    }
    return share;
  }

  learn(peers: readonly PeerPort[]): Promise<void> {
    this.#subnet.ports()[0]?.learnPeers(peers);
    return Promise.resolve();
  }

  async boot(): Promise<void> {
    await Promise.all(this.#plan.ranks.map(({ rank, host }) => this.#boot(rank, host, this.#plan.image)));
  }

  async #boot(rank: number, host: number, image: SharePlan['image']): Promise<void> {
    const { job, memoryBytes } = this.#plan;
    const hypervisor = this.#hypervisors.get(host);
    if (hypervisor === undefined) throw new Error(`rank ${String(rank)} has no host`);
    const id = vmId(`vm-guests-${String(job)}-${String(rank)}`);
    const content = { digest: image.digest, wasm: new Uint8Array(image.wasm) };
    const domain = await hypervisor.createDomain({ id, name: id, image: content, memoryBytes, vcpus: 1 });
    await domain.boot();
    this.#domains.set(rank, domain);
  }

  async exec(hooks: ShareHooks): Promise<void> {
    const { size, hosts, ranks, args, stdin, universe } = this.#plan;
    this.#hooks = hooks;
    const world = { first: 0, size, firstSize: size, appNumber: 0, universe };
    for (const { rank, host } of ranks) {
      const input = stdin === undefined ? {} : { stdin };
      await this.#exec({ rank, host, args: ['guest', ...args], world, rendezvous: 0 }, { size, hosts, ...input });
    }
  }

  async #exec({ rank, host, args, world, rendezvous }: Omit<Newcomer, 'image'>, job: Pick<ProgramSpec, 'size' | 'hosts' | 'stdin'>) {
    const { job: number, env, scratchDir, ioPath } = this.#plan;
    const [domain, hooks] = [this.#domains.get(rank), this.#hooks];
    if (domain === undefined || hooks === undefined) throw new Error(`rank ${String(rank)} was not booted`);
    const program = await domain.exec({
      ...{ jobId: `job-guests-${String(number)}`, rank, hostIndex: host, nodeName: `host-${String(host)}`, ...job },
      ...{ pkey: 0x8000 + number, ioPath, jobSeed: BigInt(number), args, env, world, rendezvous },
      ...{ scratchDir, scratchBytes: 64 * MIB, outputLimitBytes: 64 * MIB },
      handlers: {
        output: (stream, data) => hooks.output(rank, stream, data),
        rendezvous: (generation, card) => hooks.rendezvous(rank, generation, card),
        spawn: (request) => hooks.spawn(rank, request),
      },
    });
    this.#programs.set(rank, program);
    void program.exit.then((exit) => {
      this.#ended.add(rank);
      hooks.exited(rank, exit);
    });
  }

  async quiesce(epoch: number, timeoutMs: number): Promise<readonly number[] | undefined> {
    const standing = [...this.#programs].filter(([rank]) => !this.#ended.has(rank) && !this.#hasFinalized(rank));
    const stopped = await Promise.allSettled(standing.map(([, program]) => program.quiesce(epoch, { timeoutMs })));
    if (!stopped.every(({ status }) => status === 'fulfilled')) return undefined;
    // One that was through with MPI by the time stands at a poll, and will not meet the others.
    return standing.map(([rank]) => rank).filter((rank) => !this.#hasFinalized(rank));
  }

  #hasFinalized(rank: number): boolean {
    return this.#domains.get(rank)?.activity().mpiState === 'finalized';
  }

  async grow({ size, hosts, newcomers }: Growth): Promise<void> {
    const here = newcomers.filter(({ host }) => this.#hypervisors.has(host));
    await Promise.all(here.map(({ rank, host, image }) => this.#boot(rank, host, image)));
    for (const program of this.#programs.values()) program.grow(size, hosts);
    for (const newcomer of here) await this.#exec(newcomer, { size, hosts });
  }

  release(epoch: number, mode: ReleaseMode): Promise<void> {
    for (const program of this.#programs.values()) program.release(epoch, mode);
    return Promise.resolve();
  }

  async kill(reason: string): Promise<void> {
    await Promise.all([...this.#programs.values()].map((program) => program.kill(reason)));
  }

  waitsFor(): Promise<ReadonlyMap<number, string>> {
    return Promise.resolve(new Map([...this.#domains].map(([rank, domain]) => [rank, domain.activity().waitsFor])));
  }

  /** Of a rank, while it runs or after it has ended. */
  counters(rank: number): DomainCounters | undefined {
    return this.#domains.get(rank)?.counters();
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.allSettled([...this.#hypervisors.values()].map((hypervisor) => hypervisor.close()));
    if (this.#ownsPool) await this.#pool.close();
    this.#subnet.close();
  }
}
