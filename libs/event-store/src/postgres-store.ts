/** The event store on Postgres. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  EventStoreError,
  matches,
  type AppendOptions,
  type AppendResult,
  type EntityModel,
  type EventCatalogue,
  type EventDatabase,
  type EventFilter,
  type EventStoreProblem,
  type KeptEntities,
  type PositionNotices,
  type ReadAllOptions,
  type ReadModels,
  type RecordedEvent,
  type StreamAppend,
} from '@verbena/event-sourcing';
import { catalogue as everyEvent } from '@verbena/history';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Logger } from 'pino';
import { Announcer } from './announcer.ts';
import { DatabaseError, describeDatabase, isConnectionFailure, pgTypes, problemOf, reasonOf, withRetry } from './connection.ts';
import { migrate } from './migrate.ts';
import { keptEntities } from './read-models/entity-rows.ts';
import { openReadModels } from './read-models/open.ts';
import { LogReader } from './reader.ts';
import { Recent } from './recent.ts';
import type { Tables } from './schema.ts';
import type { CommitWatch, PoolFacts } from './commit-watch.ts';
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
  /** The shapes of events; those of Verbena by default. */
  readonly catalogue?: EventCatalogue;
  /** Where other processes are told of new positions, and tell of theirs: the bus. */
  readonly notices?: PositionNotices;
  /** Whether to LISTEN for what others append; not behind a pooler that shares sessions, which does not carry it. */
  readonly listen?: boolean;
  /** Told of each commit. */
  readonly watch?: CommitWatch;
  /** Given the pool of connections, to look at. */
  readonly onPool?: (pool: PoolFacts) => void;
}

/**
 * Connects, brings the schema up to date, and serves the EventStore port.
 * @throws {DatabaseError} when the server cannot be reached in time or refuses us, or its schema is from a newer version.
 */
export async function openEventStore(options: EventStoreOptions): Promise<EventDatabase> {
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
    await migrate(db, databaseUrl);
    await warnOfRisks(pool, database, log);
  } catch (cause) {
    await db.destroy();
    throw new DatabaseError(problemOf(cause), `cannot use Postgres at ${database}: ${reasonOf(cause)}${adviceOn(cause)}`, { cause });
  }
  options.onPool?.(pool);
  return new PostgresEventStore(pool, db, { ...options, retryMs }, database);
}

function adviceOn(cause: unknown): string {
  if (isConnectionFailure(cause)) return '. Is the server running, and is DATABASE_URL right?';
  // Kysely's words for a migration that was applied and that this program does not have.
  if (/previously executed migration .* is missing/.test(reasonOf(cause)))
    return '. The database was made by a newer version: run that one';
  return '';
}

/** What is durable when an append resolves is what the server makes durable. */
async function warnOfRisks(pool: pg.Pool, database: string, log: EventStoreOptions['log']): Promise<void> {
  const { rows } = await pool.query<{ fsync: string; full: string }>(
    `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full`,
  );
  if (rows[0]?.fsync === 'off' || rows[0]?.full === 'off')
    log.warn(`${database} runs with fsync or full_page_writes off: a crash of its machine can lose or damage the event log`);
}

