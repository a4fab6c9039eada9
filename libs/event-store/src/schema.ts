/** The tables of the event store, and how they came to be. Migrations only go forward; one that was released is never edited. */
import { sql, type Kysely, type Migration } from 'kysely';

/** Any constant will do, as long as every writer of a database uses the same: "verbena" on a telephone's keys. */
export const appendLock = 8_372_362;
/** SQLSTATE of an append that believed the log to end elsewhere; class VB is nobody's. */
export const logEndsElsewhere = 'VB001';

export interface EventRow {
  position: bigint;
  id: string;
  stream: string;
  version: number;
  type: string;
  /** The version of the payload's shape. */
  schema: number;
  data: unknown;
  time: Date;
  actor: string;
  tenant: string;
  correlation_id: string | null;
  causation_id: string | null;
  trace_id: string | null;
  traceparent: string | null;
  epoch: bigint | null;
}

export interface Tables {
  events: EventRow;
  /** The events of a command stand at `first_position` and the `events - 1` positions after it. */
  commands: { command_id: string; first_position: bigint; events: number };
  /** How far each read model has come, and what made it: `version` is its definition's, `generation` grows when its tables are replaced. */
  read_models: { name: string; version: number; generation: number; position: bigint };
}

/**
 * Payloads are `json`, not `jsonb`: what a guest printed may hold NUL or half a surrogate pair, which jsonb refuses. Names compare by
 * code unit (collation C), so that a prefix is a range of the index.
 */
const first: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create table events (
      position bigint primary key,
      id uuid not null unique,
      stream text collate "C" not null,
      version integer not null,
      type text collate "C" not null,
      data json not null,
      time timestamptz not null,
      actor text not null,
      tenant text not null,
      correlation_id text,
      causation_id text,
      trace_id text,
      traceparent text,
      epoch bigint,
      unique (stream, version)
    )`.execute(db);
    await sql`create index events_correlation on events (correlation_id, position) where correlation_id is not null`.execute(db);
    await sql`create index events_trace on events (trace_id, position) where trace_id is not null`.execute(db);
    await sql`create index events_type on events (type, position)`.execute(db);
    await sql`create index events_time on events (time)`.execute(db);
    await sql`create table streams (stream text collate "C" primary key, version integer not null, epoch bigint not null)`.execute(db);
    await sql`create table commands (command_id text primary key, first_position bigint not null, events integer not null)`.execute(db);
  },
};

/**
 * The shape of payloads; and less to write for each event. Versions and epochs of streams stand in their last events already. Events by type, trace,
 * job, VM and node are found by the index among the read models, which follows the log at its own pace. Time grows with the position, near enough for an index that knows blocks of rows instead of rows.
 */
const shapes: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`alter table events add column schema smallint not null default 1, drop constraint events_id_key`.execute(db);
    await sql`drop index events_correlation, events_trace, events_type, events_time`.execute(db);
    await sql`drop table streams`.execute(db);
    await sql`create index events_time on events using brin (time) with (pages_per_range = 32, autosummarize = on)`.execute(db);
    await sql`create table read_models (
      name text collate "C" primary key, version integer not null, generation integer not null, position bigint not null
    )`.execute(db);
  },
};

/**
 * What begins a batch of a writer that believes to know where the log ends: it takes the writers' lock, and fails unless the log ends there. As a function
 * it is planned once a session, not once a batch. It is volatile, so that its second statement sees what was committed while the first one waited.
 */
const beginning: Migration = {
  async up(db: Kysely<unknown>) {
    await sql`create function append_at(believed bigint) returns void language plpgsql volatile as $$
      declare
        found bigint;
      begin
        perform pg_advisory_xact_lock(${sql.raw(String(appendLock))});
        select coalesce(max(position), 0) into found from events;
        if found <> believed then
          raise exception 'the log ends at %, not at %', found, believed using errcode = ${sql.lit(logEndsElsewhere)};
        end if;
      end $$`.execute(db);
  },
};

export const migrations: Record<string, Migration> = { '0001-events': first, '0002-shapes': shapes, '0003-beginning': beginning };
