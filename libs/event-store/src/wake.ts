/**
 * Waking followers: at once for what this process appends, by NOTIFY for what others do, and by the clock for what a broken connection kept from
 * us. A wake-up says only that there may be more; the log says what.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { channel } from './writer.ts';

export interface WakeOptions {
  readonly databaseUrl: string;
  /** The longest that a follower waits without looking, in milliseconds. */
  readonly pollMs: number;
  readonly onFailure: (error: unknown) => void;
}

export class Wake {
  readonly #options: WakeOptions;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();
  #known = 0n;
  readonly #listening: Promise<void>;

  constructor(options: WakeOptions) {
    this.#options = options;
    this.#listening = this.#listen();
  }

  /** The largest position that is known to be committed; others may have appended since. */
  get known(): bigint {
    return this.#known;
  }

  /** Someone appended up to here. */
  signal(head: bigint): void {
    if (head > this.#known) this.#known = head;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when there may be events beyond a position, or it is time to look, or the signal aborts. */
  async beyond(position: bigint, signal: AbortSignal): Promise<void> {
    if (this.#known > position || signal.aborted || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, this.#options.pollMs);
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    for (const wake of [...this.#waiting]) wake();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    const { signal } = this.#stop;
    for (let wait = 50; !signal.aborted; wait = Math.min(wait * 2, 2_000)) {
      try {
        await this.#session(() => (wait = 50));
      } catch (error) {
        if (!signal.aborted) this.#options.onFailure(error);
      }
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection that listens, until it breaks or the store closes. */
  async #session(onConnected: () => void): Promise<void> {
    const client = new pg.Client({ connectionString: this.#options.databaseUrl, keepAlive: true, connectionTimeoutMillis: 5_000 });
    const { promise: broken, resolve, reject } = Promise.withResolvers<void>();
    broken.catch(() => undefined);
    client.on('error', reject);
    client.on('end', () => resolve());
    client.on('notification', ({ payload }) => this.signal(BigInt(payload ?? '0')));
    const stopped = (): void => resolve();
    this.#stop.signal.addEventListener('abort', stopped, { once: true });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      onConnected();
      // What was appended while nobody listened is found by looking now.
      for (const wake of [...this.#waiting]) wake();
      await broken;
    } finally {
      this.#stop.signal.removeEventListener('abort', stopped);
      await client.end().catch(() => undefined);
    }
  }
}
