/** What a writer remembers of streams from batch to batch. It is true as long as the log ends where it did. */
import type { Current, Plan, Request, StreamState } from './plan.ts';

const most = 100_000;
const none: StreamState = { version: 0, epoch: 0 };

export class StreamMemory {
  readonly #streams = new Map<string, StreamState>();
  #head: bigint | undefined;
  /** Whether somebody else wrote between our last two batches: then nothing that is remembered will do. */
  #contended = false;

  /** The streams of these that have to be asked for when nobody else has written since. */
  unknown(names: ReadonlySet<string>): readonly string[] {
    return this.#usable ? [...names].filter((name) => !this.#streams.has(name)) : [...names];
  }

  get(name: string): StreamState | undefined {
    return this.#streams.get(name);
  }

  /**
   * What a batch needs to know, where that is remembered, or streams are said to be new. Commands are taken to be new as well. Whatever of this is
   * wrong, the transaction must fail for.
   */
  guess(requests: readonly Request[]): Current | undefined {
    const head = this.#head;
    if (head === undefined || !this.#usable) return undefined;
    for (const { appends } of requests) {
      for (const { stream, expectedVersion } of appends) if (expectedVersion !== 0 && !this.#streams.has(stream)) return undefined;
    }
    return { head, stream: (name) => this.#streams.get(name), command: () => undefined, committed: () => undefined };
  }

  /** Takes note of where the log ends. @returns whether what is remembered is true */
  meet(head: bigint): boolean {
    const fresh = this.#head === head;
    this.#contended = this.#head !== undefined && !fresh;
    if (!fresh || this.#streams.size > most) this.#streams.clear();
    this.#head = head;
    return fresh;
  }

  learn(names: Iterable<string>, known: ReadonlyMap<string, StreamState>): void {
    for (const name of names) this.#streams.set(name, known.get(name) ?? none);
  }

  /** What we have just committed. */
  committed({ streams, events }: Plan): void {
    for (const [name, state] of streams) this.#streams.set(name, state);
    this.#head = events.at(-1)?.position ?? this.#head;
  }

  forget(): void {
    this.#head = undefined;
    this.#streams.clear();
  }

  get #usable(): boolean {
    return this.#head !== undefined && !this.#contended;
  }
}
