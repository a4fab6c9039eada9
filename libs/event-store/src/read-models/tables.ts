/** The tables of read models: one of rows for each entity model, one of terms for the index of events. */
import {
  entityOf,
  foldEntity,
  rowOf,
  type Entity,
  type EntityModel,
  type EntityRow,
  type Kept,
  type RecordedEvent,
} from '@verbena/event-sourcing';
import type pg from 'pg';
import { RowWriter } from '../copy-rows.ts';
import { Pipeline } from '../pipeline.ts';
import { termOf, termsOf } from '../terms.ts';

/** Where the tables are that are in use. */
export const liveSchema = 'verbena_read';

/** What a read model is to those that keep it: tables, and a fold that writes into them. */
export interface Definition {
  readonly name: string;
  readonly version: number;
  /** The streams it reads; all when absent. */
  readonly prefix: string | undefined;
  /** By which its rows are compared. */
  readonly order: string;
  create(schema: string): readonly string[];
  /** Made when a fresh table is filled. */
  indexes(schema: string): readonly string[];
  /** @param empty the table is new, and nobody else writes to it */
  open(schema: string, empty: boolean): Fold;
}

/** Folds events into a table. What it has folded is in the table after `flush`, in the same transaction. */
export interface Fold {
  add(client: pg.ClientBase, events: readonly RecordedEvent[]): Promise<void>;
  flush(client: pg.ClientBase): Promise<void>;
  /** Rows or terms that wait to be written. */
  readonly waiting: number;
  /** Forgets what it remembers of the table, which somebody else may have written, or a transaction taken back. */
  forget(): void;
}

/** Columns beside the id. */
const others = [
  'tenant',
  'status',
  'name',
  'job_id',
  'node_id',
  'ended',
  'version',
  'created_at',
  'changed_at',
  'created_position',
  'position',
  'state',
] as const;
const [yes, no] = [Buffer.of(1), Buffer.of(0)];
const remembered = 50_000;
const rowsAtOnce = 1_000;

export function entityDefinition(model: EntityModel): Definition {
  const { name, version, prefix } = model;
  if (!/^[a-z][a-z_]{0,40}$/.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name for a read model`);
  return {
    name,
    version,
    prefix,
    order: 'id',
    create: (schema) => [
      `create table ${schema}.${name} (
        id text collate "C" primary key, tenant text not null, status text not null, name text not null, job_id text not null, node_id text not null,
        ended boolean not null, version integer not null, created_at timestamptz not null, changed_at timestamptz not null,
        created_position bigint not null, position bigint not null, state json not null)`,
    ],
    indexes: (schema) => [
      `create unique index on ${schema}.${name} (created_position)`,
      `create index on ${schema}.${name} (status, created_position)`,
      `create index on ${schema}.${name} (tenant, created_position)`,
      `create index on ${schema}.${name} (job_id) where job_id <> ''`,
      `create index on ${schema}.${name} (node_id) where node_id <> ''`,
    ],
    open: (schema, empty) => new EntityFold(model, `${schema}.${name}`, empty),
  };
}

class EntityFold implements Fold {
  readonly #model: EntityModel;
  readonly #table: string;
  readonly #entities = new Map<string, Entity<unknown>>();
  readonly #dirty = new Set<string>();
  readonly #writer = new RowWriter();
  /** Everything that the table holds is remembered, and these are its rows; undefined when it is not. */
  #rows: Set<string> | undefined;

  constructor(model: EntityModel, table: string, empty: boolean) {
    this.#model = model;
    this.#table = table;
    this.#rows = empty ? new Set() : undefined;
  }

  get waiting(): number {
    return this.#dirty.size;
  }

  async add(client: pg.ClientBase, events: readonly RecordedEvent[]): Promise<void> {
    const { prefix } = this.#model;
    const own = events.filter(({ stream }) => stream.startsWith(prefix));
    if (this.#rows === undefined)
      await this.#load(
        client,
        [...new Set(own.map(({ stream }) => stream))].filter((id) => !this.#entities.has(id)),
      );
    for (const recorded of own) {
      const { stream } = recorded;
      const before = this.#entities.get(stream);
      const after = foldEntity(this.#model, before, recorded);
      if (after === before) continue;
      this.#entities.set(stream, after);
      this.#dirty.add(stream);
    }
  }

  async flush(client: pg.ClientBase): Promise<void> {
    const rows = [...this.#dirty].flatMap((id) => {
      const entity = this.#entities.get(id);
      return entity === undefined ? [] : [rowOf(this.#model, id, entity)];
    });
    const known = this.#rows;
    const fresh = known === undefined ? [] : rows.filter(({ id }) => !known.has(id));
    const older = known === undefined ? rows : rows.filter(({ id }) => known.has(id));
    for (let from = 0; from < fresh.length; from += rowsAtOnce) await this.#add(client, fresh.slice(from, from + rowsAtOnce));
    for (let from = 0; from < older.length; from += rowsAtOnce) await this.#write(client, older.slice(from, from + rowsAtOnce));
    for (const { id } of fresh) known?.add(id);
    this.#dirty.clear();
    if (this.#entities.size > remembered) this.forget();
  }

  forget(): void {
    this.#rows = undefined;
    this.#entities.clear();
    this.#dirty.clear();
  }

  async #load(client: pg.ClientBase, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const text = `select id, tenant, version, extract(epoch from created_at) * 1000 as created, extract(epoch from changed_at) * 1000 as changed,
      created_position, position, state::text as state from ${this.#table} where id = any($1)`;
    type Loaded = Pick<Kept, 'tenant' | 'version' | 'position' | 'state'> & {
      id: string;
      created: string;
      changed: string;
      created_position: bigint;
    };
    for (const row of (await client.query<Loaded>(text, [ids])).rows) {
      const { id, created, changed, created_position: createdPosition, ...kept } = row;
      const times = { createdAt: Math.round(Number(created)), changedAt: Math.round(Number(changed)) };
      this.#entities.set(id, entityOf(this.#model, { ...kept, ...times, createdPosition }));
    }
  }

  /** Rows that the table surely has not: COPY is half the work of an insert that looks first. */
  async #add(client: pg.ClientBase, rows: readonly EntityRow[]): Promise<void> {
    const writer = this.#writer;
    writer.reset();
    for (const row of rows) {
      writer.row(13);
      writer.text(row.id);
      for (const text of [row.tenant, row.status, withoutNul(row.name), row.jobId, row.nodeId]) writer.text(text);
      writer.binary(row.ended ? yes : no);
      writer.int4(row.version);
      for (const ms of [row.createdAt, row.changedAt]) writer.time(ms);
      for (const position of [row.createdPosition, row.position]) writer.int8(position);
      writer.text(row.state);
    }
    await new Pipeline(client).send(`copy ${this.#table} (id, ${others.join(', ')}) from stdin (format binary)`, {
      input: () => writer.end(),
    });
  }

  async #write(client: pg.ClientBase, rows: readonly EntityRow[]): Promise<void> {
    const column = <T>(of: (row: EntityRow) => T): T[] => rows.map(of);
    const time = (ms: number): string => new Date(ms).toISOString();
    await client.query(
      `insert into ${this.#table} (id, ${others.join(', ')})
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::integer[],
         $9::timestamptz[], $10::timestamptz[], $11::bigint[], $12::bigint[], $13::json[])
       on conflict (id) do update set ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`,
      [
        column(({ id }) => id),
        column(({ tenant }) => tenant),
        column(({ status }) => status),
        column(({ name }) => withoutNul(name)),
        column(({ jobId }) => jobId),
        column(({ nodeId }) => nodeId),
        column(({ ended }) => ended),
        column(({ version }) => version),
        column(({ createdAt }) => time(createdAt)),
        column(({ changedAt }) => time(changedAt)),
        column(({ createdPosition }) => createdPosition),
        column(({ position }) => position),
        column(({ state }) => state),
      ],
    );
  }
}

