/** The event store on Postgres. */
import { setTimeout as delay } from 'node:timers/promises';
import type {
  AppendOptions,
  AppendResult,
  EventFilter,
  EventStore,
  ReadAllOptions,
  RecordedEvent,
  StreamAppend,
} from '@verbena/event-sourcing';
import { Kysely, Migrator, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Logger } from 'pino';
import { DatabaseError, describeDatabase, isConnectionFailure, pgTypes, reasonOf, withRetry } from './connection.ts';
import { findCommand, readAll, readHead, readStream } from './reader.ts';
import { migrations, type Tables } from './schema.ts';
import { Wake } from './wake.ts';
import { Writer } from './writer.ts';

export interface EventStoreOptions {
  /** postgresql://user:password@host:port/database */
  readonly databaseUrl: string;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  readonly now?: () => Date;
  /** How long to wait for a server that cannot be reached, at the start and later, in milliseconds. */
  readonly retryMs?: number;
  /** Most connections; one more listens. */
  readonly connections?: number;
  /** The longest that a follower waits without looking, should notifications be lost, in milliseconds. */
  readonly pollMs?: number;
  /** Most events in one batch of `follow`. */
  readonly batchSize?: number;
}

/**
 * Connects, brings the schema up to date, and serves the EventStore port.
 * @throws {DatabaseError} when the server cannot be reached in time or refuses us, or its schema is from a newer version.
 */
export async function openEventStore(options: EventStoreOptions): Promise<EventStore> {
  const { databaseUrl, log, connections = 10, retryMs = 15_000 } = options;
  const database = describeDatabase(databaseUrl);
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: connections,
    types: pgTypes,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    statement_timeout: 60_000,
    application_name: 'verbena',
  });
  pool.on('error', (err) => log.debug({ err }, 'an idle connection to the database broke'));
  // A connection may also break between two statements of a transaction, where nobody else would hear of it; the next statement then fails.
  pool.on('connect', (client) => client.on('error', (err) => log.debug({ err }, 'a connection to the database broke')));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  try {
    await withRetry(() => pool.query('select 1'), {
      forMs: retryMs,
      retryable: isConnectionFailure,
      onRetry: (error) => log.debug(`${database} cannot be reached yet: ${reasonOf(error)}`),
    });
    await migrate(db);
  } catch (cause) {
    await db.destroy();
    throw new DatabaseError(`cannot use Postgres at ${database}: ${reasonOf(cause)}${adviceOn(cause)}`, { cause });
  }
  return new PostgresEventStore(db, { ...options, retryMs }, database);
}

function adviceOn(cause: unknown): string {
  if (isConnectionFailure(cause)) return '. Is the server running, and is DATABASE_URL right?';
  // Kysely's words for a migration that was applied and that this program does not have.
  if (/previously executed migration .* is missing/.test(reasonOf(cause)))
    return '. The database was made by a newer version: run that one';
  return '';
}

/** Kysely's migrator holds a lock of the database while it works, so several processes may start at once. */
async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

class PostgresEventStore implements EventStore {
  readonly #db: Kysely<Tables>;
  readonly #writer: Writer;
  readonly #wake: Wake;
  readonly #options: EventStoreOptions & { readonly retryMs: number };
  readonly #database: string;
  readonly #following = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(db: Kysely<Tables>, options: EventStoreOptions & { readonly retryMs: number }, database: string) {
    const { databaseUrl, log, now = () => new Date(), retryMs, pollMs = 1_000 } = options;
    this.#db = db;
    this.#options = options;
    this.#database = database;
    this.#wake = new Wake({ databaseUrl, pollMs, onFailure: (error) => log.warn(`no notifications from ${database}: ${reasonOf(error)}`) });
    this.#writer = new Writer(db, {
      now,
      retryMs,
      database,
      onCommit: (head) => this.#wake.signal(head),
      onRetry: (error) => log.warn(`appending to ${database} again: ${reasonOf(error)}`),
    });
  }

  append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
    return this.#writer.append(appends, options);
  }

  findCommand(commandId: string): Promise<readonly RecordedEvent[] | undefined> {
    return this.#read((db) => findCommand(db, commandId));
  }

  readStream(stream: string, fromVersion = 1): Promise<readonly RecordedEvent[]> {
    return this.#read((db) => readStream(db, stream, fromVersion));
  }

  readAll(options: ReadAllOptions = {}): Promise<readonly RecordedEvent[]> {
    return this.#read((db) => readAll(db, options));
  }

  head(): Promise<bigint> {
    return this.#read(readHead);
  }

  async *follow(options: { after?: bigint; filter?: EventFilter; signal: AbortSignal }): AsyncGenerator<readonly RecordedEvent[]> {
    const { filter } = options;
    const { batchSize = 500, log } = this.#options;
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    let position = options.after ?? 0n;
    for (let wait = 50; !signal.aborted;) {
      try {
        // Everything up to the head was committed before the head was, so what is read up to there is complete.
        const { known } = this.#wake;
        const head = known > position ? known : await this.#tracked(readHead(this.#db));
        const range = { after: position, through: head, limit: batchSize };
        const batch = head > position ? await this.#tracked(readAll(this.#db, { ...range, ...(filter && { filter }) })) : [];
        wait = 50;
        position = batch.length === batchSize ? (batch.at(-1)?.position ?? position) : head > position ? head : position;
        if (signal.aborted) return;
        if (batch.length > 0) yield batch;
        if (batch.length < batchSize) await this.#wake.beyond(position, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isConnectionFailure(error)) throw error;
        log.warn(`following the event log at ${this.#database}, which cannot be reached: ${reasonOf(error)}`);
        await delay(wait, undefined, { signal }).catch(() => undefined);
        wait = Math.min(wait * 2, 2_000);
      }
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#writer.close(), this.#wake.close()]);
    await Promise.all(this.#following);
    await this.#db.destroy();
  }

  /** A read is repeated while the server is away, within bounds: it changes nothing, so nobody need hear of it. */
  async #read<T>(read: (db: Kysely<Tables>) => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted) throw new Error('the event store is closed');
    try {
      const options = { forMs: this.#options.retryMs, retryable: isConnectionFailure, signal: this.#stop.signal };
      return await this.#tracked(withRetry(() => read(this.#db), options));
    } catch (cause) {
      throw new DatabaseError(`could not read the event log at ${this.#database}: ${reasonOf(cause)}`, { cause });
    }
  }

  /** Remembers a read under way, because a pool must not be closed under it. */
  #tracked<T>(read: Promise<T>): Promise<T> {
    const settled = read.then(
      () => undefined,
      () => undefined,
    );
    this.#following.add(settled);
    void settled.then(() => this.#following.delete(settled));
    return read;
  }
}
