/**
 * The ranks of one job on this node, from StartRanks to the last report.
 *
 *   claim VMs -> scratch directories -> exec all -> [running] -> for each rank: drain output, keep files, release VM, report
 *
 * `settled` resolves when all that belongs to the node is done (programs ended, output and files in storage, VMs idle or gone); `reported`
 * when the scheduler knows, too. StopRanks waits for the first only, since the scheduler may call it while it takes a report.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Domain, ProgramExit, ProgramHandlers, ProgramSpec, RunningProgram, SpawnAnswer, SpawnRequest } from '@verbena/hypervisor';
import { failSpan, inSpan, metric, startSpan, type Metrics } from '@verbena/service-kit';
import { context as otel, ROOT_CONTEXT, trace, type Span, type Tracer } from '@opentelemetry/api';
import { readRank, restoreRank } from '../checkpoint/restored-ranks.ts';
import { messageOf, Refusal } from '../errors.ts';
import type { Vm, VmTable } from '../vms/vm-table.ts';
import { ActivityMonitor, sampleEveryMs } from './activity-monitor.ts';
import { exitOf, inWords } from './exit-report.ts';
import { localityOf, type JobGrowth, type JobStart, type StartFrom } from './job-start.ts';
import { OutputPump, type OutputPiece } from './output-pump.ts';
import type { JobPorts, Report } from './job-ports.ts';
import { keepRank } from './rank-end.ts';
import { LocalRendezvous } from './rendezvous.ts';
import { allOf, allOrFirstError } from './settling.ts';
import { prepareScratch, removeScratch } from './scratch.ts';

export interface JobRunOptions {
  readonly start: JobStart;
  readonly nodeId: string;
  readonly nodeName: string;
  readonly vms: VmTable;
  readonly ports: JobPorts;
  readonly scratchRoot: string;
  readonly tracer: Tracer;
  readonly metrics: Metrics;
}

/** A rank that runs here. */
export interface Rank {
  readonly rank: number;
  readonly vm: Vm & { domain: Domain };
  readonly scratchDir: string;
  inputs: ReadonlyMap<string, string>;
  program: RunningProgram | undefined;
  exit?: ProgramExit;
  /** Requests for more ranks that it has made. */
  requests: number;
  /** It goes on on another node: its end here tells nobody anything. */
  moved?: true;
  /** From the start of its program to the report of its end. */
  span: Span | undefined;
  /** Runs something within that span, on behalf of whoever started the job. */
  within: <T>(run: () => T) => T;
}

/** A rank on its way to this run. */
export interface Arrival extends Pick<Rank, 'rank' | 'vm' | 'inputs'> {
  readonly migrationId: string;
  readonly output: { readonly stdout: bigint; readonly stderr: bigint };
  readonly restore: (scratchDir: string, handlers: ProgramHandlers) => Promise<RunningProgram>;
}

export class JobRun {
  readonly #options: JobRunOptions;
  readonly #pump: OutputPump;
  readonly #rendezvous: LocalRendezvous;
  readonly #monitor = new ActivityMonitor();
  readonly #stopping = new AbortController();
  #ranks: Rank[] = [];
  #watching = false;
  #nodesByRank: readonly string[];
  #asking = 0;
  #grown = false;
  readonly #settled: Promise<void>[] = [];
  readonly #reported: Promise<void>[] = [];
  readonly #started: Promise<void>;

  constructor(options: JobRunOptions) {
    this.#options = options;
    const { start, ports } = options;
    this.#nodesByRank = start.nodesByRank;
    this.#pump = new OutputPump((pieces) => this.#writeOutput(pieces));
    const local = start.ranks.map(({ rank }) => rank);
    this.#rendezvous = new LocalRendezvous(local, start.nodesByRank.length, (generation, cards) =>
      ports.rendezvous(start, generation, cards, this.#stopping.signal),
    );
    this.#started = this.#start();
    this.#started.catch(() => undefined);
  }

  get jobId(): string {
    return this.#options.start.jobId;
  }

  get attempt(): number {
    return this.#options.start.attempt;
  }