/** A text of Postgres cannot hold a NUL; the state, which is JSON, keeps what was there. */
const withoutNul = (text: string): string => text.replaceAll('\0', '\ufffd').toWellFormed();

/** The index of events: under each term the positions of the events that it is true of. */
export const indexDefinition: Definition = {
  name: 'event_index',
  version: 1,
  prefix: undefined,
  order: 'term, position',
  create: (schema) => [`create table ${schema}.event_index (term bigint not null, position bigint not null)`],
  indexes: (schema) => [`alter table ${schema}.event_index add primary key (term, position)`],
  open: (schema) => new IndexFold(`${schema}.event_index`),
};

class IndexFold implements Fold {
  readonly #table: string;
  readonly #terms = new Map<string, bigint>();
  #writer = new RowWriter();
  #rows = 0;

  constructor(table: string) {
    this.#table = table;
  }

  get waiting(): number {
    return this.#rows;
  }

  async add(_client: pg.ClientBase, events: readonly RecordedEvent[]): Promise<void> {
    for (const recorded of events) {
      const { position } = recorded;
      // Two names may share a number, and the table holds each pair once.
      const terms = new Set(termsOf(recorded).map((text) => this.#term(text)));
      for (const term of terms) {
        this.#writer.row(2);
        this.#writer.int8(term);
        this.#writer.int8(position);
      }
      this.#rows += terms.size;
    }
  }

  async flush(client: pg.ClientBase): Promise<void> {
    const [writer, rows] = [this.#writer, this.#rows];
    this.forget();
    if (rows > 0)
      await new Pipeline(client).send(`copy ${this.#table} (term, position) from stdin (format binary)`, { input: () => writer.end() });
  }

  forget(): void {
    this.#writer = new RowWriter();
    this.#rows = 0;
  }

  #term(text: string): bigint {
    const known = this.#terms.get(text);
    if (known !== undefined) return known;
    if (this.#terms.size > remembered) this.#terms.clear();
    const term = termOf(text);
    this.#terms.set(text, term);
    return term;
  }
}
