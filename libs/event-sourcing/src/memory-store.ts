/** The EventStore in memory: for tests, and the simplest statement of what a store does. Payloads pass through JSON, as they do on disk. */
import { presentShape, upcast, type EventCatalogue } from './catalogue.ts';
import { checkAppend } from './check-append.ts';
import { EventStoreError } from './errors.ts';
import type { AppendOptions, AppendResult, EventFilter, ReadAllOptions, RecordedEvent, StreamAppend } from './event-store.ts';
import { matches } from './filter.ts';
import { createMemoryReadModels } from './memory-read-models.ts';
import type { EntityModel, EventDatabase, ReadModels } from './read-model.ts';

export interface MemoryStoreOptions {
  /** The time of an append; unless given, one millisecond of the year 2000 a position, so that tests repeat. */
  readonly now?: () => Date;
  /** Most events in one batch of `follow`. */
  readonly batchSize?: number;
  /** Older shapes of events, and how they are read today. */
  readonly catalogue?: EventCatalogue;
}

export class MemoryEventStore implements EventDatabase {
  readonly #log: RecordedEvent[] = [];
  readonly #streams = new Map<string, { events: RecordedEvent[]; epoch: number }>();
  readonly #commands = new Map<string, readonly RecordedEvent[]>();
  readonly #wake = new Set<() => void>();
  readonly #now: (position: bigint) => Date;
  readonly #batchSize: number;
  readonly #catalogue: EventCatalogue;
  #closed = false;

  constructor(options: MemoryStoreOptions = {}) {
    this.#now = options.now ?? ((position) => new Date(Date.UTC(2000, 0, 1) + Number(position)));
    this.#batchSize = options.batchSize ?? 500;
    this.#catalogue = options.catalogue ?? {};
  }

  // The bodies are synchronous, so that an append is atomic; async turns what they throw into rejections.
  async append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
    this.#assertOpen();
    checkAppend(appends, options);
    const earlier = options.commandId === undefined ? undefined : this.#commands.get(options.commandId);
    if (earlier !== undefined) return { ok: true, events: earlier, repeated: true };
    const refusal = this.#refusal(appends, options.metadata.epoch ?? 0);
    if (refusal !== undefined) return refusal;
    const events = this.#record(appends, options);
    if (options.commandId !== undefined) this.#commands.set(options.commandId, events);
    for (const wake of [...this.#wake]) wake();
    return { ok: true, events, repeated: false };
  }

  async findCommand(commandId: string): Promise<readonly RecordedEvent[] | undefined> {
    this.#assertOpen();
    return this.#commands.get(commandId);
  }

  /** Its read models end with it. */
  async kept(): Promise<undefined> {
    this.#assertOpen();
  }

  async readStream(stream: string, fromVersion = 1): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    return this.#streams.get(stream)?.events.slice(Math.max(0, fromVersion - 1)) ?? [];
  }

  async readAll({ after, limit = Infinity, descending = false, filter }: ReadAllOptions = {}): Promise<readonly RecordedEvent[]> {
    this.#assertOpen();
    const found: RecordedEvent[] = [];
    const step = descending ? -1 : 1;
    const length = this.#log.length;
    const boundary = after === undefined ? undefined : Number(after);
    let index = descending ? Math.min(boundary === undefined ? length : boundary - 1, length) - 1 : (boundary ?? 0);
    for (; index >= 0 && index < length && found.length < limit; index += step) {
      const recorded = this.#log[index];
      if (recorded !== undefined && matches(filter, recorded)) found.push(recorded);
    }
    return found;
  }

  async *follow(options: { after?: bigint; filter?: EventFilter; signal: AbortSignal }): AsyncGenerator<readonly RecordedEvent[]> {
    let next = Number(options.after ?? 0n);
    while (!options.signal.aborted && !this.#closed) {
      const window = this.#log.slice(next, next + this.#batchSize);
      next += window.length;
      const batch = window.filter((recorded) => matches(options.filter, recorded));
      if (batch.length > 0) yield batch;
      if (next >= this.#log.length) await this.#more(options.signal);
    }
  }

  async head(): Promise<bigint> {
    this.#assertOpen();
    return BigInt(this.#log.length);
  }

  readModels(models: readonly EntityModel[]): Promise<ReadModels> {
    return createMemoryReadModels(this, models);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of [...this.#wake]) wake();
  }

  #refusal(appends: readonly StreamAppend[], epoch: number): AppendResult | undefined {
    for (const { stream, expectedVersion } of appends) {
      const known = this.#streams.get(stream);
      const actual = known?.events.length ?? 0;
      if (known !== undefined && epoch < known.epoch) return { ok: false, reason: 'stale-epoch', stream, epoch, current: known.epoch };
      if (expectedVersion !== 'any' && expectedVersion !== actual) {
        return { ok: false, reason: 'version-conflict', stream, expected: expectedVersion, actual };
      }
    }
    return undefined;
  }

  #record(appends: readonly StreamAppend[], options: AppendOptions): readonly RecordedEvent[] {
    // Serialise everything before the first write: a payload that JSON cannot carry must leave nothing behind.
    const payloads = appends.map(({ events }) => events.map(({ data }) => asJson(data)));
    const recorded: RecordedEvent[] = [];
    for (const [index, { stream, events }] of appends.entries()) {
      const known = this.#streams.get(stream) ?? { events: [], epoch: 0 };
      if (events.length > 0) {
        this.#streams.set(stream, known);
        known.epoch = Math.max(known.epoch, options.metadata.epoch ?? 0);
      }
      for (const [at, { type, schema }] of events.entries()) {
        const position = BigInt(this.#log.length + 1);
        const event: RecordedEvent = deepFreeze({
          position,
          id: `00000000-0000-4000-8000-${position.toString(16).padStart(12, '0')}`,
          stream,
          version: known.events.length + 1,
          // The log lives no longer than its program, so that what was old when it came may be made new at once.
          event: { type, data: upcast(this.#catalogue, type, schema ?? presentShape(this.#catalogue, type), payloads[index]?.[at]) },
          metadata: { ...options.metadata },
          time: this.#now(position),
        });
        this.#log.push(event);
        known.events.push(event);
        recorded.push(event);
      }
    }
    return recorded;
  }

  #more(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #assertOpen(): void {
    if (this.#closed) throw new EventStoreError('closed', 'the event store is closed');
  }
}

/** A store for tests and for a cluster that need not outlive its process. */
export function createMemoryEventStore(options?: MemoryStoreOptions): EventDatabase {
  return new MemoryEventStore(options);
}

/** A payload as it comes back from disk; `undefined` becomes null, what JSON cannot carry throws a TypeError. */
function asJson(data: unknown): unknown {
  return JSON.parse(JSON.stringify(data) ?? 'null') as unknown;
}

/** Readers share these objects, so one of them must not be able to change what the others see. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
