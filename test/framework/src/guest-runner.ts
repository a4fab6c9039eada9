/**
 * Runs a guest image as an MPI job directly on the embedded hypervisor, without a control plane: one domain per rank, on the ports of a
 * subnet in this process or spread over several, with the rendezvous collected here. Domains are created, used once and destroyed.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GuestImage } from '@verbena/guest-image';
import { WorkerPool, type IoPath, type ProgramExit, type SpawnRequest } from '@verbena/hypervisor';
import { ForkedShare } from './forked-share.ts';
import { Rendezvous, spawnInto, Standstill } from './growth.ts';
import { keepQuiescing, type Quiescing, type QuiescingTally } from './quiescing.ts';
import { LocalShare, type Share, type SharePlan } from './guest-share.ts';

export interface GuestRun {
  readonly image: GuestImage;
  /** Ranks. */
  readonly size: number;
  /** Hosts that the ranks are spread over, in blocks. Default 1. */
  readonly hosts?: number;
  /** Processes that the hosts are spread over, in blocks. Default 0: all in this one. */
  readonly processes?: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
  /** Per rank, in bytes. Default 256 MiB. */
  readonly memoryBytes?: number;
  /** How long guests poll before they sleep. Default: the hypervisor's. */
  readonly spinNs?: number;
  /** How the guests reach the adapter. Default: bypass. */
  readonly ioPath?: IoPath;
  /** Ranks that still run after this many milliseconds are killed. Default 60,000. */
  readonly limitMs?: number;
  /** Stops and renews the channels while the programs run. */
  readonly quiescing?: Quiescing;
  /** Cores that are free beside those of the ranks, for MPI_Comm_spawn; those of ranks that have ended are free, too. Default 4. */
  readonly spareCores?: number;
  /** Programs that MPI_Comm_spawn may name beside the running one. */
  readonly programs?: Readonly<Record<string, GuestImage>>;
  /** Threads for the guests of one run after the other; who made them closes them. Default: new ones, for this run alone. */
  readonly threads?: WorkerPool;
  /** Called with the process ids of the shares when all programs run. */
  readonly onRunning?: (pids: readonly number[]) => void;
}

export interface GuestRunResult {
  /** By rank. */
  readonly exits: readonly ProgramExit[];
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** What each rank was waiting for when the limit ended it; empty when it did not. */
  readonly waitsFor: readonly string[];
  /** When the run asked for it. */
  readonly quiescing: QuiescingTally | undefined;
}

/** Threads that the guests of many runs share: what a run costs is mostly starting its threads. */
export const guestThreads = (): WorkerPool => new WorkerPool({ size: 8 });

const defaultSpareCores = 4;
let jobs = 0;
const MIB = 2 ** 20;

/** Runs the job to the end of every rank. Rejects only when domains cannot be created or booted; a guest's failure is in its exit. */
export async function runGuests(run: GuestRun): Promise<GuestRunResult> {
  const scratchDir = mkdtempSync(join(tmpdir(), 'verbena-guests-'));
  const shares: Share[] = [];
  try {
    const opened = await Promise.allSettled(
      plansOf(run, scratchDir).map((plan) => (run.processes ? ForkedShare.open(plan) : LocalShare.open(plan, run.threads))),
    );
    for (const each of opened) if (each.status === 'fulfilled') shares.push(each.value);
    for (const each of opened) if (each.status === 'rejected') throw each.reason;
    const ports = shares.flatMap((share) => share.ports);
    if (shares.length > 1) await Promise.all(shares.map((share) => share.learn(ports)));
    await Promise.all(shares.map((share) => share.boot()));
    return await execute(run, shares);
  } finally {
    await Promise.allSettled(shares.map((share) => share.close()));
    rmSync(scratchDir, { recursive: true, force: true });
  }
}

