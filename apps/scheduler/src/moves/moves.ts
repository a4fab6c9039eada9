/**
 * The scheduler's part in migrations. It takes room on the target for a VM that is on its way, and follows the log when a VM has changed hands: the
 * rank is where its VM is, whoever had it before.
 *
 * Room is held by the id of the migration, from `reserve` until the VM itself holds it, or the migration is off. What the log shows as under way is
 * held again by a scheduler that takes over; what was reserved and never began is given back after a while.
 */
import {
  evolveMigration,
  isLiveMigration,
  migrationEnded,
  noMigration,
  type MigrationEvent,
  type MigrationState,
} from '@verbena/domain-migration';
import type { KnownJob } from '@verbena/domain-job';
import { nodev1 } from '@verbena/contracts';
import { runProjection, type EventStore, type ProjectionRunner, type RecordedEvent } from '@verbena/event-sourcing';
import { withCallContext } from '@verbena/messaging';
import { place } from '@verbena/placement';
import type { RunPorts } from '../run/ports.ts';
import type { VmRecord } from '../vms/vm-map.ts';

export type MoveProblem = 'unknown-vm' | 'not-running' | 'no-room';

export class MoveRefused extends Error {
  override readonly name = 'MoveRefused';
  readonly problem: MoveProblem;

  constructor(problem: MoveProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface Reserved {
  readonly targetNodeId: string;
  readonly targetName: string;
  readonly targetEpoch: number;
  readonly job: KnownJob;
}

interface Hold {
  readonly nodeId: string;
  readonly vmId: string;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/** A reservation of a controller that was never heard of again. */
const forgottenMs = 120_000;
const destroyMs = 15_000;

export class Moves {
  readonly #ports: RunPorts;
  readonly #migrations: ProjectionRunner<Map<string, MigrationState>>;
  readonly #reconcile: (nodeId: string) => Promise<void>;
  readonly #holds = new Map<string, Hold>();

  private constructor(
    ports: RunPorts,
    migrations: ProjectionRunner<Map<string, MigrationState>>,
    reconcile: (nodeId: string) => Promise<void>,
  ) {
    this.#ports = ports;
    this.#migrations = migrations;
    this.#reconcile = reconcile;
  }

  /** `reconcile` writes off what a node does not have any more. */
  static async open(ports: RunPorts, store: EventStore, reconcile: (nodeId: string) => Promise<void>): Promise<Moves> {
    const migrations = await runProjection(store, {
      name: 'moves',
      initial: new Map<string, MigrationState>(),
      filter: { stream: 'mig-*' },
      evolve: (all, { stream, event }) => all.set(stream, evolveMigration(all.get(stream) ?? noMigration, event as MigrationEvent)),
    });
    const moves = new Moves(ports, migrations, reconcile);
    for (const [id, state] of migrations.state) {
      if (!isLiveMigration(state) || state.status === 'handed-over') continue;
      const { vmId, targetNodeId, vcpus, memoryBytes } = state;
      moves.#hold(id, vmId, targetNodeId, vcpus, memoryBytes);
    }
    migrations.onChange(() => moves.#sweep());
    ports.vms.onChange((batch) => moves.#noticed(batch));
    return moves;
  }

  /**
   * Takes room for a VM on a node, or on the best one; again gives the same node. Idle VMs that are in the way are destroyed.
   * @throws {MoveRefused}
   */
  async reserve(migrationId: string, vmId: string, targetNodeId: string): Promise<Reserved> {
    const { vms, nodes, jobs } = this.#ports;
    this.#sweep();
    const vm = vms.get(vmId);
    if (vm === undefined || vm.state.status === 'none') throw new MoveRefused('unknown-vm', `there is no VM ${JSON.stringify(vmId)}`);
    const job = vm.state.status === 'running' ? jobs.known(vm.state.jobId) : undefined;
    if (job === undefined || job.status !== 'running') throw new MoveRefused('not-running', `VM ${vmId} runs no job`);
    if (job.growing !== undefined || job.grown.length > 0)
      throw new MoveRefused('not-running', `job ${job.jobId} has spawned processes (MPI_Comm_spawn), and its VMs stay where they are`);
    const known = this.#holds.get(migrationId);
    const nodeId = known?.nodeId ?? (await this.#take(migrationId, vm, targetNodeId));
    const node = nodes.known(nodeId);
    if (node === undefined || node.status === 'lost') throw new MoveRefused('no-room', `node ${nodeId} is lost`);
    if (known === undefined) await this.#makeRoom(migrationId);
    return { targetNodeId: nodeId, targetName: nodes.nameOf(nodeId), targetEpoch: node.epoch, job };
  }

  /** Whether a VM of the job is on its way, or about to be. */
  moves(job: KnownJob): boolean {
    this.#sweep();
    const own = new Set(job.assignments.map(({ vmId }) => vmId));
    return [...this.#holds.values()].some(({ vmId }) => own.has(vmId));
  }

  release(migrationId: string): void {
    if (!this.#holds.delete(migrationId)) return;
    this.#ports.capacity.release(migrationId);
    this.#ports.queue.kick();
  }

  /** Resolves when the job is where the log says that its VMs are. */
  async settle(migrationId: string, jobId: string): Promise<KnownJob> {
    const { vms, jobs, stopping } = this.#ports;
    await vms.caughtUp(stopping);
    await this.follow();
    this.release(migrationId);
    const job = jobs.known(jobId);
    if (job === undefined) throw new MoveRefused('not-running', `there is no job ${jobId}`);
    return job;
  }

  /** The ports of the nodes of a job, and of one more. */
  fabricOf(job: KnownJob, ...more: readonly string[]): { nodeId: string; lid: number; endpoint: string }[] {
    return [...new Set([...job.assignments.map(({ nodeId }) => nodeId), ...more])].map((nodeId) => {
      const node = this.#ports.nodes.known(nodeId)?.node;
      return { nodeId, lid: node?.lid ?? 0, endpoint: node?.fabricEndpoint ?? '' };
    });
  }

  /** Brings every live job in line with the map of VMs. */
  async follow(): Promise<void> {
    const moved = this.#ports.vms.live().filter(({ state }) => state.movedBy !== undefined);
    for (const vm of moved) await this.#followVm(vm);
  }

  stop(): Promise<void> {
    return this.#migrations.stop();
  }

  async #followVm({ id, state }: VmRecord): Promise<void> {
    const { jobs, nodes, rendezvous } = this.#ports;
    if (state.status !== 'running' || state.movedBy === undefined) return;
    const { nodeId, nodeEpoch = 0, rank, jobId, tenant, movedBy: migrationId } = state;
    const assigned = jobs.known(jobId)?.assignments.find(({ vmId }) => vmId === id);
    if (assigned !== undefined && (assigned.nodeId !== nodeId || assigned.nodeEpoch !== nodeEpoch)) {
      const data = { rank, vmId: id, nodeId, nodeName: nodes.nameOf(nodeId), nodeEpoch, migrationId };
      await withCallContext({ actor: 'scheduler', tenant }, () => jobs.execute(jobId, [{ type: 'MoveRank', data }]));
      rendezvous.moved(jobId, rank, nodeId);
      // The target may have come anew between its last word and the hand-over: then what it was given is gone.
      if ((nodes.known(nodeId)?.epoch ?? 0) > nodeEpoch) await this.#reconcile(nodeId);
    }
  }

  #noticed(batch: readonly RecordedEvent[]): void {
    const { vms, log } = this.#ports;
    for (const { event, stream } of batch) {
      const vm = event.type === 'VmHandedOver' ? vms.get(stream) : undefined;
      if (vm !== undefined)
        this.#followVm(vm).catch((error: unknown) =>
          log.error({ err: error, vm: stream }, 'a VM has moved, and its job could not be told yet'),
        );
    }
  }

  #take(migrationId: string, { id, state }: VmRecord, targetNodeId: string): Promise<string> {
    const { capacity, jobs, nodes } = this.#ports;
    if (state.status !== 'running') return Promise.reject(new MoveRefused('not-running', `VM ${id} runs no job`));
    const { imageDigest, vcpus, memoryBytes } = state;
    const view = capacity.view(imageDigest);
    const eligible = view.nodes.filter((node) => node.id !== state.nodeId && (targetNodeId === '' || node.id === targetNodeId));
    const imageBytes = jobs.known(state.jobId)?.match?.imageBytes ?? 0;
    // No tenant has this name: an idle VM is in the way, and never taken over.
    const shape = { vms: 1, vcpus, memoryBytes, imageDigest, imageBytes, tenant: ' ' };
    const placed = place(shape, { nodes: eligible, idle: view.idle }, { policy: 'cost', seed: migrationId });
    if (placed.kind !== 'placed') return Promise.reject(new MoveRefused('no-room', `no node can take VM ${id}: ${placed.reason}`));
    const nodeId = placed.vms[0]?.nodeId ?? '';
    const target = nodes.known(nodeId);
    if (target === undefined) return Promise.reject(new MoveRefused('no-room', `node ${nodeId} is not known`));
    this.#hold(migrationId, id, nodeId, vcpus, memoryBytes);
    const evicted = placed.evict.map((idle) => ({ ...idle, vmId: idle.id, jobId: migrationId }));
    capacity.claim(evicted);
    return Promise.resolve(nodeId);
  }

  /** Destroys the idle VMs that it has claimed. */
  async #makeRoom(migrationId: string): Promise<void> {
    const { vms, capacity, bus, term, stopping } = this.#ports;
    const mine = vms.live().filter(({ id, state }) => state.status === 'idle' && capacity.claimedBy(id) === migrationId);
    if (mine.length === 0) return;
    try {
      await Promise.all(
        mine.map(({ id, state }) =>
          bus.client(nodev1.NodeAgentService, state.nodeId).destroyVm({ vmId: id, term }, { timeoutMs: destroyMs }),
        ),
      );
      await vms.caughtUp(stopping);
    } catch (error) {
      this.release(migrationId);
      throw error;
    }
  }

  #hold(id: string, vmId: string, nodeId: string, vcpus: number, memoryBytes: number): void {
    this.#holds.set(id, { nodeId, vmId, since: this.#ports.clock.monotonic() });
    this.#ports.capacity.claim([{ vmId: id, jobId: id, nodeId, vcpus, memoryBytes }]);
  }

  /** Gives back what the log shows as over, and what never began. What is over is not remembered: there is no end of it. */
  #sweep(): void {
    const now = this.#ports.clock.monotonic();
    for (const [id, { since }] of [...this.#holds]) {
      const state = this.#migrations.state.get(id);
      const over = state === undefined ? now - since > forgottenMs : !isLiveMigration(state);
      if (over) this.release(id);
    }
    for (const [id, state] of [...this.#migrations.state]) if (migrationEnded(state)) this.#migrations.state.delete(id);
  }
}
