/**
 * Replay: builds a read model again from the whole log, into fresh tables in a schema of their own, while the live ones are in use. At the end the
 * model's checkpoint is locked, both are brought to the same position and compared, and the fresh tables take the place of the live ones, all in
 * one transaction. A replay that ends early leaves nothing but its schema, which the next one removes.
 */
import { createHash } from 'node:crypto';
import type { EventCatalogue, RecordedEvent, ReplayOptions, ReplayOutcome } from '@verbena/event-sourcing';
import type pg from 'pg';
import { Pipeline } from '../pipeline.ts';
import { readWindow } from '../log-window.ts';
import { lockCheckpoint, locks, readCheckpoints } from './checkpoints.ts';
import { liveSchema, type Definition, type Fold } from './tables.ts';

export interface ReplayContext {
  readonly connect: () => Promise<pg.PoolClient>;
  readonly catalogue: EventCatalogue;
  /** Positions read at once. */
  readonly window?: number;
}

/** The last stretch, for which the live model stands still. */
const lastStretch = 2_000n;
const mostWaiting = 20_000;

/** @throws {Error} when a replay of the model is under way already, or the signal aborts */
export async function replayModel(context: ReplayContext, definition: Definition, options: ReplayOptions = {}): Promise<ReplayOutcome> {
  const [reader, writer] = [await context.connect(), await context.connect()];
  try {
    // A table of years may take long to index and to compare.
    for (const client of [reader, writer]) await client.query(`set statement_timeout = 0; set timezone = 'UTC'`);
    return await new Replay(context, definition, options, reader, writer).run();
  } finally {
    // Their settings and locks go with them.
    reader.release(true);
    writer.release(true);
  }
}

class Replay {
  readonly #context: ReplayContext;
  readonly #definition: Definition;
  readonly #options: ReplayOptions;
  readonly #reader: pg.PoolClient;
  readonly #writer: pg.PoolClient;
  readonly #schema: string;
  readonly #fold: Fold;
  #position = 0n;
  #events = 0n;

  constructor(context: ReplayContext, definition: Definition, options: ReplayOptions, reader: pg.PoolClient, writer: pg.PoolClient) {
    this.#context = context;
    this.#definition = definition;
    this.#options = options;
    this.#reader = reader;
    this.#writer = writer;
    this.#schema = `verbena_replay_${definition.name}`;
    this.#fold = definition.open(this.#schema, true);
  }

  async run(): Promise<ReplayOutcome> {
    const { name, create, indexes } = this.#definition;
    const { rows } = await this.#writer.query<{ mine: boolean }>(`select pg_try_advisory_lock(${locks.replay}, hashtext($1)) as mine`, [
      name,
    ]);
    if (rows[0]?.mine !== true) throw new Error(`a replay of ${name} is under way already`);
    await this.#writer.query(`drop schema if exists ${this.#schema} cascade; create schema ${this.#schema}`);
    try {
      for (const text of create(this.#schema)) await this.#writer.query(text);
      await this.#catchUpTo(await this.#livePosition());
      for (const text of indexes(this.#schema)) await this.#writer.query(text);
      for (let live = await this.#livePosition(); live - this.#position > lastStretch; live = await this.#livePosition())
        await this.#catchUpTo(live);
      return await this.#swap();
    } finally {
      await this.#writer.query(`drop schema if exists ${this.#schema} cascade`).catch(() => undefined);
    }
  }

  async #livePosition(): Promise<bigint> {
    const found = (await readCheckpoints(this.#reader)).find(({ name }) => name === this.#definition.name);
    if (found === undefined) throw new Error(`there is no read model ${this.#definition.name} in the database`);
    return found.position;
  }

  /** Reads one window while the one before is folded. */
  async #catchUpTo(target: bigint): Promise<void> {
    const { signal, onProgress } = this.#options;
    let next = this.#read(target);
    while (this.#position < target) {
      signal?.throwIfAborted();
      const { events, through } = await next;
      this.#position = through;
      next = this.#read(target);
      next.catch(() => undefined);
      await this.#fold.add(this.#writer, events);
      this.#events += BigInt(events.length);
      if (this.#fold.waiting >= mostWaiting) await this.#flush();
      onProgress?.({ phase: 'reading', position: this.#position, target });
    }
    await this.#flush();
  }

  async #read(target: bigint): Promise<{ events: readonly RecordedEvent[]; through: bigint }> {
    const { window = 10_000, catalogue } = this.#context;
    const { prefix } = this.#definition;
    const [after, end] = [this.#position, this.#position + BigInt(window)];
    const through = end < target ? end : target;
    if (after >= through) return { events: [], through };
    return { events: await readWindow(this.#reader, { after, through, ...(prefix !== undefined && { prefix }) }, catalogue), through };
  }

  async #flush(): Promise<void> {
    await this.#writer.query('begin');
    await this.#fold.flush(this.#writer);
    await this.#writer.query('commit');
  }

  async #swap(): Promise<ReplayOutcome> {
    const { name, version, prefix } = this.#definition;
    const { check = false, onProgress } = this.#options;
    const client = this.#writer;
    await client.query('begin isolation level read committed');
    try {
      const live = await lockCheckpoint(client, name);
      if (live === undefined) throw new Error(`the read model ${name} was removed while it was rebuilt`);
      const position = live.position;
      const rest = await readWindow(
        client,
        { after: this.#position, through: position, ...(prefix !== undefined && { prefix }) },
        this.#context.catalogue,
      );
      await this.#fold.add(client, rest);
      await this.#fold.flush(client);
      this.#events += BigInt(rest.length);
      onProgress?.({ phase: 'comparing', position, target: position });
      const rebuilt = await this.#hash(client, this.#schema);
      const before = await this.#hash(client, liveSchema);
      if (check) await client.query('rollback');
      else {
        onProgress?.({ phase: 'swapping', position, target: position });
        await client.query(
          `set local lock_timeout = '30s'; drop table ${liveSchema}.${name}; alter table ${this.#schema}.${name} set schema ${liveSchema}`,
        );
        await client.query('update read_models set version = $2, generation = generation + 1 where name = $1', [name, version]);
        await client.query('commit');
      }
      const { events, rows } = { events: this.#events, rows: rebuilt.rows };
      return { name, position, events, rows, liveHash: before.hash, rebuiltHash: rebuilt.hash, swapped: !check };
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  /** SHA-256 of the table's rows in order, as COPY writes them. */
  async #hash(client: pg.PoolClient, schema: string): Promise<{ hash: string; rows: bigint }> {
    const { name, order } = this.#definition;
    const hash = createHash('sha256');
    const text = `copy (select * from ${schema}.${name} order by ${order}) to stdout`;
    const tags = await new Pipeline(client).send(text, { onData: (chunk) => hash.update(chunk) });
    return { hash: `sha256:${hash.digest('hex')}`, rows: BigInt(/\d+$/.exec(tags[0] ?? '')?.[0] ?? '0') };
  }
}