function plansOf(run: GuestRun, scratchDir: string): SharePlan[] {
  const { image, size, hosts = 1, processes = 0 } = run;
  const job = ++jobs;
  const secret = randomBytes(16).toString('hex');
  const ranks = Array.from({ length: size }, (_, rank) => ({ rank, host: Math.floor((rank * hosts) / size) }));
  return Array.from({ length: Math.max(1, processes) }, (_, process) => ({
    ...{
      job,
      size,
      hosts,
      scratchDir,
      stdin: run.stdin,
      spinNs: run.spinNs,
      ioPath: run.ioPath ?? 'bypass',
      universe: size + (run.spareCores ?? defaultSpareCores),
      args: run.args ?? [],
      env: run.env ?? {},
    },
    image: { digest: image.manifest.content.digest, wasm: image.wasm },
    memoryBytes: run.memoryBytes ?? 256 * MIB,
    ranks: ranks.filter(({ host }) => processes === 0 || Math.floor((host * processes) / hosts) === process),
    fabric: processes > 1 ? { listen: '127.0.0.1:0', secret } : undefined,
  }));
}

async function execute(run: GuestRun, shares: readonly Share[]): Promise<GuestRunResult> {
  const { size, hosts = 1, limitMs = 60_000, image, programs = {}, spareCores = defaultSpareCores } = run;
  const rendezvous = new Rendezvous(size);
  const job = new Standstill(shares, size, rendezvous);
  const texts: { stdout: string; stderr: string }[] = [];
  const newDecoders = () => ({ stdout: new TextDecoder(), stderr: new TextDecoder() });
  const decoders: ReturnType<typeof newDecoders>[] = [];
  const waitsFor: string[] = [];
  const exits: PromiseWithResolvers<ProgramExit>[] = [];
  let ended = 0;
  const begins = (rank: number): void => {
    texts[rank] = { stdout: '', stderr: '' };
    decoders[rank] = newDecoders();
    waitsFor[rank] = '';
    exits[rank] = Promise.withResolvers<ProgramExit>();
  };
  for (let rank = 0; rank < size; rank++) begins(rank);
  const running = (): number => exits.length - ended;
  const spawning = { image, programs, firstSize: size, hosts, universe: size + spareCores, running, begins };
  const killAll = (reason: string): void => {
    for (const share of shares) void share.kill(reason).catch(() => undefined);
  };
  const hooks = {
    output(rank: number, stream: 'stdout' | 'stderr', data: Uint8Array): void {
      const text = texts[rank];
      const decoder = decoders[rank];
      if (text !== undefined && decoder !== undefined) text[stream] += decoder[stream].decode(data, { stream: true });
    },
    rendezvous: (rank: number, generation: number, card: Uint8Array) => rendezvous.meet(generation, rank, card),
    spawn: (rank: number, request: SpawnRequest) => spawnInto(job, spawning, rank, request),
    /** The end of one rank in failure is the end of the job, as it is under a scheduler. */
    exited(rank: number, exit: ProgramExit): void {
      ended++;
      exits[rank]?.resolve(exit);
      if (exit.cause !== 'exited') killAll('another rank failed');
    },
  };
  await Promise.all(shares.map((share) => share.exec(hooks)));
  run.onRunning?.(shares.flatMap((share) => (share instanceof ForkedShare ? [share.pid] : [])));
  const limit = setTimeout(() => {
    void Promise.all(shares.map(async (share) => (await share.waitsFor()).forEach((text, rank) => (waitsFor[rank] = text)))).finally(() =>
      killAll(`the test's limit of ${String(limitMs)} ms has passed`),
    );
  }, limitMs);
  const over = new AbortController();
  for (const { promise } of exits) void promise.then(() => over.abort());
  const quiescing = run.quiescing === undefined ? undefined : keepQuiescing(job, run.quiescing, over.signal);
  const results: ProgramExit[] = [];
  // There may be more of them meanwhile.
  for (let rank = 0; rank < exits.length; rank++) results[rank] = (await exits[rank]?.promise) as ProgramExit;
  clearTimeout(limit);
  return {
    quiescing: await quiescing,
    exits: results,
    stdout: texts.map((each) => each.stdout),
    stderr: texts.map((each) => each.stderr),
    waitsFor,
  };
}
