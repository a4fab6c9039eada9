/** Reading the log: filters as `matches` of the port defines them, in SQL where SQL can tell, by the index of events where there is one. */
import { matches, type EventCatalogue, type EventFilter, type ReadAllOptions, type RecordedEvent } from '@verbena/event-sourcing';
import { sql, type Expression, type Kysely, type SelectQueryBuilder, type SqlBool } from 'kysely';
import type { Range } from './plan.ts';
import { recordedEvent } from './rows.ts';
import type { EventRow, Tables } from './schema.ts';
import { eventIndex, termOf, traceTerm, typeTerm } from './terms.ts';

type Selection = SelectQueryBuilder<Tables, 'events', EventRow>;

/** A part of the log: positions above `after`, up to `through`. */
interface Span {
  readonly after: bigint;
  readonly through: bigint;
}

const pageSize = 1_000;
const furthest = (1n << 63n) - 1n;

export class LogReader {
  readonly #db: Kysely<Tables>;
  readonly #catalogue: EventCatalogue;

  constructor(db: Kysely<Tables>, catalogue: EventCatalogue) {
    this.#db = db;
    this.#catalogue = catalogue;
  }

  async stream(stream: string, fromVersion: number): Promise<readonly RecordedEvent[]> {
    const query = this.#db.selectFrom('events').selectAll().where('stream', '=', stream).where('version', '>=', fromVersion);
    return this.#recorded(await query.orderBy('version').execute());
  }

  async head(): Promise<bigint> {
    const row = await this.#db
      .selectFrom('events')
      .select(({ fn }) => fn.max<bigint | null>('position').as('head'))
      .executeTakeFirst();
    return row?.head ?? 0n;
  }

  async range({ first, count }: Range): Promise<readonly RecordedEvent[]> {
    return count === 0 ? [] : this.all({ after: first - 1n, through: first + BigInt(count) - 1n });
  }

  async command(commandId: string): Promise<readonly RecordedEvent[] | undefined> {
    const row = await this.#db.selectFrom('commands').selectAll().where('command_id', '=', commandId).executeTakeFirst();
    return row && this.range({ first: row.first_position, count: row.events });
  }

  /** Events in global order. `through` bounds what is seen, so that a follower knows where its next read begins. */
  async all(options: ReadAllOptions & { readonly through?: bigint }): Promise<readonly RecordedEvent[]> {
    const { after, limit = Infinity, descending = false, filter = {} } = options;
    let { through = furthest } = options;
    if (descending && after !== undefined && after <= through) through = after - 1n;
    const span: Span = { after: descending ? 0n : (after ?? 0n), through };
    const terms = termsFor(filter);
    if (terms === undefined) return this.#recorded(await this.#select(span, filter, descending, limit));
    const indexed = await this.#indexedThrough();
    // What the index does not know yet is looked through.
    const parts = [
      { span: { after: span.after, through: min(indexed, through) }, terms },
      { span: { after: max(indexed, span.after), through }, terms: undefined },
    ];
    if (descending) parts.reverse();
    const found: RecordedEvent[] = [];
    for (const part of parts) found.push(...(await this.#search(part.span, part.terms, filter, descending, limit - found.length)));
    return found;
  }

  /** The events of a span that pass, page by page, since only code can tell whom an event concerns. */
  async #search(
    span: Span,
    terms: readonly bigint[] | undefined,
    filter: EventFilter,
    descending: boolean,
    limit: number,
  ): Promise<RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    let { after, through } = span;
    while (found.length < limit && after < through) {
      const size = filter.subject === undefined ? Math.min(limit, pageSize) : pageSize;
      const page = this.#recorded(await this.#select({ after, through }, filter, descending, size, terms));
      const passing = page.filter((recorded) => matches(filter, recorded));
      found.push(...passing.slice(0, limit - found.length));
      const last = page.at(-1)?.position;
      if (page.length < size || last === undefined) break;
      if (descending) through = last - 1n;
      else after = last;
    }
    return found;
  }

  async #select(
    { after, through }: Span,
    filter: EventFilter,
    descending: boolean,
    limit: number,
    terms?: readonly bigint[],
  ): Promise<EventRow[]> {
    if (through <= after || limit <= 0) return [];
    let query: Selection = this.#db.selectFrom('events').selectAll();
    if (terms !== undefined) {
      const positions = sql<bigint>`(select i.position from ${sql.raw(eventIndex)} i where i.term = any(${[...terms]}::bigint[])
        and i.position > ${after} and i.position <= ${through})`;
      query = query.where('position', 'in', positions);
    }
    if (after > 0n) query = query.where('position', '>', after);
    if (through < furthest) query = query.where('position', '<=', through);
    for (const condition of conditions(filter)) query = query.where(condition);
    query = query.orderBy('position', descending ? 'desc' : 'asc');
    return (Number.isFinite(limit) ? query.limit(limit) : query).execute();
  }

  /** How far the index of events has come. */
  async #indexedThrough(): Promise<bigint> {
    const row = await this.#db.selectFrom('read_models').select('position').where('name', '=', 'event_index').executeTakeFirst();
    return row?.position ?? 0n;
  }

  #recorded(rows: readonly EventRow[]): RecordedEvent[] {
    return rows.map((row) => recordedEvent(row, this.#catalogue));
  }
}

const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** What the index knows of a filter, by what it narrows most; undefined when it knows nothing of it. */
function termsFor({ subject, correlationId, traceId, types, stream }: EventFilter): readonly bigint[] | undefined {
  if (subject !== undefined) return [termOf(subject)];
  if (correlationId !== undefined) return [termOf(correlationId)];
  if (traceId !== undefined) return [termOf(traceTerm(traceId))];
  // One stream is found faster by its own index.
  if (types === undefined || (stream !== undefined && !stream.endsWith('*'))) return undefined;
  return types.map((type) => termOf(typeTerm(type)));
}

/** All of a filter but the subject. */
function conditions({ stream, types, correlationId, tenant, traceId, since, until }: EventFilter): Expression<SqlBool>[] {
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
