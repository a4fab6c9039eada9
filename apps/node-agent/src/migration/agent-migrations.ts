/**
 * The migrations that this node has a part in, as source, target, or home of another rank of the job. Everything is known by the migration's id, so a
 * call that is repeated finds what the first one did. What the controller leaves behind is settled by the log, see left-alone.ts.
 */
import { join } from 'node:path';
import type { migrationv1 } from '@verbena/contracts';
import { isLive } from '@verbena/domain-vm';
import type { Domain, QuiesceOptions, ReleaseMode, RunningProgram } from '@verbena/hypervisor';
import type { Clock } from '@verbena/service-kit';
import { messageOf, Refusal } from '../errors.ts';
import type { JobStart } from '../jobs/job-start.ts';
import { localityOf } from '../jobs/job-start.ts';
import type { JobTable } from '../jobs/job-table.ts';
import type { NodePort } from '../node-port.ts';
import type { Vm, VmTable } from '../vms/vm-table.ts';
import { Incoming } from './incoming.ts';
import { Outgoing, type Copied } from './outgoing.ts';
import { policyOf, transferOf } from './wire-options.ts';
import type { Door, Doors } from './transport.ts';

export interface MigrationParts {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly vms: VmTable;
  readonly jobs: JobTable;
  readonly port: NodePort;
  readonly doors: Doors;
  readonly spoolRoot: string;
}

/** Ranks of a job that stand still here for a migration. */
export interface Standing {
  readonly migrationId: string;
  readonly vmId: string;
  readonly jobId: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly done: Promise<readonly number[]>;
  /** Monotonic milliseconds at which the controller was last heard of. */
  heard: number;
}

export interface Coming {
  readonly incoming: Incoming;
  readonly door: Door;
  restored?: Promise<void>;
  /** Of a program without channels, which runs as soon as it is restored: not before it is released here. */
  start?: () => Promise<void>;
  heard: number;
}

const beatMs = 1_000;

type Place = migrationv1.RankPlace;

export class AgentMigrations {
  readonly parts: MigrationParts;
  readonly outgoing = new Map<string, { readonly move: Outgoing; readonly vmId: string }>();
  readonly coming = new Map<string, Coming>();
  /** By job. */
  readonly standing = new Map<string, Standing>();
  readonly #fences = new Map<string, bigint>();

  constructor(parts: MigrationParts) {
    this.parts = parts;
  }

  /** @throws {Refusal} old-fence, for a controller that does not know of a later migration */
  checkFence(vmId: string, fence: bigint): void {
    const highest = this.#fences.get(vmId) ?? 0n;
    if (fence < highest) throw new Refusal('old-fence', `VM ${vmId} is moved under epoch ${String(highest)} by now, not ${String(fence)}`);
    this.#fences.set(vmId, fence);
  }

