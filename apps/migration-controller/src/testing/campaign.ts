/**
 * One seeded run of a migration in which things go wrong: the controller is killed, source or target is lost, a node is not reached for a while, the link
 * between source and target is cut, somebody cancels; up to three of these, at any moment. What must hold afterwards, whatever happened:
 *
 *   a VM whose owner lives     exactly one copy of it runs, and it is its owner's
 *   a VM whose owner is lost   none runs, the log says that it is lost, and the migration has ended as failed
 *   always                     the migration has ended, nobody stands still, no room is held, and no half copy is left on a node that lives
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { migrationv1 } from '@verbena/contracts';
import { evolveVm, noVm, type VmEvent } from '@verbena/domain-vm';
import { world, type World } from './world.ts';

const disasters = ['controller', 'source', 'target', 'cut source', 'cut target', 'cut peer', 'cut link', 'cancel'] as const;
export type Disaster = (typeof disasters)[number];

export interface Ended {
  /** What happened at which moment, for whoever looks into a seed. */
  readonly story: readonly string[];
  readonly phase: string;
}

const source = 'node-0';
const peer = 'node-1';
const target = 'node-2';
/** Moments of a migration that nothing happens to, and some more for what is repeated. */
const mostMoments = 48;
/** Calls that a cut lasts. */
const longestCut = 12;

/** Numbers from 0 up to a bound (mulberry32). */
function numbers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** @throws Error with the story, when something does not hold */
export async function runSeed(seed: number): Promise<Ended> {
  const random = numbers(seed);
  const w = await world();
  try {
    const run = new Run(w, random);
    const phase = await run.toTheEnd().catch((error: unknown) => `nowhere: ${String(error)}`);
    const wrong = phase.startsWith('nowhere') ? [phase] : await run.wrong(phase);
    if (wrong.length > 0) throw new Error(`seed ${String(seed)}: ${wrong.join('; ')}\n  ${run.story.join('\n  ')}\n  ended ${phase}`);
    return { story: run.story, phase };
  } finally {
    await w.stop();
  }
}

class Run {
  readonly story: string[] = [];
  readonly #w: World;
  readonly #random: (bound: number) => number;
  readonly #due = new Map<number, Disaster>();
  readonly #lost = new Set<string>();
  /** Calls that are still not answered, by node; that of the link counts what the source sends. */
  readonly #cut = new Map<string, number>();
  readonly #appended: Promise<unknown>[] = [];
  #moments = 0;

  constructor(w: World, random: (bound: number) => number) {
    this.#w = w;
    this.#random = random;
    for (let left = 1 + random(3); left > 0; left--) {
      const what = disasters[random(disasters.length)] ?? 'cancel';
      this.#due.set(random(mostMoments), what);
    }
    w.fate = (moment) => this.#at(moment);
    w.trouble = (nodeId, method, when) => this.#befall(nodeId, method, when);
  }

