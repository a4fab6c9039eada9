/**
 * Waking followers: at once for what this process appends, by notices on the bus and by NOTIFY for what others do, and by the clock for what was
 * lost on the way. A wake-up says only that there may be more; the log says what. NOTIFY is there beside the bus because it needs nothing but
 * the database: it reaches those who are on no bus.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PositionNotices } from '@verbena/event-sourcing';
import pg from 'pg';
import { channel } from './announcer.ts';

export interface WakeOptions {
  readonly databaseUrl: string;
  /** The longest that a follower waits without looking, in milliseconds. */
  readonly pollMs: number;
  readonly onFailure: (error: unknown) => void;
  readonly notices: PositionNotices | undefined;
  /** Whether to LISTEN. */
  readonly listen: boolean;
}

export class Wake {
  readonly #options: WakeOptions;
  readonly #waiting = new Set<() => void>();
  readonly #stop = new AbortController();
  #known = 0n;
  #nudges = 0;
  readonly #listening: Promise<void>;
  readonly #unsubscribe: (() => void) | undefined;

  constructor(options: WakeOptions) {
    this.#options = options;
    this.#listening = options.listen ? this.#listen() : Promise.resolve();
    this.#unsubscribe = options.notices?.subscribe((position) => this.#heard(position));
  }

  /** The largest position that this process has committed; others may have appended since. */
  get known(): bigint {
    return this.#known;
  }

  /** How often somebody said that there may be more. Taken before looking, it tells `beyond` what came in between. */
  get nudges(): number {
    return this.#nudges;
  }

  /** This process committed up to here. */
  committed(head: bigint): void {
    if (head > this.#known) this.#known = head;
    this.#wakeAll();
    this.#options.notices?.publish(head);
  }

  /** There may be more: somebody says so, who need not be right. */
  nudge(): void {
    this.#nudges++;
    this.#wakeAll();
  }

  /** Somebody has committed up to here: mostly we ourselves, whose own answer may be a moment behind. */
  #heard(position: bigint): void {
    setImmediate(() => {
      if (position > this.#known) this.nudge();
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when there may be events beyond a position, or it is time to look, or the signal aborts. */
  async beyond(position: bigint, nudges: number, signal: AbortSignal): Promise<void> {
    if (this.#known > position || this.#nudges !== nudges || signal.aborted || this.#stop.signal.aborted) return;
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
    this.#unsubscribe?.();
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
    client.on('notification', ({ payload = '' }) => (/^\d{1,18}$/.test(payload) ? this.#heard(BigInt(payload)) : this.nudge()));
    const stopped = (): void => resolve();
    this.#stop.signal.addEventListener('abort', stopped, { once: true });
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      onConnected();
      // What was appended while nobody listened is found by looking now.
      this.nudge();
      await broken;
    } finally {
      this.#stop.signal.removeEventListener('abort', stopped);
      await client.end().catch(() => undefined);
    }
  }
}
