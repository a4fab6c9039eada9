/** Reading the log: filters as `matches` of the port defines them, in SQL. */
import type { EventFilter, ReadAllOptions, RecordedEvent } from '@verbena/event-sourcing';
import { sql, type Expression, type Kysely, type SelectQueryBuilder, type SqlBool } from 'kysely';
import type { Range } from './plan.ts';
import { recordedEvent } from './rows.ts';
import type { Tables } from './schema.ts';

type Selection = SelectQueryBuilder<Tables, 'events', Tables['events']>;

export async function readStream(db: Kysely<Tables>, stream: string, fromVersion: number): Promise<readonly RecordedEvent[]> {
  const query = db.selectFrom('events').selectAll().where('stream', '=', stream).where('version', '>=', fromVersion);
  return (await query.orderBy('version').execute()).map(recordedEvent);
}

/** Events in global order. `through` bounds what is seen, so that a follower knows where its next read begins. */
export async function readAll(
  db: Kysely<Tables>,
  options: ReadAllOptions & { readonly through?: bigint },
): Promise<readonly RecordedEvent[]> {
  const { after, limit, descending = false, filter, through } = options;
  let query: Selection = db.selectFrom('events').selectAll();
  if (after !== undefined) query = query.where('position', descending ? '<' : '>', after);
  if (through !== undefined) query = query.where('position', '<=', through);
  for (const condition of conditions(filter)) query = query.where(condition);
  query = query.orderBy('position', descending ? 'desc' : 'asc');
  if (limit !== undefined && Number.isFinite(limit)) query = query.limit(limit);
  return (await query.execute()).map(recordedEvent);
}

export async function readRange(db: Kysely<Tables>, { first, count }: Range): Promise<readonly RecordedEvent[]> {
  if (count === 0) return [];
  const query = db
    .selectFrom('events')
    .selectAll()
    .where('position', '>=', first)
    .where('position', '<', first + BigInt(count));
  return (await query.orderBy('position').execute()).map(recordedEvent);
}

export async function readHead(db: Kysely<Tables>): Promise<bigint> {
  const row = await db
    .selectFrom('events')
    .select(({ fn }) => fn.max<bigint | null>('position').as('head'))
    .executeTakeFirst();
  return row?.head ?? 0n;
}

export async function findCommand(db: Kysely<Tables>, commandId: string): Promise<readonly RecordedEvent[] | undefined> {
  const row = await db.selectFrom('commands').selectAll().where('command_id', '=', commandId).executeTakeFirst();
  return row && readRange(db, { first: row.first_position, count: row.events });
}

function conditions({ stream, types, correlationId, tenant, traceId, since, until }: EventFilter = {}): Expression<SqlBool>[] {
  const all: Expression<SqlBool>[] = [];
  // ^@ is "starts with", which the index on (stream, version) serves, and which knows no wildcards of its own.
  if (stream !== undefined)
    all.push(stream.endsWith('*') ? sql<SqlBool>`stream ^@ ${stream.slice(0, -1)}` : sql<SqlBool>`stream = ${stream}`);
  if (types !== undefined) all.push(sql<SqlBool>`type = any(${[...types]}::text[])`);
  if (correlationId !== undefined) all.push(sql<SqlBool>`correlation_id = ${correlationId}`);
  if (tenant !== undefined) all.push(sql<SqlBool>`tenant = ${tenant}`);
  if (traceId !== undefined) all.push(sql<SqlBool>`trace_id = ${traceId}`);
  if (since !== undefined) all.push(sql<SqlBool>`time >= ${since.toISOString()}::timestamptz`);
  if (until !== undefined) all.push(sql<SqlBool>`time < ${until.toISOString()}::timestamptz`);
  return all;
}
