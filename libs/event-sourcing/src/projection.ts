/**
 * Projections: a state that is folded from the whole log and can always be folded again. The runner catches up from a position, then follows.
 * A reader that has just appended waits for its own position (`reached`), so that it sees what it did.
 */
import type { EventFilter, EventStore, RecordedEvent } from './event-store.ts';
import { matches } from './filter.ts';

export interface Projection<S> {
  readonly name: string;
  readonly initial: S;
  /** Only these events are shown to `evolve`; all when absent. */
  readonly filter?: EventFilter;
  /** Pure; it may change a state that nothing else holds, in place, and return it. */
  evolve(state: S, recorded: RecordedEvent): S;
}

export interface ProjectionRunner<S> {
  readonly state: S;
  /** Everything up to here is in the state. */
  readonly position: bigint;
  /** Resolves when the state holds everything up to this position; rejects when the runner stops or fails first, or the signal aborts. */
  reached(position: bigint, signal?: AbortSignal): Promise<void>;
  /** Called after each batch, until the returned function is. */
  onChange(listener: (state: S, batch: readonly RecordedEvent[]) => void): () => void;
  /** Rejects when `evolve` or the store failed: whoever runs it decides what then. Resolves after `stop`. */
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export interface RunOptions<S> {
  /** Where to begin: a snapshot's state and its position. */
  readonly from?: { readonly state: S; readonly position: bigint };
}

/** Folds events into a projection's state: what the runner does, for tests and for one-off reads. */
export function project<S>(projection: Projection<S>, events: readonly RecordedEvent[], from: S = projection.initial): S {
  return events.reduce((state, recorded) => projection.evolve(state, recorded), from);
}

const pageSize = 5_000;

/** Starts a projection; resolves when it holds everything that was in the log at the time of the call. Of a long log only what it is shown is read. */
export async function runProjection<S>(
  store: EventStore,
  projection: Projection<S>,
  options: RunOptions<S> = {},
): Promise<ProjectionRunner<S>> {
  const head = await store.head();
  const from = options.from ?? { state: projection.initial, position: 0n };
  const runner = new Runner(store, projection, { from: await foldThrough(store, projection, from, head) });
  await runner.reached(head);
  return runner;
}

/** Folds by the filter, in large pages, up to a position. */
async function foldThrough<S>(
  store: EventStore,
  projection: Projection<S>,
  from: { readonly state: S; readonly position: bigint },
  head: bigint,
): Promise<{ readonly state: S; readonly position: bigint }> {
  const { filter } = projection;
  let { state, position } = from;
  while (position < head) {
    const page = await store.readAll({ after: position, limit: pageSize, ...(filter && { filter }) });
    // What has come meanwhile is followed.
    const known = page.filter((recorded) => recorded.position <= head);
    try {
      state = project(projection, known, state);
    } catch (cause) {
      throw new Error(`the projection ${projection.name} failed after position ${position}`, { cause });
    }
    const last = page.at(-1)?.position ?? head;
    position = page.length < pageSize || last > head ? head : last;
  }
  return { state, position };
}

interface Waiter {
  readonly position: bigint;
  resolve(): void;
  reject(reason: unknown): void;
}

class Runner<S> implements ProjectionRunner<S> {
  state: S;
  position: bigint;
  readonly done: Promise<void>;
  readonly #store: EventStore;
  readonly #projection: Projection<S>;
  readonly #stop = new AbortController();
  readonly #waiters = new Set<Waiter>();
  readonly #listeners = new Set<(state: S, batch: readonly RecordedEvent[]) => void>();
  #ended: Error | undefined;

  constructor(store: EventStore, projection: Projection<S>, { from }: RunOptions<S>) {
    this.#store = store;
    this.#projection = projection;
    this.state = from?.state ?? projection.initial;
    this.position = from?.position ?? 0n;
    this.done = this.#run();
    // Those who wait for a position hear of a failure as well; nobody need listen to `done`.
    this.done.catch(() => undefined);
  }

  reached(position: bigint, signal?: AbortSignal): Promise<void> {
    if (this.position >= position) return Promise.resolve();
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { position, resolve, reject };
    const aborted = (): void => reject(signal?.reason);
    this.#waiters.add(waiter);
    signal?.addEventListener('abort', aborted, { once: true });
    return promise.finally(() => {
      this.#waiters.delete(waiter);
      signal?.removeEventListener('abort', aborted);
    });
  }

  onChange(listener: (state: S, batch: readonly RecordedEvent[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done.catch(() => undefined);
  }

  async #run(): Promise<void> {
    try {
      // The whole log is followed, and the filter applied here, so that the position moves on with events that the projection does not see.
      for await (const batch of this.#store.follow({ after: this.position, signal: this.#stop.signal })) this.#apply(batch);
      this.#end(new Error(`the projection ${this.#projection.name} was stopped`));
    } catch (cause) {
      const failure = new Error(`the projection ${this.#projection.name} failed after position ${this.position}`, { cause });
      this.#end(failure);
      throw failure;
    }
  }

  #apply(batch: readonly RecordedEvent[]): void {
    const seen = this.#projection.filter === undefined ? batch : batch.filter((recorded) => matches(this.#projection.filter, recorded));
    this.state = project(this.#projection, seen, this.state);
    this.position = batch.at(-1)?.position ?? this.position;
    for (const waiter of [...this.#waiters]) if (waiter.position <= this.position) waiter.resolve();
    if (seen.length > 0) for (const listener of [...this.#listeners]) listener(this.state, seen);
  }

  #end(reason: Error): void {
    this.#ended = reason;
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }
}
