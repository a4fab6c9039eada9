/**
 * Looks after nodes and VMs beside the jobs: clears up what a node ran before it registered, finds nodes that have fallen silent, and destroys
 * VMs that nobody needs any more.
 */
import { nodev1 } from '@verbena/contracts';
import { hasEnded } from '@verbena/domain-job';
import { vmDecider } from '@verbena/domain-vm';
import { handle, type EventStore } from '@verbena/event-sourcing';
import type { Moves } from '../moves/moves.ts';
import { messageOf } from '../run/failure.ts';
import { isGone } from '../run/work.ts';
import type { RunPorts } from '../run/ports.ts';

const callMs = 10_000;
const listMs = 3_000;

export class Caretaker {
  readonly #ports: RunPorts;
  readonly #moves: Pick<Moves, 'follow'>;
  readonly #vmLog;
  /** Monotonic milliseconds of the last round. */
  #lastRound: number;
  readonly #startedAt: number;
  readonly #destroying = new Set<string>();

  constructor(ports: RunPorts, store: EventStore, moves: Pick<Moves, 'follow'>) {
    this.#ports = ports;
    this.#moves = moves;
    this.#vmLog = handle(store, vmDecider, (id: string) => id);
    this.#startedAt = this.#lastRound = ports.clock.monotonic();
  }

  /** Rounds until the scheduler stops. */
  async run(): Promise<void> {
    const { clock, config, log, stopping } = this.#ports;
    while (!stopping.aborted) {
      await clock.sleep(config.heartbeatMs, stopping).catch(() => undefined);
      if (stopping.aborted) return;
      try {
        await this.#round();
      } catch (error) {
        log.error({ err: error }, 'a round over nodes and VMs failed');
      }
    }
  }

  /** A node has registered. Whatever it ran before is ended and written off; then it takes work. */
  async registered(nodeId: string): Promise<void> {
    const { nodes, log, stopping, clock, config } = this.#ports;
    const epoch = nodes.known(nodeId)?.epoch;
    while (!stopping.aborted && nodes.known(nodeId)?.epoch === epoch) {
      try {
        await this.#destroyLocal(nodeId);
        await this.reconcile(nodeId, 'was restarted');
        break;
      } catch (error) {
        log.error({ err: error, node: nodeId }, 'what a node ran before could not be cleared up yet');
        await clock.sleep(config.heartbeatMs, stopping).catch(() => undefined);
      }
    }
    if (!stopping.aborted && nodes.known(nodeId)?.epoch === epoch) nodes.settled(nodeId);
  }

