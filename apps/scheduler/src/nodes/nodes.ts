/**
 * The cluster's nodes: what the log knows of each, and whether it is with us in this life of the scheduler.
 *
 *   known from the log --RegisterNode--> settling --its VMs of an earlier life are gone--> here --no heartbeat--> lost (in the log)
 *   known from the log --heartbeat under the log's epoch: it has lived on while we had not--> here
 *
 *   here --a call to it is not answered--> silent --heartbeat--> here
 *
 * A node takes new work only when it is here. One that registers anew has lost its VMs or is told to: what we do not know of must hold no core.
 */
import {
  nodeDecider,
  type KnownNode,
  type NodeCommand,
  type NodeDescription,
  type NodeEvent,
  type NodeRefusal,
  type NodeState,
} from '@verbena/domain-node';
import type { EventStore } from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { Aggregates, type Executed } from '../aggregates.ts';
import { Lids } from './lids.ts';

/** What heartbeats tell; lost with the process, and told again. */
export interface Presence {
  phase: 'settling' | 'here' | 'silent';
  /** Monotonic milliseconds. */
  lastSeen: number;
  lastSeenAt: Date;
  memoryUsedBytes: number;
  agentMemoryBytes: number;
  cachedImages: ReadonlySet<string>;
}

export interface HeartbeatFacts {
  readonly memoryUsedBytes: number;
  readonly agentMemoryBytes: number;
  readonly cachedImages: readonly string[];
}

export type NodeResult = Executed<NodeEvent, NodeState, NodeRefusal>;
type NodeRequest = NodeCommand extends infer C ? (C extends NodeCommand ? Omit<C, 'at'> : never) : never;

export class Nodes {
  readonly log: Aggregates<NodeCommand, NodeEvent, NodeState, NodeRefusal>;
  readonly #clock: Clock;
  readonly #present = new Map<string, Presence>();
  readonly #listeners = new Set<() => void>();
  readonly #lids = new Lids();

  private constructor(log: Aggregates<NodeCommand, NodeEvent, NodeState, NodeRefusal>, clock: Clock) {
    this.log = log;
    this.#clock = clock;
    for (const id of log.ids()) this.#lids.claim(id, this.known(id)?.node.lid ?? 0);
  }

  static async open(store: EventStore, clock: Clock): Promise<Nodes> {
    return new Nodes(await Aggregates.open(store, nodeDecider, 'node-'), clock);
  }

  known(id: string): KnownNode | undefined {
    const state = this.log.get(id);
    return state.status === 'unknown' ? undefined : state;
  }

  ids(): readonly string[] {
    return [...this.log.ids()].sort();
  }

  presence(id: string): Presence | undefined {
    return this.#present.get(id);
  }

  nameOf(id: string): string {
    return this.known(id)?.node.name ?? id;
  }

  /** Called when a node comes, goes, is drained or resumed, or has another set of images. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The node gets the LID that it had, or the one that it wishes when nobody has it, or else the lowest that nobody has. */
  async register(id: string, node: NodeDescription, facts: HeartbeatFacts): Promise<NodeResult> {
    const lid = this.#lids.claim(id, this.known(id)?.node.lid ?? node.lid);
    const result = await this.#execute(id, { type: 'RegisterNode', data: { node: { ...node, lid } } });
    if (result.ok) this.#present.set(id, { phase: 'settling', ...this.#seen(facts) });
    return result;
  }

  /** The node's past is cleared up: it may be given work. */
  settled(id: string): void {
    const presence = this.#present.get(id);
    if (presence !== undefined) presence.phase = 'here';
    this.#tell();
  }

  /** It did not answer: it gets no work until it is heard of again. */
  silent(id: string): void {
    const presence = this.#present.get(id);
    if (presence?.phase === 'here') presence.phase = 'silent';
  }

  /** False when the node must register (anew) before it is listened to. */
  heartbeat(id: string, epoch: number, facts: HeartbeatFacts): boolean {
    const state = this.known(id);
    const presence = this.#present.get(id);
    if (state === undefined || state.status === 'lost' || state.epoch !== epoch) return false;
    if (presence === undefined) {
      this.#present.set(id, { phase: 'here', ...this.#seen(facts) });
      this.#tell();
      return true;
    }
    const same =
      facts.cachedImages.length === presence.cachedImages.size && facts.cachedImages.every((image) => presence.cachedImages.has(image));
    const back = presence.phase === 'silent';
    if (back) presence.phase = 'here';
    Object.assign(presence, this.#seen(facts));
    if (back || !same) this.#tell();
    return true;
  }

  async drain(id: string, reason: string): Promise<NodeResult> {
    const result = await this.#execute(id, { type: 'DrainNode', data: { reason } });
    this.#tell();
    return result;
  }

  async resume(id: string): Promise<NodeResult> {
    const result = await this.#execute(id, { type: 'ResumeNode', data: {} });
    this.#tell();
    return result;
  }

  async enablePort(id: string, enabled: boolean, by: string): Promise<NodeResult> {
    const result = await this.#execute(id, { type: enabled ? 'EnablePort' : 'DisablePort', data: { by } });
    this.#tell();
    return result;
  }

  async lose(id: string, reason: string): Promise<NodeResult> {
    this.#present.delete(id);
    const result = await this.#execute(id, { type: 'LoseNode', data: { reason } });
    this.#tell();
    return result;
  }

  #seen(facts: HeartbeatFacts): Omit<Presence, 'phase'> {
    return {
      lastSeen: this.#clock.monotonic(),
      lastSeenAt: this.#clock.now(),
      memoryUsedBytes: facts.memoryUsedBytes,
      agentMemoryBytes: facts.agentMemoryBytes,
      cachedImages: new Set(facts.cachedImages),
    };
  }

  #execute(id: string, request: NodeRequest): Promise<NodeResult> {
    const { actor, tenant } = callContext();
    const traceparent = currentTraceparent();
    const metadata = { actor, tenant, ...(traceparent !== undefined && { traceparent }) };
    return this.log.execute(id, [{ ...request, at: this.#clock.now().getTime() } as NodeCommand], { metadata });
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
