/**
 * The connection that a writer keeps while it has appends to write. While batch follows batch, the next transaction is begun behind the commit of the
 * one before, in the same breath: the server takes the lock and looks where the log ends while the writer hears of the commit and puts the next rows
 * together. Nothing may come of it, and then it is rolled back. It waits as an idle transaction, which the server ends after a while.
 */
import type pg from 'pg';
import { Pipeline } from './pipeline.ts';
import { beginAt } from './write-statements.ts';

export interface BatchStatements {
  /** Where the log is believed to end. */
  readonly head: bigint;
  /** What writes and commits. */
  readonly text: string;
  readonly rows: (() => Buffer) | undefined;
  /** Whether the transaction is to be begun here. */
  readonly begin: boolean;
  /** Where the log ends after this, when another batch is expected to follow. */
  readonly next: bigint | undefined;
}

export class AppendSession {
  readonly client: pg.PoolClient;
  readonly #pipeline: Pipeline;
  #opened: { readonly head: bigint; readonly begun: Promise<unknown> } | undefined;

  private constructor(client: pg.PoolClient) {
    this.client = client;
    this.#pipeline = new Pipeline(client);
  }

  static async open(pool: Pick<pg.Pool, 'connect'>): Promise<AppendSession> {
    return new AppendSession(await pool.connect());
  }

  /** @throws what the server says, also when the log does not end where it was believed to; nothing is in doubt then, and `rollback` clears up */
  async commit({ head, text, rows, begin, next }: BatchStatements): Promise<void> {
    const opened = begin ? this.#opened : undefined;
    if (opened !== undefined && opened.head !== head)
      throw new Error(`a batch for the log at ${head} meets a transaction at ${opened.head}`);
    const beginning = begin && opened === undefined ? `${beginAt(head)}; ` : '';
    const over = this.#pipeline.send(beginning + text, { input: rows });
    this.#opened = next === undefined ? undefined : { head: next, begun: this.#pipeline.send(beginAt(next)) };
    // Whoever uses it hears of its failure.
    this.#opened?.begun.catch(() => undefined);
    const [tags] = await Promise.all([over, opened?.begun]);
    if (tags.at(-1) !== 'COMMIT') throw new Error(`the server answered the commit of a batch with ${tags.at(-1) ?? 'nothing'}`);
  }

  /** Ends the transaction that is open or was begun ahead, if any. */
  async rollback(): Promise<void> {
    this.#opened = undefined;
    await this.#pipeline.send('rollback');
  }

  async abandon(): Promise<void> {
    if (this.#opened !== undefined) await this.rollback();
  }

  /** @param broken after a failure the state of the connection is not worth finding out */
  release(broken?: Error): void {
    this.client.release(broken);
  }
}
