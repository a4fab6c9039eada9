/**
 * Query strings that are sent to one connection behind one another, without waiting for answers: the server begins with the next as soon as it is
 * through with the one before (PostgreSQL documentation, "Message Flow"). pg drives one question at a time, so to pg a pipeline is one that asks again
 * whenever it was answered.
 *
 * A query string may hold a COPY, for which pg has no words of its own, with other statements beside it: a whole batch and its COMMIT are one string.
 */
import type pg from 'pg';
import { leavesDoubt } from './append-failure.ts';

interface Exchange {
  readonly text: string;
  readonly input: (() => Buffer) | undefined;
  readonly onData: ((chunk: Buffer) => void) | undefined;
  /** Tags of the statements that were completed: "COPY 12", "COMMIT". */
  readonly tags: string[];
  resolve(tags: readonly string[]): void;
  reject(error: unknown): void;
}

export interface CopyStreams {
  /**
   * Makes the messages of a RowWriter for a COPY ... FROM STDIN, after the string was sent, while the server begins with it. They are left alone until
   * the statements are over.
   */
  readonly input?: (() => Buffer) | undefined;
  /** Takes the rows of a COPY ... TO STDOUT, and must take what it needs at once: the chunk's memory is used again. */
  readonly onData?: (chunk: Buffer) => void;
}

export class Pipeline implements pg.Submittable {
  readonly #client: pg.ClientBase;
  /** In the order of their answers. */
  readonly #exchanges: Exchange[] = [];
  #unsent: Exchange[] = [];
  #connection: pg.Connection | undefined;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /** @returns the tags of all statements of the string */
  send(text: string, { input, onData }: CopyStreams = {}): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    const exchange: Exchange = { text, input, onData, tags: [], resolve, reject };
    const idle = this.#exchanges.push(exchange) === 1;
    if (idle || this.#connection === undefined || this.#unsent.length > 0) this.#unsent.push(exchange);
    else write(this.#connection, exchange);
    if (idle) this.#client.query(this);
    return promise;
  }

  /** Called by pg, as all that follows: at once when the connection is idle, otherwise when it is. */
  submit(connection: pg.Connection): void {
    this.#connection = connection;
    for (const exchange of this.#unsent) write(connection, exchange);
    this.#unsent = [];
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#exchanges[0]?.tags.push(text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#exchanges[0]?.onData?.(chunk);
  }

  handleReadyForQuery(): void {
    const answered = this.#exchanges.shift();
    answered?.resolve(answered.tags);
    this.#ask();
  }

  /** An error that the server survives ends one string; the answers to the others follow. */
  handleError(error: unknown): void {
    const over = leavesDoubt(error) || !isAnswer(error);
    if (over) this.#unsent = [];
    for (const { reject } of this.#exchanges.splice(0, over ? this.#exchanges.length : 1)) reject(error);
    this.#ask();
  }

  #ask(): void {
    if (this.#exchanges.length > 0) this.#client.query(this);
  }

  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

function write(connection: pg.Connection, { text, input }: Exchange): void {
  connection.query(text);
  // Sent without waiting for the server's word; should the COPY be refused, it ignores the data.
  if (input !== undefined) connection.stream.write(input());
}

/** Errors of the server have a severity; those of the connection and of pg have none. */
function isAnswer(error: unknown): boolean {
  return ((error ?? {}) as { severity?: unknown }).severity !== undefined;
}
