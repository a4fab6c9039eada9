/**
 * NOTIFY, after the commit and beside it: those who follow the log without a bus are told where it ends. It is no part of the transaction that appends,
 * which would pay for it under the lock: NOTIFY wakes every session that listens, and serialises the commits of a database. One is on its way at a
 * time, and the next, should there be more to tell, follows after a moment; it waits for no disk. What is lost is found by looking.
 */
import type pg from 'pg';

export const channel = 'verbena_events';
/** Between two notifications: those who need to know sooner are on the bus. */
const pauseMs = 20;

export interface AnnouncerOptions {
  readonly pool: Pick<pg.Pool, 'query'>;
  readonly onFailure: (error: unknown) => void;
}

export class Announcer {
  readonly #options: AnnouncerOptions;
  #told = 0n;
  #head = 0n;
  #telling: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** The log ends here, or beyond. */
  announce(head: bigint): void {
    if (head > this.#head) this.#head = head;
    this.#next();
  }

  /** Resolves when nothing is on its way any more. What was not told yet is left to those who look. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    await this.#telling;
  }

  #next(): void {
    if (this.#closed || this.#telling !== undefined || this.#pause !== undefined || this.#head <= this.#told) return;
    this.#told = this.#head;
    this.#telling = this.#tell(this.#told).then(() => {
      this.#telling = undefined;
      if (this.#closed) return;
      this.#pause = setTimeout(() => {
        this.#pause = undefined;
        this.#next();
      }, pauseMs);
      this.#pause.unref();
    });
  }

  async #tell(head: bigint): Promise<void> {
    const statements = ['begin', 'set local synchronous_commit = off', `select pg_notify('${channel}', '${head}')`, 'commit'];
    await this.#options.pool.query(statements.join('; ')).catch(this.#options.onFailure);
  }
}
