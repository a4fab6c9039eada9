/**
 * All aggregates of one kind, folded in memory. The scheduler is the only writer of these streams, so what it has in memory is what the log
 * holds; commands on one aggregate go one after another, and whoever listens is told after the append.
 */
import {
  entityOf,
  type Decider,
  type DomainEvent,
  type EntityModel,
  type EventMetadata,
  type EventStore,
  type RecordedEvent,
} from '@verbena/event-sourcing';

interface Entry<S> {
  state: S;
  version: number;
  /** Order of first appearance, from 1. */
  readonly sequence: number;
  /** Grows with every change, also of what is not in the log. */
  revision: number;
  tail: Promise<unknown>;
}

export type Executed<E, S, R extends string> =
  | { readonly ok: true; readonly state: S; readonly events: readonly E[] }
  | { readonly ok: false; readonly reason: R | 'stale-epoch' | 'version-conflict'; readonly detail: string };

export interface ExecuteOptions {
  readonly metadata: EventMetadata;
  readonly commandId?: string;
}

const pageSize = 5_000;
const maximumAttempts = 5;
const streamsAtOnce = 32;

export class Aggregates<C, E extends DomainEvent, S, R extends string> {
  readonly #store: EventStore;
  readonly #decider: Decider<C, E, S, R>;
  readonly #entries = new Map<string, Entry<S>>();
  readonly #listeners = new Set<(id: string, state: S) => void>();
  /** Of those who care for one aggregate only: there may be as many as there are aggregates. */
  readonly #listenersOf = new Map<string, Set<() => void>>();

  private constructor(store: EventStore, decider: Decider<C, E, S, R>) {
    this.#store = store;
    this.#decider = decider;
  }

  /**
   * Folds every stream whose name begins with `prefix`.
   * @param model what the streams had come to is taken from its rows when they are there, so that of those that have ended no event is read; of the others
   * all are, since rows leave out what lists do not show
   */
  static async open<C, E extends DomainEvent, S, R extends string>(
    store: EventStore,
    decider: Decider<C, E, S, R>,
    prefix: string,
    model?: EntityModel<S>,
  ): Promise<Aggregates<C, E, S, R>> {
    const all = new Aggregates(store, decider);
    for (let after = model && (await all.#takeOver(model)); ;) {
      const page = await store.readAll({ filter: { stream: `${prefix}*` }, limit: pageSize, ...(after !== undefined && { after }) });
      for (const recorded of page) all.#apply(recorded.stream, [recorded]);
      after = page.at(-1)?.position;
      if (page.length < pageSize || after === undefined) return all;
    }
  }

  /** The initial state for what does not exist. */
  get(id: string): S {
    return this.#entries.get(id)?.state ?? this.#decider.initial;
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** In the order in which they came to be. */
  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  sequence(id: string): number {
    return this.#entries.get(id)?.sequence ?? 0;
  }

  revision(id: string): number {
    return this.#entries.get(id)?.revision ?? 0;
  }

  onChange(listener: (id: string, state: S) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls a listener after each change of one aggregate, until the returned function is called. */
  onChangeOf(id: string, listener: () => void): () => void {
    const those = this.#listenersOf.get(id) ?? new Set();
    this.#listenersOf.set(id, those.add(listener));
    return () => {
      those.delete(listener);
      if (those.size === 0 && this.#listenersOf.get(id) === those) this.#listenersOf.delete(id);
    };
  }

  /** Tells listeners that something about the aggregate changed that is not in the log, such as progress. */
  touch(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.revision++;
    this.#tell(id, entry.state);
  }

  /** Resolves when the aggregate's revision is above `revision`; rejects when the signal aborts. */
  changed(id: string, revision: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.revision(id) > revision) resolve();
    };
    const aborted = (): void => reject(signal.reason as Error);
    const forget = this.onChangeOf(id, check);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
    check();
    return promise.finally(() => {
      forget();
      signal.removeEventListener('abort', aborted);
    });
  }

  /** Decides several commands in a row and appends their events at once, or none. */
  execute(id: string, commands: readonly C[], options: ExecuteOptions): Promise<Executed<E, S, R>> {
    const before = this.#entries.get(id)?.tail ?? Promise.resolve();
    const done = before.then(() => this.#execute(id, commands, options));
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.tail = done.catch(() => undefined);
    return done;
  }

  async #execute(id: string, commands: readonly C[], options: ExecuteOptions): Promise<Executed<E, S, R>> {
    for (let attempt = 1; ; attempt++) {
      let state = this.get(id);
      const events: E[] = [];
      for (const command of commands) {
        const decision = this.#decider.decide(command, state);
        if (!decision.ok) return decision;
        events.push(...decision.events);
        state = decision.events.reduce((folded, event) => this.#decider.evolve(folded, event), state);
      }
      if (events.length === 0) return { ok: true, state, events };
      const expectedVersion = this.#entries.get(id)?.version ?? 0;
      const result = await this.#store.append([{ stream: id, expectedVersion, events }], options);
      if (result.ok) {
        this.#apply(
          id,
          result.events.filter(({ stream }) => stream === id),
        );
        return { ok: true, state: this.get(id), events };
      }
      if (result.reason === 'stale-epoch' || attempt === maximumAttempts) {
        return { ok: false, reason: result.reason, detail: `the stream ${id} was written by somebody else` };
      }
      this.#apply(id, await this.#store.readStream(id, expectedVersion + 1));
    }
  }

  /** @returns up to where the log is in it */
  async #takeOver(model: EntityModel<S>): Promise<bigint | undefined> {
    const kept = await this.#store.kept(model);
    const others: string[] = [];
    for (const row of kept?.rows ?? []) {
      const { id, ended, version } = row;
      const known = ended
        ? { state: entityOf(model, row).state, version, revision: version }
        : { state: this.#decider.initial, version: 0, revision: 0 };
      this.#entries.set(id, { ...known, sequence: this.#entries.size + 1, tail: Promise.resolve() });
      if (!ended) others.push(id);
    }
    for (let from = 0; from < others.length; from += streamsAtOnce) {
      await Promise.all(others.slice(from, from + streamsAtOnce).map(async (id) => this.#apply(id, await this.#store.readStream(id))));
    }
    return kept?.position;
  }

  #apply(id: string, recorded: readonly RecordedEvent[]): void {
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      if (recorded.length === 0) return;
      entry = { state: this.#decider.initial, version: 0, sequence: this.#entries.size + 1, revision: 0, tail: Promise.resolve() };
      this.#entries.set(id, entry);
    }
    for (const { event, version } of recorded) {
      if (version <= entry.version) continue;
      entry.state = this.#decider.evolve(entry.state, event as E);
      entry.version = version;
      entry.revision++;
    }
    if (recorded.length > 0) this.#tell(id, entry.state);
  }

  #tell(id: string, state: S): void {
    for (const listener of [...this.#listeners]) listener(id, state);
    for (const listener of [...(this.#listenersOf.get(id) ?? [])]) listener();
  }
}
