/**
 * The writer: group commit under one lock. Positions are drawn while a transaction-level advisory lock is held, and the lock is released by the
 * commit, so a position that a reader sees is never followed by a smaller one. Positions are dense: the next is the last plus one.
 *
 * A batch is what came while the one before was being written, up to 256 appends. When the connection is lost, the batch is tried again; ids
 * chosen before the first attempt tell whether that attempt was committed after all.
 */
import { randomUUID } from 'node:crypto';
import { checkAppend, type AppendOptions, type AppendResult, type RecordedEvent, type StreamAppend } from '@verbena/event-sourcing';
import { sql, type Kysely, type Transaction } from 'kysely';
import { DatabaseError, isConflict, isConnectionFailure, reasonOf, withRetry } from './connection.ts';
import { plan, type Current, type Plan, type Range, type Request } from './plan.ts';
import { readRange } from './reader.ts';
import { recordedEvent } from './rows.ts';
import type { Tables } from './schema.ts';

interface Waiting extends Request {
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

export interface WriterOptions {
  readonly now: () => Date;
  /** How long an append goes on trying to reach the server, in milliseconds. */
  readonly retryMs: number;
  /** For messages: host, port and database. */
  readonly database: string;
  /** Called after a commit with the position of the last event. */
  readonly onCommit: (head: bigint) => void;
  readonly onRetry: (error: unknown) => void;
}

/** Any constant will do, as long as every writer of a database uses the same: "verbena" on a telephone's keys. */
const appendLock = 8372362;
const maximumBatch = 256;
const maximumEventsInBatch = 10_000;
const maximumWaiting = 20_000;
export const channel = 'verbena_events';

export class Writer {
  readonly #db: Kysely<Tables>;
  readonly #options: WriterOptions;
  readonly #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  readonly #stop = new AbortController();

  constructor(db: Kysely<Tables>, options: WriterOptions) {
    this.#db = db;
    this.#options = options;
  }

  async append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
    if (this.#stop.signal.aborted) throw new Error('the event store is closed');
    checkAppend(appends, options);
    if (this.#waiting.length >= maximumWaiting)
      throw new DatabaseError(`${maximumWaiting} appends wait for ${this.#options.database} already`);
    // Payloads are serialised here, so that what the caller changes later, and what JSON cannot carry, never reaches a batch.
    const payloads = appends.flatMap(({ events }) => events.map(({ data }) => JSON.stringify(data) ?? 'null'));
    const { promise, resolve, reject } = Promise.withResolvers<AppendResult>();
    this.#waiting.push({ appends, options, payloads, ids: payloads.map(() => randomUUID()), resolve, reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  /** Lets what was accepted finish, gives up waiting for a server that is away. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the event store is closed'));
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop gathers the appends that were made in the same one.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      await this.#write(batch).catch((error: unknown) => this.#writeOneByOne(batch, error));
    }
    // In the same turn as the loop's last look: an append made in between would wait for ever.
    this.#draining = undefined;
  }

  #next(): Waiting[] {
    let events = 0;
    let count = 0;
    for (const { ids } of this.#waiting.slice(0, maximumBatch)) {
      if (count > 0 && events + ids.length > maximumEventsInBatch) break;
      events += ids.length;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** Where something in the batch itself is at fault, only its own caller shall suffer. */
  async #writeOneByOne(batch: readonly Waiting[], error: unknown): Promise<void> {
    if (batch.length === 1 || isConnectionFailure(error)) {
      const { database } = this.#options;
      const failure = new DatabaseError(`could not append to the event log at ${database}: ${reasonOf(error)}`, { cause: error });
      for (const { reject } of batch) reject(failure);
      return;
    }
    for (const waiting of batch) await this.#write([waiting]).catch((cause: unknown) => this.#writeOneByOne([waiting], cause));
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { retryMs, onRetry } = this.#options;
    const { planned, recorded } = await withRetry((attempt) => this.#attempt(batch, attempt), {
      forMs: retryMs,
      retryable: (error) => isConnectionFailure(error) || isConflict(error),
      signal: this.#stop.signal,
      onRetry,
    });
    const head = planned.events.at(-1)?.position;
    if (head !== undefined) this.#options.onCommit(head);
    for (const [index, waiting] of batch.entries()) {
      const outcome = planned.outcomes[index];
      if (outcome === undefined) throw new Error('a batch’s plan has an outcome for each request');
      if (!outcome.ok) waiting.resolve(outcome);
      else waiting.resolve({ ok: true, repeated: outcome.repeated, events: recorded.get(outcome.range.first) ?? [] });
    }
  }

