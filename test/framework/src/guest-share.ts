/**
 * The part of a job that runs in one process, on the embedded hypervisor without a control plane: some hosts of a subnet, and on each the domains
 * of its ranks. A job has one share in this process, or several in processes of their own (forked-share.ts).
 */
import { createSubnet, type PeerPort, type Subnet } from '@verbena/fabric';
import { createEmbeddedHypervisor, WorkerPool } from '@verbena/hypervisor';
import type { Domain, DomainCounters, Hypervisor, IoPath, ProgramExit, ReleaseMode, RunningProgram } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';

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
  /** Where to listen for the other shares; undefined when there are none. */
  readonly fabric: { readonly listen: string; readonly secret: string } | undefined;
}

export interface ShareHooks {
  output(rank: number, stream: 'stdout' | 'stderr', data: Uint8Array): void;
  /** Resolves with everybody's cards. */
  rendezvous(rank: number, generation: number, card: Uint8Array): Promise<Uint8Array>;
  exited(rank: number, exit: ProgramExit): void;
}

export interface Share {
  /** Its ports, for the others. */
  readonly ports: readonly PeerPort[];
  learn(peers: readonly PeerPort[]): Promise<void>;
  boot(): Promise<void>;
  exec(hooks: ShareHooks): Promise<void>;
  kill(reason: string): Promise<void>;
  /** Asks all programs to stop their channels; false when one of them has ended or has not stopped in time. */
  quiesce(epoch: number, timeoutMs: number): Promise<boolean>;
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
  readonly #programs: RunningProgram[] = [];
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
    const { job, image, memoryBytes, ranks } = this.#plan;
    await Promise.all(
      ranks.map(async ({ rank, host }) => {
        const hypervisor = this.#hypervisors.get(host);
        if (hypervisor === undefined) throw new Error(`rank ${String(rank)} has no host`);
        const id = vmId(`vm-guests-${String(job)}-${String(rank)}`);
        const content = { digest: image.digest, wasm: new Uint8Array(image.wasm) };
        const domain = await hypervisor.createDomain({ id, name: id, image: content, memoryBytes, vcpus: 1 });
        await domain.boot();
        this.#domains.set(rank, domain);
      }),
    );
  }

  async exec(hooks: ShareHooks): Promise<void> {
    const { job, size, hosts, ranks, args, env, stdin, scratchDir, ioPath } = this.#plan;
    for (const { rank, host } of ranks) {
      const domain = this.#domains.get(rank);
      if (domain === undefined) throw new Error(`rank ${String(rank)} was not booted`);
      const program = await domain.exec({
        ...{ jobId: `job-guests-${String(job)}`, rank, size, hostIndex: host, hosts, nodeName: `host-${String(host)}` },
        ...{ pkey: 0x8000 + job, ioPath, jobSeed: BigInt(job), args: ['guest', ...args], env },
        ...(stdin === undefined ? {} : { stdin }),
        ...{ scratchDir, scratchBytes: 64 * MIB, outputLimitBytes: 64 * MIB },
        handlers: {
          output: (stream, data) => hooks.output(rank, stream, data),
          rendezvous: (generation, card) => hooks.rendezvous(rank, generation, card),
        },
      });
      this.#programs.push(program);
      void program.exit.then((exit) => hooks.exited(rank, exit));
    }
  }

  async quiesce(epoch: number, timeoutMs: number): Promise<boolean> {
    const stopped = await Promise.allSettled(this.#programs.map((program) => program.quiesce(epoch, { timeoutMs })));
    return stopped.every(({ status }) => status === 'fulfilled');
  }

  release(epoch: number, mode: ReleaseMode): Promise<void> {
    for (const program of this.#programs) program.release(epoch, mode);
    return Promise.resolve();
  }

  async kill(reason: string): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill(reason)));
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
