/**
 * Runs a guest image as an MPI job in this process, without a control plane, and moves its ranks between hosts while it runs: at moments, and to
 * places, that a seed chooses. Each move is a live migration in small: memory in rounds while the guest runs, the job's channels stopped, the
 * rest while the guest stands, restored in a new domain on another adapter.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSubnet, type Subnet } from '@verbena/fabric';
import type { GuestImage } from '@verbena/guest-image';
import { createEmbeddedHypervisor, WorkerPool } from '@verbena/hypervisor';
import type { Domain, Hypervisor, ProgramExit, RunningProgram, SuspendedProgram } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';
import { applyRecords, DirtyPages, encodeCluster } from '@verbena/live-migration';
import { Rendezvous } from './growth.ts';

export interface Travel {
  readonly image: GuestImage;
  readonly size: number;
  readonly hosts: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly seed: number;
  /** Mean time between two moves. */
  readonly everyMs: number;
  /** Moves end after so many. Default: none but the job's end. */
  readonly mostMoves?: number;
  readonly memoryBytes?: number;
  /** An attempt that has not stopped every rank by then is withdrawn. Default 10,000. */
  readonly patienceMs?: number;
}

export interface Travelled {
  /** By rank. */
  readonly exits: readonly ProgramExit[];
  readonly stdout: readonly string[];
  readonly moves: number;
  /** Attempts that were withdrawn because a rank had ended or did not stop in time. */
  readonly withdrawn: number;
  /** What the first of them was told. */
  readonly why: string;
}

const MIB = 2 ** 20;
let jobs = 0;

interface Rank {
  readonly rank: number;
  host: number;
  domain: Domain;
  program: RunningProgram;
  scratchDir: string;
}