class PostgresEventStore implements EventDatabase {
  readonly #pool: pg.Pool;
  readonly #reader: LogReader;
  readonly #catalogue: EventCatalogue;
  readonly #models = new Set<ReadModels>();
  readonly #db: Kysely<Tables>;
  readonly #writer: Writer;
  readonly #wake: Wake;
  readonly #announcer: Announcer;
  readonly #recent: Recent;
  readonly #options: EventStoreOptions & { readonly retryMs: number };
  readonly #database: string;
  /** What has kept appends from being written since the last one that was. */
  readonly #troubles = new Set<EventStoreProblem>();
  readonly #following = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(pool: pg.Pool, db: Kysely<Tables>, options: EventStoreOptions & { readonly retryMs: number }, database: string) {
    const { databaseUrl, log, now = () => new Date(), retryMs, pollMs = 1_000, catalogue = everyEvent, notices, listen = true } = options;
    this.#pool = pool;
    this.#reader = new LogReader(db, catalogue);
    this.#catalogue = catalogue;
    this.#recent = new Recent(catalogue);
    this.#db = db;
    this.#options = options;
    this.#database = database;
    const onFailure = (error: unknown): void => log.warn(`no notifications from ${database}: ${reasonOf(error)}`);
    this.#announcer = new Announcer({ pool, onFailure: (error) => log.debug(`nobody was notified by ${database}: ${reasonOf(error)}`) });
    this.#wake = new Wake({ databaseUrl, pollMs, onFailure, notices, listen });
    this.#writer = new Writer({
      pool,
      catalogue,
      now,
      retryMs,
      database,
      watch: options.watch,
      readRange: (range) => this.#read(() => this.#reader.range(range)),
      onGivenUp: (failure) => this.#cannotAppend(failure),
      onCommit: (events, time) => {
        this.#canAppend();
        this.#recent.add(events, time);
        const head = events.at(-1)?.position ?? 0n;
        this.#wake.committed(head);
        this.#announcer.announce(head);
      },
      onRetry: (error) => log.warn(`appending to ${database} again: ${reasonOf(error)}`),
    });
  }

  append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
    return this.#writer.append(appends, options);
  }

  /** Callers are told each time; the log is told once of each trouble, and when it is over. */
  #cannotAppend({ message, problem }: DatabaseError): void {
    if (this.#troubles.has(problem)) return;
    this.#troubles.add(problem);
    this.#options.log.warn(message);
  }

  #canAppend(): void {
    if (this.#troubles.size === 0) return;
    this.#troubles.clear();
    this.#options.log.info(`the event log at ${this.#database} can be appended to again`);
  }

  findCommand(commandId: string): Promise<readonly RecordedEvent[] | undefined> {
    return this.#read(() => this.#reader.command(commandId));
  }

  readStream(stream: string, fromVersion = 1): Promise<readonly RecordedEvent[]> {
    return this.#read(() => this.#reader.stream(stream, fromVersion));
  }

  readAll(options: ReadAllOptions = {}): Promise<readonly RecordedEvent[]> {
    return this.#read(() => this.#reader.all(options));
  }

  head(): Promise<bigint> {
    return this.#read(() => this.#reader.head());
  }

  kept(model: Pick<EntityModel, 'name' | 'version'>): Promise<KeptEntities | undefined> {
    return this.#read(() => keptEntities(this.#pool, model));
  }

  async *follow(options: { after?: bigint; filter?: EventFilter; signal: AbortSignal }): AsyncGenerator<readonly RecordedEvent[]> {
    const { filter } = options;
    const { batchSize = 500, log } = this.#options;
    const signal = AbortSignal.any([options.signal, this.#stop.signal]);
    let position = options.after ?? 0n;
    for (let wait = 50; !signal.aborted;) {
      try {
        // Everything up to the head was committed before the head was, so what is read up to there is complete.
        const { known, nudges } = this.#wake;
        const written = known > position ? this.#recent.after(position, batchSize) : undefined;
        const end = written?.at(-1)?.position;
        if (written !== undefined && end !== undefined) {
          position = end;
          const batch = filter === undefined ? written : written.filter((recorded) => matches(filter, recorded));
          if (batch.length > 0) yield batch;
          await this.#wake.beyond(position, nudges, signal);
          continue;
        }
        const head = known > position ? known : await this.#tracked(this.#reader.head());
        const range = { after: position, through: head, limit: batchSize };
        const batch = head > position ? await this.#tracked(this.#reader.all({ ...range, ...(filter && { filter }) })) : [];
        wait = 50;
        position = batch.length === batchSize ? (batch.at(-1)?.position ?? position) : head > position ? head : position;
        if (signal.aborted) return;
        if (batch.length > 0) yield batch;
        if (batch.length < batchSize) await this.#wake.beyond(position, nudges, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!isConnectionFailure(error)) throw error;
        log.warn(`following the event log at ${this.#database}, which cannot be reached: ${reasonOf(error)}`);
        await delay(wait, undefined, { signal }).catch(() => undefined);
        wait = Math.min(wait * 2, 2_000);
      }
    }
  }

  async readModels(models: readonly EntityModel[]): Promise<ReadModels> {
    const { log } = this.#options;
    const opened = await openReadModels({
      pool: this.#pool,
      models,
      catalogue: this.#catalogue,
      wake: this.#wake,
      database: this.#database,
      log,
    });
    this.#models.add(opened);
    return opened;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#models].map((models) => models.stop()));
    await Promise.all([this.#writer.close(), this.#wake.close()]);
    await this.#announcer.close();
    await Promise.all(this.#following);
    await this.#db.destroy();
  }

  /** A read is repeated while the server is away, within bounds: it changes nothing, so nobody need hear of it. */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    if (this.#stop.signal.aborted) throw new DatabaseError('closed', 'the event store is closed');
    try {
      const options = { forMs: this.#options.retryMs, retryable: isConnectionFailure, signal: this.#stop.signal };
      return await this.#tracked(withRetry(read, options));
    } catch (cause) {
      if (cause instanceof EventStoreError) throw cause;
      throw new DatabaseError(problemOf(cause), `could not read the event log at ${this.#database}: ${reasonOf(cause)}`, { cause });
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
