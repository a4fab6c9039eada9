/**
 * Runs a guest image as an MPI job directly on the embedded hypervisor, without a control plane: one domain per rank, on the ports of an
 * in-memory subnet, with the rendezvous collected here. Domains are created, used once and destroyed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSubnet } from '@verbena/fabric';
import type { GuestImage } from '@verbena/guest-image';
import { createEmbeddedHypervisor, WorkerPool } from '@verbena/hypervisor';
import type { Domain, Hypervisor, ProgramExit, ProgramHandlers, RunningProgram } from '@verbena/hypervisor';
import { vmId } from '@verbena/ids';

export interface GuestRun {
  readonly image: GuestImage;
  /** Ranks. */
  readonly size: number;
  /** Hosts that the ranks are spread over, in blocks. Default 1. */
  readonly hosts?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Per rank, in bytes. Default 256 MiB. */
  readonly memoryBytes?: number;
  /** How long guests poll before they sleep. Default: the hypervisor's. */
  readonly spinNs?: number;
  /** Ranks that still run after this many milliseconds are killed. Default 60,000. */
  readonly limitMs?: number;
}

export interface GuestRunResult {
  /** By rank. */
  readonly exits: readonly ProgramExit[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** What each rank was waiting for when the limit ended it; empty when it did not. */
  readonly waitsFor: readonly string[];
}

/** Hands every rank's card to every rank, once all of a round are there. */
class Rendezvous {
  readonly #size: number;
  readonly #rounds = new Map<number, { cards: Uint8Array[]; given: number; all: Promise<Uint8Array>; done: (all: Uint8Array) => void }>();

  constructor(size: number) {
    this.#size = size;
  }

  meet(generation: number, rank: number, card: Uint8Array): Promise<Uint8Array> {
    let round = this.#rounds.get(generation);
    if (round === undefined) {
      const { promise, resolve } = Promise.withResolvers<Uint8Array>();
      round = { cards: [], given: 0, all: promise, done: resolve };
      this.#rounds.set(generation, round);
    }
    round.cards[rank] = card;
    if (++round.given === this.#size) round.done(new Uint8Array(Buffer.concat(round.cards)));
    return round.all;
  }
}

let jobs = 0;
const MIB = 2 ** 20;

/** Runs the job to the end of every rank. Rejects only when domains cannot be created or booted; a guest's failure is in its exit. */
export async function runGuests(run: GuestRun): Promise<GuestRunResult> {
  const { size, hosts = 1, limitMs = 60_000 } = run;
  const job = ++jobs;
  const directory = mkdtempSync(join(tmpdir(), 'verbena-guests-'));
  const subnet = await createSubnet();
  const ticker = setInterval(() => {
    subnet.tick(performance.now());
  }, 10);
  const pool = new WorkerPool({ size });
  const hypervisors: Hypervisor[] = [];
  try {
    for (let host = 0; host < hosts; host++) {
      const port = subnet.addPort({ nodeName: `host-${String(host)}` });
      hypervisors.push(await createEmbeddedHypervisor({ port, pool, ...(run.spinNs === undefined ? {} : { spinNs: run.spinNs }) }));
    }
    const domains = await bootAll(run, hypervisors, job);
    return await execute(run, domains, directory, job, limitMs);
  } finally {
    clearInterval(ticker);
    await Promise.allSettled(hypervisors.map((hypervisor) => hypervisor.close()));
    await pool.close();
    subnet.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const hostOf = (rank: number, size: number, hosts: number): number => Math.floor((rank * hosts) / size);

async function bootAll(run: GuestRun, hypervisors: readonly Hypervisor[], job: number): Promise<Domain[]> {
  const { image, size, hosts = 1, memoryBytes = 256 * MIB } = run;
  return Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const hypervisor = hypervisors[hostOf(rank, size, hosts)];
      if (hypervisor === undefined) throw new Error(`rank ${String(rank)} has no host`);
      const id = vmId(`vm-guests-${String(job)}-${String(rank)}`);
      const content = { digest: image.manifest.content.digest, wasm: image.wasm };
      const domain = await hypervisor.createDomain({ id, name: id, image: content, memoryBytes, vcpus: 1 });
      await domain.boot();
      return domain;
    }),
  );
}

async function execute(
  run: GuestRun,
  domains: readonly Domain[],
  directory: string,
  job: number,
  limitMs: number,
): Promise<GuestRunResult> {
  const { size, hosts = 1 } = run;
  const rendezvous = new Rendezvous(size);
  const output = domains.map(() => ({ stdout: '', stderr: '' }));
  const waitsFor = domains.map(() => '');
  const decoders = domains.map(() => ({ stdout: new TextDecoder(), stderr: new TextDecoder() }));
  const programs: RunningProgram[] = [];
  const handlersOf = (rank: number): ProgramHandlers => ({
    output(stream, data) {
      const texts = output[rank];
      const decoder = decoders[rank];
      if (texts !== undefined && decoder !== undefined) texts[stream] += decoder[stream].decode(data, { stream: true });
    },
    rendezvous: (generation, card) => rendezvous.meet(generation, rank, card),
  });
  const killAll = (reason: string): void => {
    for (const program of programs) void program.kill(reason);
  };
  for (const [rank, domain] of domains.entries()) {
    const hostIndex = hostOf(rank, size, hosts);
    const program = await domain.exec({
      ...{ jobId: `job-guests-${String(job)}`, rank, size, hostIndex, hosts, nodeName: `host-${String(hostIndex)}` },
      ...{ pkey: 0x8000 + job, jobSeed: BigInt(job), args: ['guest', ...(run.args ?? [])], env: run.env ?? {} },
      ...(run.stdin === undefined ? {} : { stdin: run.stdin }),
      ...{ scratchDir: directory, scratchBytes: 64 * MIB, outputLimitBytes: 64 * MIB, handlers: handlersOf(rank) },
    });
    programs.push(program);
  }
  const limit = setTimeout(() => {
    domains.forEach((domain, rank) => (waitsFor[rank] = domain.activity().waitsFor));
    killAll(`the test's limit of ${String(limitMs)} ms has passed`);
  }, limitMs);
  // The end of one rank in failure is the end of the job, as it is under a scheduler.
  for (const program of programs) {
    void program.exit.then((exit) => {
      if (exit.cause !== 'exited') killAll('another rank failed');
    });
  }
  const exits = await Promise.all(programs.map((program) => program.exit));
  clearTimeout(limit);
  return { exits, stdout: output.map((each) => each.stdout), stderr: output.map((each) => each.stderr), waitsFor };
}
