/**
 * Which node may write a VM's stream: the one that created the VM, under the epoch of its registration, or the one that a migration gave it to, under
 * the epoch of the hand-over and for as long as the node holds the registration that it had then. A node-agent's credentials prove which node it is;
 * services write under their own rules.
 */
import type { EventStore, NewEvent, RecordedEvent } from '@verbena/event-sourcing';
import { callContext } from '@verbena/messaging';
import { StorageError } from '../errors.ts';

export interface VmAppend {
  readonly stream: string;
  readonly expectedVersion: number;
  readonly events: readonly NewEvent[];
  readonly actor: string;
  readonly epoch: number;
}

interface Owner {
  readonly node: string;
  /** Of a hand-over: the epoch under which the VM is written, and that of the node's registration. */
  readonly moved?: { readonly fence: number; readonly nodeEpoch: number };
}

const maximumRemembered = 10_000;
const lifeOfANode = ['NodeRegistered', 'NodeLost'];

export class VmOwners {
  readonly #store: EventStore;
  /** Of each VM, when it was last looked up. The store itself refuses whoever had it before: its epoch is lower. */
  readonly #owners = new Map<string, Owner>();
  /** The epoch that each node held when it was last looked up. */
  readonly #epochs = new Map<string, number>();

  constructor(store: EventStore) {
    this.#store = store;
  }

  /** @throws {StorageError} not-yours, when a node-agent appends to what is not its own, or under an epoch that it does not hold */
  async admit(append: VmAppend): Promise<void> {
    const { caller } = callContext();
    if (caller?.service !== 'node-agent') return;
    const node = caller.instance ?? '';
    const refuse = (why: string): never => {
      throw new StorageError('not-yours', `node ${node} may not write ${append.stream}: ${why}`);
    };
    if (append.actor !== '' && append.actor !== node) refuse(`the events are said to be ${JSON.stringify(append.actor.slice(0, 80))}'s`);
    const owner = append.expectedVersion === 0 ? createdBy(append.events[0]) : await this.#ownerOf(append, node);
    // A stream that does not exist has another version than expected, which the store tells better.
    if (owner !== undefined && owner.node !== node) refuse(`the VM is of node ${owner.node}`);
    if (append.expectedVersion === 0 && owner === undefined) refuse('a VM begins with the event that says whose it is');
    if (owner?.moved !== undefined && owner.moved.fence !== append.epoch)
      refuse(`the VM's epoch is ${owner.moved.fence} since it was handed over, not ${append.epoch}`);
    const epoch = owner?.moved?.nodeEpoch ?? append.epoch;
    if (this.#epochs.get(node) === epoch) return;
    const held = await this.#epochOf(node);
    if (held !== epoch) refuse(held === undefined ? 'the node is not registered' : `the epoch is ${held}, not ${epoch}`);
    remember(this.#epochs, node, epoch);
  }

  /** What is remembered counts while it fits the append: since then the VM may have been handed over. */
  async #ownerOf({ stream, epoch }: VmAppend, node: string): Promise<Owner | undefined> {
    const known = this.#owners.get(stream);
    if (known?.node === node && (known.moved?.fence ?? this.#epochs.get(node)) === epoch) return known;
    if (stream.endsWith('*')) return undefined;
    const [handedOver] = await this.#store.readAll({ filter: { stream, types: ['VmHandedOver'] }, descending: true, limit: 1 });
    const [first] = handedOver === undefined ? await this.#store.readAll({ filter: { stream }, limit: 1 }) : [];
    const owner = handedOver === undefined ? createdBy(first?.event) : receivedBy(handedOver);
    if (owner !== undefined) remember(this.#owners, stream, owner);
    return owner;
  }

  async #epochOf(node: string): Promise<number | undefined> {
    const [last] = await this.#store.readAll({ filter: { stream: node, types: lifeOfANode }, descending: true, limit: 1 });
    return last?.event.type === 'NodeRegistered' ? (last.event.data as { epoch: number }).epoch : undefined;
  }
}

function createdBy(event: { readonly type: string; readonly data: unknown } | undefined): Owner | undefined {
  const { nodeId } = (event?.data ?? {}) as { nodeId?: unknown };
  return event?.type === 'VmCreated' && typeof nodeId === 'string' ? { node: nodeId } : undefined;
}

function receivedBy({ event, metadata }: RecordedEvent): Owner {
  const { nodeId, nodeEpoch } = event.data as { nodeId: string; nodeEpoch: number };
  return { node: nodeId, moved: { fence: metadata.epoch ?? 0, nodeEpoch } };
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maximumRemembered) break;
    map.delete(oldest);
  }
}