  #attempt(batch: readonly Request[], attempt: number): Promise<{ planned: Plan; recorded: Map<bigint, readonly RecordedEvent[]> }> {
    return this.#db.transaction().execute(async (transaction) => {
      const current = await readCurrent(transaction, batch, attempt > 1);
      const planned = plan(batch, current, this.#options.now());
      await write(transaction, planned);
      return { planned, recorded: await eventsOf(transaction, planned) };
    });
  }
}

async function readCurrent(db: Transaction<Tables>, batch: readonly Request[], again: boolean): Promise<Current> {
  await sql`select pg_advisory_xact_lock(${appendLock})`.execute(db);
  const names = [...new Set(batch.flatMap(({ appends }) => appends.map(({ stream }) => stream)))];
  const commandIds = batch.flatMap(({ options }) => options.commandId ?? []);
  const head = await db
    .selectFrom('events')
    .select(({ fn }) => fn.max<bigint | null>('position').as('head'))
    .executeTakeFirst();
  const streams = names.length === 0 ? [] : await db.selectFrom('streams').selectAll().where('stream', 'in', names).execute();
  const commands =
    commandIds.length === 0 ? [] : await db.selectFrom('commands').selectAll().where('command_id', 'in', commandIds).execute();
  return {
    head: head?.head ?? 0n,
    streams: new Map(streams.map(({ stream, version, epoch }) => [stream, { version, epoch: Number(epoch) }])),
    commands: new Map(commands.map((row) => [row.command_id, { first: row.first_position, count: row.events }])),
    committed: again ? await readCommitted(db, batch) : new Map(),
  };
}

async function readCommitted(db: Transaction<Tables>, batch: readonly Request[]): Promise<Map<string, Range>> {
  const firsts = batch.flatMap(({ ids }) => ids[0] ?? []);
  if (firsts.length === 0) return new Map();
  const counts = new Map(batch.map(({ ids }) => [ids[0] ?? '', ids.length]));
  const rows = await db.selectFrom('events').select(['id', 'position']).where('id', 'in', firsts).execute();
  return new Map(rows.map(({ id, position }) => [id, { first: position, count: counts.get(id) ?? 0 }]));
}

async function write(db: Transaction<Tables>, { events, streams, commands }: Plan): Promise<void> {
  if (events.length > 0) {
    const column = <T>(of: (row: (typeof events)[number]) => T): T[] => events.map(of);
    await sql`
      insert into events (position, id, stream, version, type, data, time, actor, tenant, correlation_id, causation_id, trace_id, traceparent, epoch)
      select * from unnest(
        ${column(({ position }) => position)}::bigint[], ${column(({ id }) => id)}::uuid[], ${column(({ stream }) => stream)}::text[],
        ${column(({ version }) => version)}::integer[], ${column(({ type }) => type)}::text[], ${column(({ data }) => data)}::json[],
        ${column(({ time }) => time.toISOString())}::timestamptz[], ${column(({ actor }) => actor)}::text[],
        ${column(({ tenant }) => tenant)}::text[], ${column((row) => row.correlation_id)}::text[],
        ${column((row) => row.causation_id)}::text[], ${column((row) => row.trace_id)}::text[],
        ${column(({ traceparent }) => traceparent)}::text[], ${column(({ epoch }) => epoch)}::bigint[])`.execute(db);
    const updates = [...streams];
    await sql`
      insert into streams (stream, version, epoch)
      select * from unnest(${updates.map(([stream]) => stream)}::text[], ${updates.map(([, { version }]) => version)}::integer[],
        ${updates.map(([, { epoch }]) => epoch)}::bigint[])
      on conflict (stream) do update set version = excluded.version, epoch = excluded.epoch`.execute(db);
  }
  if (commands.size > 0) {
    const rows = [...commands].map(([command_id, { first, count }]) => ({ command_id, first_position: first, events: count }));
    await db.insertInto('commands').values(rows).execute();
  }
  const head = events.at(-1)?.position;
  if (head !== undefined) await sql`select pg_notify(${channel}, ${String(head)})`.execute(db);
}

/** The events of each outcome by first position: those of this batch as they were written, those of earlier ones as they are read. */
async function eventsOf(db: Transaction<Tables>, { outcomes, events }: Plan): Promise<Map<bigint, readonly RecordedEvent[]>> {
  const written = new Map(events.map((row) => [row.position, row]));
  const found = new Map<bigint, readonly RecordedEvent[]>();
  for (const outcome of outcomes) {
    if (!outcome.ok || outcome.range.count === 0 || found.has(outcome.range.first)) continue;
    const { first, count } = outcome.range;
    const own = Array.from({ length: count }, (_, index) => written.get(first + BigInt(index))).filter((row) => row !== undefined);
    const fresh = own.map((row) => recordedEvent({ ...row, data: JSON.parse(row.data) as unknown }));
    found.set(first, fresh.length === count ? fresh : await readRange(db, outcome.range));
  }
  return found;
}
