/**
 * COPY over a connection of pg, which has no words of its own for it. A query string that holds a COPY may hold other statements beside it: the
 * server runs them in turn, so that a whole batch and its COMMIT travel in one round trip (PostgreSQL documentation, "Message Flow", COPY).
 */
import type pg from 'pg';

/** A query as pg drives it: submitted once, then told of every message until the server is ready again. */
class Statement implements pg.Submittable {
  /** Tags of the statements that were completed: "COPY 12", "COMMIT". */
  readonly tags: string[] = [];
  readonly done: Promise<readonly string[]>;
  readonly #text: string;
  readonly #input: (() => Buffer) | undefined;
  readonly #onData: ((chunk: Buffer) => void) | undefined;
  readonly #resolve: (tags: readonly string[]) => void;
  readonly #reject: (error: unknown) => void;

  constructor(text: string, input: (() => Buffer) | undefined, onData?: (chunk: Buffer) => void) {
    this.#text = text;
    this.#input = input;
    this.#onData = onData;
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    this.done = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#text);
    // Put together while the server begins, and sent without waiting for its word; should the COPY be refused, it ignores the data.
    if (this.#input !== undefined) connection.stream.write(this.#input());
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.tags.push(text);
  }

  handleCopyData({ chunk }: { readonly chunk: Buffer }): void {
    this.#onData?.(chunk);
  }

  handleReadyForQuery(): void {
    this.#resolve(this.tags);
  }

  handleError(error: unknown): void {
    this.#reject(error);
  }

  handleCopyInResponse(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
}

/**
 * Runs statements, one of which may read by COPY ... FROM STDIN.
 * @param input makes the messages of a RowWriter, when one does; they are left alone until the statements are over
 * @returns the tags of all of them
 */
export function copyIn(client: pg.ClientBase, text: string, input?: () => Buffer): Promise<readonly string[]> {
  return client.query(new Statement(text, input)).done;
}

/** Runs a COPY ... TO STDOUT. `onData` must take what it needs at once: the chunk's memory is used again. */
export function copyOut(client: pg.ClientBase, text: string, onData: (chunk: Buffer) => void): Promise<readonly string[]> {
  return client.query(new Statement(text, undefined, onData)).done;
}