function randomOf(seed: number): () => number {
  let state = (Math.imul(seed, 2654435761) + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Runs the job to the end of every rank. Rejects only when a domain cannot be had or a program cannot go on. */
export async function runTravellingGuests(travel: Travel): Promise<Travelled> {
  const job = new TravellingJob(travel);
  try {
    return await job.run();
  } finally {
    await job.close();
  }
}

class TravellingJob {
  readonly #travel: Travel;
  readonly #job = ++jobs;
  readonly #root = mkdtempSync(join(tmpdir(), 'verbena-travel-'));
  readonly #pool = new WorkerPool({ size: 2 });
  readonly #rendezvous: Rendezvous;
  readonly #hypervisors: Hypervisor[] = [];
  readonly #ranks: Rank[] = [];
  readonly #stdout: string[];
  readonly #exits: PromiseWithResolvers<ProgramExit>[];
  readonly #over = new AbortController();
  readonly #random: () => number;
  #subnet: Subnet | undefined;
  #ticker: NodeJS.Timeout | undefined;
  #number = 0;
  #moves = 0;
  #withdrawn = 0;
  #why = '';

  constructor(travel: Travel) {
    this.#travel = travel;
    this.#rendezvous = new Rendezvous(travel.size);
    this.#stdout = Array.from({ length: travel.size }, () => '');
    this.#exits = this.#stdout.map(() => Promise.withResolvers<ProgramExit>());
    this.#random = randomOf(travel.seed);
  }

  async run(): Promise<Travelled> {
    const { size, hosts } = this.#travel;
    const subnet = (this.#subnet = await createSubnet());
    this.#ticker = setInterval(() => {
      subnet.tick(performance.now());
    }, 10);
    for (let host = 0; host < hosts; host++) {
      const port = subnet.addPort({ nodeName: `host-${String(host)}`, lid: host + 1 });
      this.#hypervisors.push(await createEmbeddedHypervisor({ port, pool: this.#pool }));
    }
    const domains = await Promise.all(this.#stdout.map((_, rank) => this.#boot(Math.floor((rank * hosts) / size))));
    for (const [rank, domain] of domains.entries()) await this.#start(rank, Math.floor((rank * hosts) / size), domain);
    const moving = this.#keepMoving();
    const exits = await Promise.race([
      Promise.all(this.#exits.map(({ promise }) => promise)),
      moving.then(() => new Promise<never>(() => undefined)),
    ]);
    this.#over.abort();
    await moving;
    return { exits, stdout: this.#stdout, moves: this.#moves, withdrawn: this.#withdrawn, why: this.#why };
  }

  async #boot(host: number): Promise<Domain> {
    const { image, memoryBytes = 64 * MIB } = this.#travel;
    const id = vmId(`vm-travel-${String(this.#job)}-${String(this.#number++)}`);
    const content = { digest: image.manifest.content.digest, wasm: image.wasm };
    const domain = await this.#hypervisors[host]?.createDomain({ id, name: id, image: content, memoryBytes, vcpus: 1 });
    if (domain === undefined) throw new Error(`there is no host ${String(host)}`);
    await domain.boot();
    return domain;
  }

  #placeOf(rank: number, host: number) {
    const scratchDir = join(this.#root, String(this.#number++));
    mkdirSync(scratchDir);
    const decoder = new TextDecoder();
    const handlers = {
      output: (_stream: string, data: Uint8Array) => void (this.#stdout[rank] += decoder.decode(data, { stream: true })),
      rendezvous: (generation: number, card: Uint8Array) => this.#rendezvous.meet(generation, rank, card),
    };
    return { hostIndex: host, hosts: this.#travel.hosts, nodeName: `host-${String(host)}`, scratchDir, handlers };
  }

  async #start(rank: number, host: number, domain: Domain): Promise<void> {
    const place = this.#placeOf(rank, host);
    const program = await domain.exec({
      ...{ jobId: `job-travel-${String(this.#job)}`, rank, size: this.#travel.size, pkey: 0x9000 + this.#job, jobSeed: 1n },
      ...{ args: ['guest', ...(this.#travel.args ?? [])], env: this.#travel.env ?? {}, scratchBytes: 64 * MIB, outputLimitBytes: 64 * MIB },
      ...place,
    });
    this.#ranks[rank] = { rank, host, domain, program, scratchDir: place.scratchDir };
    this.#watch(rank, program);
  }

  #watch(rank: number, program: RunningProgram): void {
    void program.exit.then((exit) => {
      if (exit.cause === 'moved') return;
      this.#over.abort();
      this.#exits[rank]?.resolve(exit);
      if (exit.cause !== 'exited') for (const each of this.#ranks) void each.program.kill('another rank failed').catch(() => undefined);
    });
  }

  async #keepMoving(): Promise<void> {
    const { everyMs, mostMoves = Infinity } = this.#travel;
    const over = this.#over.signal;
    for (let epoch = 1; this.#moves < mostMoves && !over.aborted; epoch++) {
      await sleep(this.#random() * 2 * everyMs, undefined, { signal: over }).catch(() => undefined);
      if (!over.aborted) await this.#move(epoch);
    }
  }

  /** One rank, or two at once, to other hosts. */
  async #move(epoch: number): Promise<void> {
    const movers = this.#ranks.filter(() => this.#random() < 1.5 / this.#ranks.length).slice(0, 2);
    const arrivals = await Promise.all(movers.map((rank) => this.#prepare(rank)));
    const { patienceMs: timeoutMs = 10_000 } = this.#travel;
    const quiet = await Promise.allSettled(this.#ranks.map(({ program }) => program.quiesce(epoch, { timeoutMs })));
    const stopped = quiet.every(({ status }) => status === 'fulfilled');
    if (stopped) for (const arrival of arrivals) await arrival.arrive();
    else {
      this.#withdrawn++;
      this.#why ||= quiet.map((each) => (each.status === 'rejected' ? String(each.reason) : '')).join('');
      await Promise.all(arrivals.map(({ target }) => target.destroy('not needed')));
    }
    for (const { program } of this.#ranks) program.release(epoch, stopped ? 'new-adapter' : 'same');
  }

  async #prepare(rank: Rank) {
    const { hosts } = this.#travel;
    const host = hosts === 1 ? 0 : (rank.host + 1 + Math.floor(this.#random() * (hosts - 1))) % hosts;
    const target = await this.#boot(host);
    const dirty = new DirtyPages();
    const round = (memory: Uint8Array): void => {
      if (memory.length === 0) return;
      for (const cluster of dirty.scan(memory))
        applyRecords(
          Buffer.concat(encodeCluster(cluster, { delta: true, compression: 0 })),
          (bytes) => target.incoming(bytes),
          target.config.memoryBytes,
        );
    };
    round(rank.program.memory());
    return { target, arrive: () => this.#arrive(rank, host, target, round) };
  }

  async #arrive(rank: Rank, host: number, target: Domain, round: (memory: Uint8Array) => void): Promise<void> {
    const suspended: SuspendedProgram = await rank.program.suspend();
    round(suspended.memory);
    target.incoming(suspended.memory.length);
    const place = this.#placeOf(rank.rank, host);
    const program = await target.restore({ ...place, files: suspended.files() }, structuredClone(suspended.state));
    await suspended.discard();
    await rank.domain.destroy('its program has moved');
    Object.assign(rank, { host, domain: target, program, scratchDir: place.scratchDir });
    this.#watch(rank.rank, program);
    this.#moves++;
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    await Promise.allSettled(this.#hypervisors.map((hypervisor) => hypervisor.close()));
    await this.#pool.close();
    this.#subnet?.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}