  async toTheEnd(): Promise<string> {
    const { PRECOPY, STOPCOPY } = migrationv1.MigrationMode;
    const { store } = this.#w;
    // The answer may be lost with the one who gave it.
    await this.#w.migrate('vm-a', target, this.#random(4) === 0 ? STOPCOPY : PRECOPY).catch(() => undefined);
    const [first] = await store.readAll({ filter: { stream: 'mig-*' }, limit: 1 });
    if (first === undefined) return 'never begun';
    const { phase } = await this.#w.toItsEnd(first.stream);
    this.#due.clear();
    this.#cut.clear();
    await Promise.all(this.#appended);
    await this.#leftAlone();
    return phase;
  }

  async wrong(phase: string): Promise<string[]> {
    const found: string[] = [];
    for (const [vmId, other] of [
      ['vm-a', source],
      ['vm-b', peer],
    ] as const) {
      const owner = await this.#w.owner(vmId);
      const running = [...this.#w.copies].filter(([name]) => name.startsWith(`${vmId}@`)).map(([name, copy]) => `${copy} ${name}`);
      const nodeId = owner.status === 'none' ? other : owner.nodeId;
      const expected = owner.status === 'running' ? [`running ${vmId}@${nodeId}`] : [];
      if (running.join() !== expected.join()) found.push(`of ${vmId} there is "${running.join()}", not "${expected.join()}"`);
      if (vmId === 'vm-a' && owner.status !== 'running' && phase === 'completed' && !this.#lost.has(target))
        found.push('it was lost on the way');
      if (vmId === 'vm-a' && phase === 'completed' && owner.status === 'running' && owner.nodeId !== target)
        found.push('it is not where it went');
    }
    // What was reserved for a migration that never began, the scheduler gives back after a while.
    if (this.#w.holds.size > 0 && phase !== 'never begun') found.push(`room is held for ${[...this.#w.holds].join()}`);
    return found;
  }

  #at(moment: string): boolean {
    // A VM that is handed over to a node which has been lost by then is written off as soon as the scheduler hears of it.
    if (moment.startsWith('after append') && moment.endsWith('VmHandedOver') && this.#lost.has(target))
      this.#appended.push(this.#writeOff(target));
    const what = this.#due.get(this.#moments++);
    if (what === undefined) return false;
    this.story.push(`${what}: ${moment}`);
    if (what === 'controller') return true;
    if (what === 'source' || what === 'target') this.#lose(what === 'source' ? source : target);
    else if (what === 'cancel') void this.#cancel();
    else
      this.#cut.set(
        { 'cut source': source, 'cut target': target, 'cut peer': peer, 'cut link': 'link' }[what],
        1 + this.#random(longestCut),
      );
    return false;
  }

  async #cancel(): Promise<void> {
    const [first] = await this.#w.store.readAll({ filter: { stream: 'mig-*' }, limit: 1 });
    if (first !== undefined) await this.#w.cancel(first.stream).catch(() => undefined);
  }

  /** All that was on the node is gone; whoever watches over nodes writes off what it owned. */
  #lose(nodeId: string): void {
    if (this.#lost.size > 0) return;
    this.#lost.add(nodeId);
    for (const name of [...this.#w.copies.keys()]) if (name.endsWith(`@${nodeId}`)) this.#w.copies.delete(name);
    this.#appended.push(this.#writeOff(nodeId));
  }

  async #writeOff(nodeId: string): Promise<void> {
    for (;;) {
      const known = await this.#w.store.readStream('vm-a');
      const owner = known.reduce((state, { event }) => evolveVm(state, event as VmEvent), noVm);
      if (owner.status !== 'running' || owner.nodeId !== nodeId) return;
      const epoch = Math.max(...known.map(({ metadata }) => metadata.epoch ?? 0)) + 1;
      const event = { type: 'VmLost', data: { reason: `${nodeId} is lost` } };
      const appends = [{ stream: 'vm-a', expectedVersion: known.length, events: [event] }];
      const { ok } = await this.#w.store.append(appends, { metadata: { actor: 'scheduler', tenant: 'default', epoch } });
      if (ok) return;
    }
  }

  #befall(nodeId: string, method: string, when: 'asked' | 'answers'): void {
    if (this.#lost.has(nodeId)) throw new ConnectError(`${nodeId} is lost`, Code.Unavailable);
    if (this.#isCut(nodeId)) throw new ConnectError(`${nodeId} is not reached (${method}, ${when})`, Code.Unavailable);
    const sends = nodeId === source && (method === 'precopy' || method === 'suspend') && when === 'asked';
    if (sends && this.#isCut('link')) throw new ConnectError('the target of the migration has closed the connection', Code.Internal);
  }

  #isCut(what: string): boolean {
    const left = this.#cut.get(what) ?? 0;
    if (left > 0) this.#cut.set(what, left - 1);
    return left > 0;
  }

  /** Node-agents that no controller has spoken to for long ask the log, see left-alone.ts of the node-agent; a node that was lost late, too. */
  async #leftAlone(): Promise<void> {
    for (const nodeId of this.#lost) await this.#writeOff(nodeId);
    for (const [name, copy] of [...this.#w.copies]) {
      const [vmId = '', nodeId] = name.split('@');
      const owner = await this.#w.owner(vmId);
      if (owner.status !== 'running' || owner.nodeId !== nodeId) this.#w.copies.delete(name);
      else if (copy !== 'running') this.#w.copies.set(name, 'running');
    }
  }
}
