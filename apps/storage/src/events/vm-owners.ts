/**
 * Which node may write a VM's stream: the one that created the VM, under the epoch of its registration. A node-agent's credentials prove which node
 * it is; services write under their own rules.
 */
import type { EventStore, NewEvent } from '@verbena/event-sourcing';
import { callContext } from '@verbena/messaging';
import { StorageError } from '../errors.ts';

export interface VmAppend {
  readonly stream: string;
  readonly expectedVersion: number;
  readonly events: readonly NewEvent[];
  readonly actor: string;
  readonly epoch: number;
}

const maximumRemembered = 10_000;
const lifeOfANode = ['NodeRegistered', 'NodeLost'];

export class VmOwners {
  readonly #store: EventStore;
  /** The node of each VM; a VM never changes hands under its name. */
  readonly #nodes = new Map<string, string>();
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
    const owner = append.expectedVersion === 0 ? nodeOf(append.events[0]) : await this.#ownerOf(append.stream);
    // A stream that does not exist has another version than expected, which the store tells better.
    if (owner !== undefined && owner !== node) refuse(`the VM is of node ${owner}`);
    if (append.expectedVersion === 0 && owner === undefined) refuse('a VM begins with the event that says whose it is');
    if (this.#epochs.get(node) === append.epoch) return;
    const held = await this.#epochOf(node);
    if (held !== append.epoch) refuse(held === undefined ? 'the node is not registered' : `the epoch is ${held}, not ${append.epoch}`);
    remember(this.#epochs, node, append.epoch);
  }

  async #ownerOf(stream: string): Promise<string | undefined> {
    const known = this.#nodes.get(stream);
    if (known !== undefined || stream.endsWith('*')) return known;
    const [first] = await this.#store.readAll({ filter: { stream }, limit: 1 });
    const node = nodeOf(first?.event);
    if (node !== undefined) remember(this.#nodes, stream, node);
    return node;
  }

  async #epochOf(node: string): Promise<number | undefined> {
    const [last] = await this.#store.readAll({ filter: { stream: node, types: lifeOfANode }, descending: true, limit: 1 });
    return last?.event.type === 'NodeRegistered' ? (last.event.data as { epoch: number }).epoch : undefined;
  }
}

function nodeOf(event: { readonly type: string; readonly data: unknown } | undefined): string | undefined {
  const { nodeId } = (event?.data ?? {}) as { nodeId?: unknown };
  return event?.type === 'VmCreated' && typeof nodeId === 'string' ? nodeId : undefined;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maximumRemembered) break;
    map.delete(oldest);
  }
}
