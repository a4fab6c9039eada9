/** The statements of the writer's two round trips. Values are literals in them, because only simple queries may hold several statements. */
import pg from 'pg';
import type { RowWriter } from './copy-rows.ts';
import type { Plan, PlannedEvent, Range, StreamState } from './plan.ts';
import { traceIdOf } from '@verbena/event-sourcing';
import { appendLock } from './schema.ts';

/**
 * A writer that stops in the middle of its transaction, as a process does that is suspended, would keep all others from the log: the server then
 * ends its session, and it finds out when it goes on.
 */
const longestPause = '10s';

const begin = 'begin isolation level read committed';
const lock = `select pg_advisory_xact_lock(${appendLock})`;

const pause = `set local idle_in_transaction_session_timeout = '${longestPause}'`;

/** Begins a transaction that takes the lock and fails unless the log ends where the writer believes it does. */
export function beginAt(head: bigint): string {
  return `${begin}; ${pause}; select append_at(${head})`;
}

export interface Wanted {
  /** Begin the transaction and take the lock first. */
  readonly begin: boolean;
  readonly streams: readonly string[];
  readonly commands: readonly string[];
  readonly lost: { readonly after: bigint; readonly ids: readonly Buffer[] } | undefined;
}

export interface Found {
  readonly head: bigint;
  readonly streams: ReadonlyMap<string, StreamState>;
  readonly commands: ReadonlyMap<string, Range>;
  /** Positions by id, in hexadecimal digits. */
  readonly committed: ReadonlyMap<string, bigint>;
}

/**
 * Reads what a batch needs to know, under the lock. In READ COMMITTED each statement sees what was committed when it began, so the reads after the
 * lock see everything that earlier holders of the lock have written.
 */
export async function readStatements(client: pg.PoolClient, { begin: anew, streams, commands, lost }: Wanted): Promise<Found> {
  const parts: string[] = [];
  const results: string[] = [];
  const part = (name: string, text: string): void => {
    results.push(name);
    parts.push(text);
  };
  if (anew) for (const text of [begin, pause, lock]) part('', text);
  part('head', 'select coalesce(max(position), 0) as head from events');
  if (streams.length > 0) part('streams', lastVersions(streams));
  if (commands.length > 0) {
    part('commands', `select command_id, first_position, events from commands where command_id in (${literals(commands)})`);
  }
  if (lost !== undefined && lost.ids.length > 0) {
    const ids = lost.ids.map((id) => `'${id.toString('hex')}'`).join(', ');
    part('committed', `select replace(id::text, '-', '') as id, position from events where position > ${lost.after} and id in (${ids})`);
  }
  const answer = (await client.query({ text: parts.join('; '), rowMode: 'array' })) as unknown;
  const tables = (Array.isArray(answer) ? answer : [answer]) as readonly pg.QueryArrayResult<unknown[]>[];
  const rowsOf = <T extends unknown[]>(name: string): readonly T[] => (tables[results.indexOf(name)]?.rows ?? []) as T[];
  return {
    head: rowsOf<[bigint]>('head')[0]?.[0] ?? 0n,
    streams: new Map(
      rowsOf<[string, number, bigint | null]>('streams').map(([name, version, epoch]) => [name, { version, epoch: Number(epoch ?? 0n) }]),
    ),
    commands: new Map(rowsOf<[string, bigint, number]>('commands').map(([id, first, count]) => [id, { first, count }])),
    committed: new Map(rowsOf<[string, bigint]>('committed')),
  };
}

/** Everything that a batch writes, with its commit at the end, and what makes the rows that its COPY reads. */
export function appendStatements(
  { events, commands }: Plan,
  time: Date,
  writer: RowWriter,
): { text: string; rows: (() => Buffer) | undefined } {
  const parts: string[] = [];
  if (events.length > 0) {
    parts.push(
      'copy events (position, id, stream, version, type, schema, data, time, actor, tenant, correlation_id, causation_id, trace_id, traceparent, epoch) from stdin (format binary)',
    );
  }
  if (commands.size > 0) {
    const rows = [...commands].map(([id, { first, count }]) => `(${pg.escapeLiteral(id)}, ${first}, ${count})`);
    parts.push(`insert into commands (command_id, first_position, events) values ${rows.join(', ')}`);
  }
  parts.push('commit');
  return { text: parts.join('; '), rows: events.length === 0 ? undefined : () => rowsOf(events, time, writer) };
}

function rowsOf(events: readonly PlannedEvent[], time: Date, writer: RowWriter): Buffer {
  writer.reset();
  const ms = time.getTime();
  for (const { position, stream, version, metadata, event } of events) {
    writer.row(15);
    writer.int8(position);
    writer.binary(event.id);
    writer.text(stream);
    writer.int4(version);
    writer.text(event.type);
    writer.int2(event.schema);
    writer.text(event.data);
    writer.time(ms);
    writer.text(metadata.actor);
    writer.text(metadata.tenant);
    writer.textOrNothing(metadata.correlationId);
    writer.textOrNothing(metadata.causationId);
    writer.textOrNothing(traceIdOf(metadata.traceparent));
    writer.textOrNothing(metadata.traceparent);
    if (metadata.epoch === undefined) writer.nothing();
    else writer.int8(BigInt(metadata.epoch));
  }
  return writer.end();
}

/** Epochs never fall within a stream, so that its last event has the highest. */
function lastVersions(streams: readonly string[]): string {
  return `select wanted.stream, last.version, last.epoch from unnest(array[${literals(streams)}]) as wanted(stream),
    lateral (select version, epoch from events where events.stream = wanted.stream order by version desc limit 1) as last`;
}

const literals = (values: readonly string[]): string => values.map((value) => pg.escapeLiteral(value)).join(', ');