  async prepare(request: migrationv1.PrepareIncomingRequest): Promise<Door> {
    const { migrationId, vmId, imageDigest, memoryBytes, vcpus, tenant, jobId, fence, rank, attempt, fabric } = request;
    this.checkFence(vmId, fence);
    this.#learn(fabric);
    const known = this.coming.get(migrationId);
    if (known !== undefined) return known.door;
    const { vms, doors, spoolRoot } = this.parts;
    const vm = await vms.receive({ vmId, imageDigest, memoryBytes: Number(memoryBytes), vcpus, tenant, jobId });
    const incoming = new Incoming({ migrationId, fence, jobId, rank, attempt }, vm, join(spoolRoot, migrationId), this.parts.port);
    const door = await doors.open((frame) => incoming.take(frame));
    this.coming.set(migrationId, { incoming, door, heard: this.#now() });
    return door;
  }

  rounds(request: migrationv1.PrecopyRequest, signal: AbortSignal): AsyncGenerator<Copied> {
    return this.#leaving(request).rounds(Number(request.limitBytesPerSecond), policyOf(request), signal);
  }

  suspend(request: migrationv1.SuspendRequest, signal: AbortSignal): Promise<Copied> {
    const move = this.#leaving(request);
    // However long the sending takes, the controller is there while it waits for it.
    const hear = (): void => {
      for (const standing of this.standing.values()) if (standing.migrationId === request.migrationId) standing.heard = this.#now();
    };
    hear();
    const beat = setInterval(hear, beatMs);
    return move.suspend(signal).finally(() => {
      clearInterval(beat);
      hear();
    });
  }

  /** @throws {Refusal} when a rank does not stop its channels in time; all go on then */
  quiesce(request: migrationv1.QuiesceRequest, timeoutMs: number): Promise<readonly number[]> {
    const { migrationId, jobId, attempt, vmId, epoch, fabric, inCallsOnly } = request;
    const known = this.standing.get(jobId);
    if (known?.migrationId === migrationId && known.epoch === epoch) {
      known.heard = this.#now();
      return known.done;
    }
    if (known !== undefined) throw new Refusal('vm-busy', `the ranks of ${jobId} stand still for ${known.migrationId}`);
    this.#learn(fabric);
    const done = this.#quiesce(jobId, attempt, epoch, { timeoutMs, inCallsOnly });
    const standing: Standing = { migrationId, vmId, jobId, attempt, epoch, done, heard: this.#now() };
    this.standing.set(jobId, standing);
    done.catch(() => {
      if (this.standing.get(jobId) === standing) this.standing.delete(jobId);
    });
    return done;
  }

  async #quiesce(jobId: string, attempt: number, epoch: number, options: QuiesceOptions): Promise<readonly number[]> {
    const run = this.parts.jobs.run(jobId, attempt);
    if (run === undefined) return [];
    if (run.rooted !== undefined) throw new Refusal('not-movable', `the ranks of ${jobId} cannot be moved: ${run.rooted}`);
    // Without MPI there are no channels; such a program is suspended wherever it blocks.
    const ranks = run.ranks().filter(({ vm }) => hasChannels(vm));
    run.quiet = true;
    const results = await Promise.allSettled(ranks.map(({ program }) => programOf(program).quiesce(epoch, options)));
    const failed = results.findIndex((result) => result.status === 'rejected');
    if (failed < 0) return ranks.map(({ rank }) => rank);
    for (const { program } of ranks) program?.release(epoch, 'same');
    run.quiet = false;
    const [reason] = results.flatMap((result) => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
    throw new Refusal('not-movable', `rank ${String(ranks[failed]?.rank)} of ${jobId} does not stand still: ${reason ?? ''}`);
  }

  /** Lets the job's ranks go on that stand for this migration; others are not touched. */
  async release(jobId: string, migrationId: string, how: ReleaseMode, fabric: migrationv1.ReleaseRequest['fabric'] = []): Promise<void> {
    if (how === 'new-adapter') await this.coming.get(migrationId)?.start?.();
    const standing = this.standing.get(jobId);
    if (standing?.migrationId !== migrationId) return;
    this.#learn(fabric);
    this.standing.delete(jobId);
    const run = this.parts.jobs.run(jobId, standing.attempt);
    if (run === undefined) return;
    for (const { program, vm } of run.ranks()) {
      // What is suspended goes on elsewhere, or is resumed before.
      if (this.#suspended(vm.request.vmId)) continue;
      program?.release(standing.epoch, how);
    }
    run.quiet = false;
  }

  /**
   * Brings the VM up, still at its safepoint, as soon as all of it has arrived.
   * @throws {Refusal}, and the signal's reason
   */
  async restore({ migrationId, ranks, fabric, epoch, vmId, fence }: migrationv1.RestoreRequest, signal: AbortSignal): Promise<void> {
    this.checkFence(vmId, fence);
    const coming = this.coming.get(migrationId);
    if (coming === undefined) throw new Refusal('not-here', `nothing of ${migrationId} is on ${this.parts.nodeId}`);
    coming.heard = this.#now();
    this.#learn(fabric);
    await coming.incoming.complete(signal);
    if (this.coming.get(migrationId) !== coming)
      throw new Refusal('not-here', `nothing of ${migrationId} is on ${this.parts.nodeId} any more`);
    coming.heard = this.#now();
    coming.restored ??= this.#restore(coming, ranks, epoch);
    await coming.restored;
  }

  /** Once. */
  #starting(start: () => Promise<void>): () => Promise<void> {
    let started: Promise<void> | undefined;
    return () => (started ??= start());
  }

  async #restore(coming: Coming, ranks: readonly Place[], epoch: number): Promise<void> {
    const { incoming, door } = coming;
    const { vms, jobs, nodeId, nodeName } = this.parts;
    const { facts, vm } = incoming;
    const { program, inputs, output } = incoming.arrived;
    const { domain } = vm;
    if (domain === undefined || ranks.length !== program.size)
      throw new Refusal('invalid', `the map of ${facts.jobId} has ${String(ranks.length)} ranks, the program ${String(program.size)}`);
    const nodesByRank = [...ranks].sort((a, b) => a.rank - b.rank).map((place) => place.nodeId);
    const { jobId, attempt, rank, migrationId, fence } = facts;
    const start: JobStart = {
      jobId,
      attempt,
      ranks: [],
      nodesByRank,
      pkey: program.pkey,
      args: program.args,
      env: program.env,
      stdin: new Uint8Array(0),
      inputFiles: [],
      outputLimitBytes: program.outputLimitBytes,
      scratchBytes: program.scratchBytes,
      ioPath: program.ioPath,
      universe: program.world?.universe ?? 0,
    };
    vms.arrived(vm, jobId, fence);
    const enter = (): Promise<void> =>
      jobs.enter(start, {
        rank,
        vm: vm as Vm & { domain: Domain },
        inputs: new Map(inputs),
        migrationId,
        output,
        restore: (scratchDir, handlers) =>
          domain.restore({ ...localityOf(nodesByRank, nodeId), nodeName, scratchDir, files: incoming.files(), handlers }, program),
      });
    if (incoming.arrived.atSafepoint) await enter();
    else coming.start = this.#starting(enter);
    const run = jobs.run(jobId, attempt);
    if (run !== undefined) run.quiet = true;
    if (!this.standing.has(jobId)) {
      const done = Promise.resolve([rank]);
      this.standing.set(jobId, { migrationId, vmId: vm.request.vmId, jobId, attempt, epoch, done, heard: this.#now() });
    }
    door.close();
  }

  /** The migration is off: the VM stands at its safepoint here again. */
  async resume(migrationId: string): Promise<void> {
    const leaving = this.outgoing.get(migrationId);
    await leaving?.move.resume();
    await leaving?.move.close();
    this.outgoing.delete(migrationId);
  }

  /** Frees a VM that has moved. @throws {Refusal} while the log does not say that it has */
  async discard(migrationId: string, vmId: string): Promise<void> {
    const { vms, jobs, nodeId } = this.parts;
    const vm = vms.get(vmId);
    const leaving = this.outgoing.get(migrationId);
    if (vm === undefined || leaving === undefined) return;
    const state = await vm.log.read();
    if (isLive(state) && state.nodeId === nodeId) throw new Refusal('vm-busy', `VM ${vmId} is ${nodeId}'s: it has not been handed over`);
    const running = jobs.runOf(vmId);
    running?.run.leave(running.rank.rank);
    await leaving.move.suspended?.discard();
    await leaving.move.close();
    this.outgoing.delete(migrationId);
    await vms.forget(vm, 'it goes on on another node');
  }

  /** Frees what has come of a VM that stays where it is. @throws {Refusal} when it is this node's already */
  async abort(migrationId: string): Promise<void> {
    const coming = this.coming.get(migrationId);
    if (coming === undefined) return;
    const { incoming, door } = coming;
    const { vm, facts } = incoming;
    await coming.restored?.catch(() => undefined);
    if (coming.restored !== undefined) {
      const state = await vm.log.read();
      if (isLive(state) && state.movedBy === migrationId)
        throw new Refusal('vm-busy', `VM ${vm.request.vmId} has been handed over to ${this.parts.nodeId}`);
    }
    this.coming.delete(migrationId);
    door.close();
    this.parts.jobs.run(facts.jobId, facts.attempt)?.leave(facts.rank);
    if (this.parts.jobs.run(facts.jobId, facts.attempt)?.ranks().length === 0) this.standing.delete(facts.jobId);
    await this.parts.vms.forget(vm, 'the migration is off');
    await incoming.close();
  }

  /** The VM is this node's for good: nothing is left to wait for. */
  async settled(migrationId: string): Promise<void> {
    const coming = this.coming.get(migrationId);
    this.coming.delete(migrationId);
    await coming?.incoming.close();
  }

  async close(): Promise<void> {
    await this.parts.doors.close();
  }

  #leaving(request: migrationv1.SuspendRequest | migrationv1.PrecopyRequest): Outgoing {
    const { migrationId, vmId, fence, endpoint, secret, fabric } = request;
    this.checkFence(vmId, fence);
    this.#learn(fabric);
    const known = this.outgoing.get(migrationId);
    if (known !== undefined) return known.move;
    const running = this.parts.jobs.runOf(vmId);
    if (running === undefined) throw new Refusal('unknown-vm', `no program runs in VM ${vmId} on ${this.parts.nodeId}`);
    const { run, rank } = running;
    const own = async () => ({
      atSafepoint: hasChannels(rank.vm),
      output: await run.outputOf(rank.rank),
      inputs: [...rank.inputs],
    });
    const { clock, port } = this.parts;
    const { memoryBytes } = rank.vm.request;
    const transfer = transferOf(request.transfer);
    const move = new Outgoing({ vmId, memoryBytes, program: programOf(rank.program), transfer, port, endpoint, secret, clock, own });
    this.outgoing.set(migrationId, { move, vmId });
    return move;
  }

  #suspended(vmId: string): boolean {
    return [...this.outgoing.values()].some((leaving) => leaving.vmId === vmId && leaving.move.suspended !== undefined);
  }

  #learn(fabric: migrationv1.ReleaseRequest['fabric']): void {
    this.parts.port.learnPeers(fabric.filter(({ nodeId }) => nodeId !== this.parts.nodeId));
  }

  #now(): number {
    return this.parts.clock.monotonic();
  }
}

/** Ranks have their program from when they have been started. */
export function programOf(program: RunningProgram | undefined): RunningProgram {
  if (program === undefined) throw new Refusal('not-movable', 'the program has not been started yet');
  return program;
}

/** Whether the program has called MPI_Init: its library has connections to stop, and a safepoint to stand in. */
export function hasChannels({ domain }: Pick<Vm, 'domain'>): boolean {
  return domain !== undefined && domain.activity().mpiState !== 'not-initialized';
}