  /**
   * What a node was given under an earlier epoch is gone: jobs that were placed there go by their policy, VMs are written off. Again is harmless;
   * a scheduler that takes over does it for every node, since the one before may have come no further than the node's new epoch.
   */
  async reconcile(nodeId: string, what = 'was lost'): Promise<void> {
    const { nodes, jobs, vms, stopping } = this.#ports;
    const state = nodes.known(nodeId);
    if (state === undefined) return;
    const reason = `node ${nodes.nameOf(nodeId)} ${what}${state.status === 'lost' ? `: ${state.reason}` : ''}`;
    // A VM that has moved is not lost with the node that it left.
    await vms.caughtUp(stopping);
    await this.#moves.follow();
    const hit = jobs
      .live()
      .filter(({ assignments }) => assignments.some((assignment) => assignment.nodeId === nodeId && isGone(this.#ports, assignment)));
    await Promise.all(hit.map(({ jobId }) => jobs.execute(jobId, [{ type: 'LoseNodeOfJob', data: { nodeId, reason } }])));
    await this.#writeOff(nodeId, state.epoch, state.status === 'lost' ? `its node was lost: ${state.reason}` : `its node ${what}`);
  }

  async #round(): Promise<void> {
    const { clock, config } = this.#ports;
    const now = clock.monotonic();
    // When we were held up ourselves, heartbeats wait in the same queue as we did, and silence means nothing.
    const late = now - this.#lastRound > 2 * config.heartbeatMs;
    this.#lastRound = now;
    if (!late) await this.#findLost(now);
    this.#tidyVms();
  }

  async #findLost(now: number): Promise<void> {
    const { nodes, config } = this.#ports;
    for (const id of nodes.ids()) {
      const state = nodes.known(id);
      if (state === undefined || state.status === 'lost') continue;
      const silent = now - (nodes.presence(id)?.lastSeen ?? this.#startedAt);
      if (silent > config.nodeLostAfterMs) await this.#lose(id, `nothing was heard of it for ${Math.round(silent / 1000)} s`);
    }
  }

  async #lose(id: string, why: string): Promise<void> {
    const { nodes, log } = this.#ports;
    log.warn({ node: id, why }, 'a node is lost');
    await nodes.lose(id, why);
    await this.reconcile(id);
  }

  /** A node-agent that has lived on has VMs that we have written off, or will: they must hold no core. */
  async #destroyLocal(nodeId: string): Promise<void> {
    const agent = this.#ports.bus.client(nodev1.NodeAgentService, nodeId);
    const { vms } = await agent.listLocalVms({}, { timeoutMs: listMs }).catch(() => ({ vms: [] }));
    await Promise.all(
      vms.map(({ vmId }) => agent.destroyVm({ vmId, term: this.#ports.term }, { timeoutMs: callMs }).catch(() => undefined)),
    );
  }

  /** Under the node's present epoch, which fences its former life. */
  async #writeOff(nodeId: string, epoch: number, reason: string): Promise<void> {
    const { vms, stopping, log } = this.#ports;
    await vms.caughtUp(stopping);
    for (const { id, state, epoch: written } of vms.live()) {
      if (state.nodeId !== nodeId || (state.nodeEpoch ?? written) >= epoch) continue;
      // A VM that has moved is written under an epoch of its own.
      const fence = Math.max(epoch, written + 1);
      const metadata = { actor: 'scheduler', tenant: state.tenant, correlationId: state.jobId, epoch: fence };
      const result = await this.#vmLog.execute(id, { type: 'LoseVm', data: { reason, nodeId } }, { metadata });
      if (!result.ok) log.warn({ vm: id, detail: result.detail }, 'a VM could not be written off');
    }
    await vms.caughtUp(stopping);
  }

  /** Idle for too long, or left over from a job that has ended: both are destroyed, and tried again in the next round if need be. */
  #tidyVms(): void {
    const { vms, capacity, config, clock, jobs } = this.#ports;
    const now = clock.now().getTime();
    for (const { id, state, since } of vms.live()) {
      if (capacity.claimed(id)) continue;
      const job = jobs.known(state.jobId);
      const wanted = job !== undefined && !hasEnded(job) && job.assignments.some(({ vmId }) => vmId === id);
      const leftOver = state.status !== 'idle' && !wanted && now - since > config.stopTimeoutMs;
      if (leftOver || (state.status === 'idle' && now - since >= config.idleVmMs)) void this.#destroy(id, state.nodeId);
    }
  }

  async #destroy(vmId: string, nodeId: string): Promise<void> {
    const { bus, capacity, queue, log, nodes } = this.#ports;
    if (this.#destroying.has(vmId) || nodes.presence(nodeId) === undefined) return;
    this.#destroying.add(vmId);
    const claim = { vmId, jobId: `destroying ${vmId}`, nodeId, vcpus: 0, memoryBytes: 0 };
    capacity.claim([claim]);
    try {
      await bus.client(nodev1.NodeAgentService, nodeId).destroyVm({ vmId, term: this.#ports.term }, { timeoutMs: callMs });
      await this.#ports.vms.caughtUp(this.#ports.stopping);
    } catch (error) {
      log.warn({ vm: vmId, error: messageOf(error) }, 'a VM that is not needed could not be destroyed yet');
    } finally {
      this.#destroying.delete(vmId);
      capacity.release(claim.jobId);
      queue.kick();
    }
  }
}