  /** The business cards that ranks of this node have brought so far. */
  meetings(): ReturnType<LocalRendezvous['brought']> {
    return this.#rendezvous.brought();
  }

  /** Resolves when every program runs; rejects with the reason when one could not be started, and then none runs. */
  get started(): Promise<void> {
    return this.#started;
  }

  async settled(): Promise<void> {
    await this.#started.catch(() => undefined);
    await allOf(this.#settled);
  }

  async reported(): Promise<void> {
    await this.settled();
    await allOf(this.#reported);
    await removeScratch(this.#scratchDir());
  }

  /** Ends all programs of the job here; resolves when nothing of them is left to do on this node. */
  async stop(reason: string): Promise<void> {
    this.#stopping.abort(new Error(reason));
    await this.#started.catch(() => undefined);
    await Promise.allSettled(this.#ranks.map(({ program }) => program?.kill(reason)));
    await this.settled();
  }

  /** Those that run here, and have not ended. */
  ranks(): readonly Rank[] {
    return this.#ranks.filter(({ exit, moved }) => exit === undefined && moved !== true);
  }

  /** Rendezvous that ranks have come to here. */
  get rendezvousMade(): number {
    return this.#rendezvous.made;
  }

  /** Why its ranks can be neither moved nor saved; undefined when they can. */
  get rooted(): string | undefined {
    if (this.#grown) return 'it has spawned processes (MPI_Comm_spawn), and such a job stays where it is';
    return this.#asking > 0 ? 'a rank is asking for more processes' : undefined;
  }

  /**
   * The job has more ranks, and those of them that are to be here begin; the others, which stand still, find them when they go on.
   * @throws {Refusal} when one could not be started, and then none has been here
   */
  async grow({ nodesByRank, ranks, gone, world, rendezvous }: JobGrowth): Promise<void> {
    const joined = Promise.withResolvers<void>();
    this.#settled.push(joined.promise);
    const coming: Rank[] = [];
    try {
      this.#grown = true;
      this.#nodesByRank = nodesByRank;
      this.#rendezvous.grow(nodesByRank.length, gone);
      for (const { rank, vmId } of ranks) coming.push(this.#newRank(rank, this.#options.vms.claim(vmId, this.jobId)));
      await allOrFirstError(coming.map((rank) => this.#prepare(rank)));
      this.#stopping.signal.throwIfAborted();
      for (const { rank } of coming) this.#rendezvous.enter(rank);
      await allOrFirstError(
        coming.map((rank, i) =>
          this.#exec(rank, { args: ranks[i]?.args ?? [], world: { ...world, appNumber: ranks[i]?.appNumber ?? 0 }, rendezvous }),
        ),
      );
      this.#ranks = [...this.#ranks, ...coming];
      for (const rank of coming) this.#follow(rank);
      if (!this.#watching && coming.length > 0) void otel.with(ROOT_CONTEXT, () => this.#watch());
    } catch (error) {
      await Promise.allSettled(coming.map((rank) => this.#undo(rank, messageOf(error))));
      for (const { rank } of coming) this.#rendezvous.leave(rank);
      throw new Refusal('start-failed', `ranks of ${this.jobId} could not be started on ${this.#options.nodeName}: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      joined.resolve();
    }
  }

  #newRank(rank: number, vm: Rank['vm']): Rank {
    const scratchDir = join(this.#scratchDir(), String(rank));
    return { rank, vm, scratchDir, inputs: new Map(), program: undefined, span: undefined, within: (run) => run(), requests: 0 };
  }

  /** While it holds, ranks stand still on purpose, and nobody is told that they wait. */
  quiet = false;

  /** Where a rank's output goes on elsewhere, when all that it wrote here is in storage. */
  async outputOf(rank: number): Promise<{ readonly stdout: bigint; readonly stderr: bigint }> {
    await this.#pump.drained(rank);
    return this.writtenBy(rank);
  }

  /** Up to where a rank has written by now. */
  writtenBy(rank: number): { readonly stdout: bigint; readonly stderr: bigint } {
    return { stdout: this.#pump.position(rank, 'stdout'), stderr: this.#pump.position(rank, 'stderr') };
  }

  /** Resolves when all that a rank wrote up to there is in storage. @throws Error when output was lost */
  async keptUpTo(rank: number, positions: { readonly stdout: bigint; readonly stderr: bigint }): Promise<void> {
    await this.#pump.storedUpTo(rank, positions);
    if (this.#pump.failure !== undefined) throw new Error(`output was lost: ${this.#pump.failure}`);
  }

  /**
   * Takes in a rank that comes from another node: `restore` is given where it belongs and makes its program. The run lasts until it has ended.
   * @throws what `restore` throws; nothing is left of it then
   */
  async enter(arrival: Arrival): Promise<void> {
    const { rank, vm, inputs, output } = arrival;
    const scratchDir = join(this.#scratchDir(), `${String(rank)}.${arrival.migrationId}`);
    const entered: Rank = { rank, vm, scratchDir, inputs, program: undefined, span: undefined, within: (run) => run(), requests: 0 };
    const arrived = Promise.withResolvers<void>();
    this.#settled.push(arrived.promise);
    try {
      await mkdir(scratchDir, { recursive: true });
      this.#openSpan(entered);
      this.#pump.continueAt(rank, output);
      this.#rendezvous.enter(rank);
      entered.program = await arrival.restore(scratchDir, this.#handlers(entered));
      this.#ranks = [...this.#ranks.filter((other) => other.rank !== rank), entered];
      this.#monitor.watch(rank, () => vm.domain.activity());
      this.#follow(entered);
      if (!this.#watching) void otel.with(ROOT_CONTEXT, () => this.#watch());
    } catch (error) {
      entered.span?.end();
      this.#rendezvous.leave(rank);
      await removeScratch(scratchDir);
      throw error;
    } finally {
      arrived.resolve();
    }
  }

  /** A rank goes on elsewhere: its program's end here is no news, and its working directory is no longer needed. */
  leave(rank: number): void {
    const left = this.#ranks.find((other) => other.rank === rank);
    if (left === undefined) return;
    left.moved = true;
    this.#rendezvous.leave(rank);
    void left.program?.exit.catch(() => undefined).then(() => removeScratch(left.scratchDir));
  }

  async #start(): Promise<void> {
    const { start, vms } = this.#options;
    try {
      for (const { rank, vmId } of start.ranks) {
        this.#ranks.push(this.#newRank(rank, vms.claim(vmId, start.jobId)));
      }
      if (start.from !== undefined) await this.#goOnFrom(start.from);
      else {
        await allOrFirstError(this.#ranks.map((rank) => this.#prepare(rank)));
        // What an earlier attempt wrote counts no more, even if this one writes nothing.
        if (start.attempt > 1) await this.#options.ports.appendOutput(start, []);
        this.#stopping.signal.throwIfAborted();
        await allOrFirstError(this.#ranks.map((rank) => this.#exec(rank)));
      }
    } catch (error) {
      await Promise.allSettled(this.#ranks.map((rank) => this.#undo(rank, messageOf(error))));
      this.#ranks = [];
      if (error instanceof Refusal) throw error;
      throw new Refusal('start-failed', `job ${start.jobId} could not be started on ${this.#options.nodeName}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    for (const rank of this.#ranks) this.#follow(rank);
    // It outlives the call that started the ranks, and has no part in its trace.
    if (this.#ranks.length > 0) void otel.with(ROOT_CONTEXT, () => this.#watch());
  }

  /** Each attempt has its own: the next may begin here while this one is still being cleared up. */
  #scratchDir(): string {
    return join(this.#options.scratchRoot, `${this.jobId}.${String(this.attempt)}`);
  }

  async #prepare(rank: Rank): Promise<void> {
    const { start, ports } = this.#options;
    rank.inputs = await prepareScratch(rank.scratchDir, start.inputFiles, (digest) => ports.getChunk(digest));
    await this.#begin(rank);
  }

  /** Writes down that the VM runs the rank, and gives it what the job asked for of the adapter: it is there when the program begins. */
  async #begin({ vm, rank }: Rank): Promise<void> {
    const { start, vms } = this.#options;
    const { jobId, ioShare } = start;
    await vm.log.record(jobId, { type: 'StartProgram', data: { jobId, rank } });
    if (ioShare !== undefined) await vms.share(vm.request.vmId, ioShare, jobId);
  }

  async #exec(rank: Rank, own: Partial<Pick<ProgramSpec, 'args' | 'world' | 'rendezvous'>> = {}): Promise<void> {
    const { start, nodeId, nodeName } = this.#options;
    const size = this.#nodesByRank.length;
    const { hostIndex, hosts } = localityOf(this.#nodesByRank, nodeId);
    const world = { first: 0, size, firstSize: size, appNumber: 0, universe: start.universe };
    this.#openSpan(rank);
    rank.program = await rank.vm.domain.exec({
      jobId: start.jobId,
      rank: rank.rank,
      size,
      world,
      hostIndex,
      hosts,
      nodeName,
      pkey: start.pkey,
      ioPath: start.ioPath,
      jobSeed: createHash('sha256').update(start.jobId).digest().readBigUInt64LE(0),
      args: start.args,
      env: start.env,
      ...(rank.rank === 0 && start.stdin.length > 0 ? { stdin: start.stdin } : {}),
      scratchDir: rank.scratchDir,
      scratchBytes: start.scratchBytes,
      outputLimitBytes: start.outputLimitBytes,
      handlers: this.#handlers(rank),
      ...own,
    });
    this.#monitor.watch(rank.rank, () => rank.vm.domain.activity());
  }

  /** What was written up to the checkpoint is the beginning of what is written from here on. */
  async #goOnFrom(from: StartFrom): Promise<void> {
    const { start, nodeId, nodeName, ports } = this.#options;
    const { snapshots } = ports;
    const parts = await Promise.all(this.#ranks.map(({ rank, vm }) => readRank(snapshots, from, rank, vm.request.imageDigest)));
    const positions = parts.map(({ rank, state }) => ({ rank, ...state.output }));
    const { jobId, attempt } = start;
    await snapshots.continueOutput({ jobId, attempt, fromJobId: from.jobId, fromAttempt: from.attempt, positions });
    for (const { rank, ...written } of positions) this.#pump.continueAt(rank, written);
    this.#stopping.signal.throwIfAborted();
    await allOrFirstError(
      this.#ranks.map(async (rank, index) => {
        const part = parts[index];
        if (part === undefined) return;
        await this.#begin(rank);
        rank.inputs = new Map(part.state.inputs);
        this.#openSpan(rank);
        const { domain } = rank.vm;
        const place = { domain, scratchDir: rank.scratchDir, handlers: this.#handlers(rank) };
        rank.program = await restoreRank(part, { start, from, nodeId, nodeName, snapshots, ...place });
        this.#monitor.watch(rank.rank, () => domain.activity());
      }),
    );
  }

  #handlers(rank: Rank): ProgramHandlers {
    return {
      output: (stream, data) => rank.within(() => this.#pump.write(rank.rank, stream, data)),
      rendezvous: (generation, card) => rank.within(() => this.#rendezvous.join(rank.rank, generation, card)),
      spawn: (request) => rank.within(() => this.#spawn(rank, request)),
    };
  }

  async #spawn(rank: Rank, request: SpawnRequest): Promise<SpawnAnswer> {
    const { start, ports } = this.#options;
    const number = ++rank.requests;
    this.#asking++;
    try {
      return await ports.spawn(start, { rank: rank.rank, number, request }, this.#stopping.signal);
    } finally {
      this.#asking--;
    }
  }

  async #undo(rank: Rank, reason: string): Promise<void> {
    await rank.program?.kill(reason);
    await rank.program?.exit.catch(() => undefined);
    if (rank.span) failSpan(rank.span, new Error(reason));
    rank.span?.end();
    this.#monitor.forget(rank.rank);
    await this.#options.vms.release(rank.vm, reason);
    await removeScratch(rank.scratchDir);
  }

  #follow(rank: Rank): void {
    const finished = rank.within(() => this.#finish(rank));
    this.#settled.push(finished.then(() => undefined));
    const reported = finished.then((report) => report && rank.within(() => this.#report(rank, report)));
    this.#reported.push(reported.finally(() => rank.span?.end()));
  }

  #openSpan(rank: Rank): void {
    const attributes = {
      'verbena.job.id': this.jobId,
      'verbena.rank': rank.rank,
      'verbena.vm.id': rank.vm.request.vmId,
      'verbena.node.id': this.#options.nodeId,
    };
    const span = startSpan(this.#options.tracer, 'run rank', attributes);
    rank.span = span;
    rank.within = otel.with(trace.setSpan(otel.active(), span), () => AsyncLocalStorage.snapshot());
  }

  /** A batch holds what several ranks wrote: a part of the first one's work, and linked with the others. */
  #writeOutput(pieces: readonly OutputPiece[]): Promise<void> {
    const { ports, tracer, nodeId } = this.#options;
    const writers = [...new Set(pieces.map(({ rank }) => rank))].flatMap((rank) => this.#ranks.find((known) => known.rank === rank) ?? []);
    const [first, ...others] = writers;
    const attributes = {
      'verbena.job.id': this.jobId,
      'verbena.node.id': nodeId,
      'verbena.output.pieces': pieces.length,
      'verbena.output.bytes': pieces.reduce((sum, { data }) => sum + data.length, 0),
    };
    const links = others.flatMap(({ span }) => (span ? { context: span.spanContext() } : []));
    const write = (): Promise<void> =>
      inSpan(tracer, 'write output', attributes, () => ports.appendOutput(this.#options.start, pieces), { links });
    return first ? first.within(write) : write();
  }

  /** Those that wait for the rank learn of its end after the scheduler: what they then do must not look like the cause. */
  async #report(rank: Rank, report: Report): Promise<void> {
    try {
      await this.#options.ports.report(this.#options.start, [report]);
    } finally {
      this.#rendezvous.ended(rank.rank, rank.exit === undefined ? 'ended' : inWords(rank.exit));
    }
  }

  /** What follows a program's end. Never rejects: whatever goes wrong becomes part of the report. */
  async #finish(rank: Rank): Promise<Report | undefined> {
    const { vms, ports } = this.#options;
    const exit = await exitOf(rank.program);
    this.#monitor.forget(rank.rank);
    if (rank.moved === true) return undefined;
    rank.exit = exit;
    rank.span?.setAttribute('verbena.exit.cause', exit.cause);
    const { metrics, nodeId: node } = this.#options;
    metrics.count(metric.ranksEnded, { node, cause: exit.cause });
    metrics.count(metric.outputBytes, { node }, Math.max(0, exit.counters.outputBytes));
    return keepRank({ job: this.#options.start, vms, ports, pump: this.#pump }, rank, exit);
  }

  /** Samples the ranks until all have settled. */
  async #watch(): Promise<void> {
    const { ports } = this.#options;
    this.#watching = true;
    let over = false;
    void this.settled().then(() => (over = true));
    while (!over) {
      await ports.clock.sleep(sampleEveryMs, ports.signal).catch(() => (over = true));
      if (this.quiet) continue;
      const reports = this.#monitor.sample(ports.clock.monotonic());
      if (reports.length === 0) continue;
      await ports
        .reportOnce(
          this.#options.start,
          reports.map((report) => this.#blocked(report)),
        )
        .catch(() => {
          this.#monitor.repeat(reports);
        });
    }
    this.#watching = false;
  }

  #blocked({ rank, blocked, activity, waitsFor }: { rank: number; blocked: boolean; activity: bigint; waitsFor: string }): Report {
    const vmId = this.#ranks.find((other) => other.rank === rank)?.vm.request.vmId ?? '';
    return { rank, vmId, what: { case: 'blocked', value: { blocked, activity, waitsFor } } };
  }
}
