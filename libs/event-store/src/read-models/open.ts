/** The ReadModels port on Postgres. */
import {
  unknownModel,
  type EntityModel,
  type EntityPage,
  type EntityQuery,
  type EntityRow,
  type EventCatalogue,
  type ModelStatus,
  type ReadModels,
  type ReplayOptions,
  type ReplayOutcome,
} from '@verbena/event-sourcing';
import type pg from 'pg';
import type { Logger } from 'pino';
import { DatabaseError, problemOf, reasonOf } from '../connection.ts';
import type { Wake } from '../wake.ts';
import { CatchUp } from './catch-up.ts';
import { define, readCheckpoints } from './checkpoints.ts';
import { entityRows } from './entity-rows.ts';
import { replayModel, type ReplayContext } from './replay.ts';
import { entityDefinition, indexDefinition, liveSchema, type Definition } from './tables.ts';

export interface ReadModelsOptions {
  readonly pool: pg.Pool;
  readonly models: readonly EntityModel[];
  readonly catalogue: EventCatalogue;
  readonly wake: Pick<Wake, 'beyond' | 'nudges'>;
  /** For messages: host, port and database. */
  readonly database: string;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** In the place of the pool's, for tests that break connections. */
  readonly connect?: () => Promise<pg.PoolClient>;
  readonly window?: number;
}

const lookEveryMs = 50;

export async function openReadModels(options: ReadModelsOptions): Promise<ReadModels> {
  const { pool, models, database, log } = options;
  const definitions = [...models.map(entityDefinition), indexDefinition];
  const client = await pool.connect();
  try {
    await define(client, definitions);
  } catch (cause) {
    throw new DatabaseError(problemOf(cause), `could not make the read models' tables at ${database}: ${reasonOf(cause)}`, { cause });
  } finally {
    client.release();
  }
  const opened = new PostgresReadModels(options, definitions);
  void opened.rebuildOutdated().catch((error: unknown) => log.warn(`an outdated read model was not rebuilt: ${reasonOf(error)}`));
  return opened;
}

class PostgresReadModels implements ReadModels {
  readonly #options: ReadModelsOptions;
  readonly #definitions: readonly Definition[];
  readonly #catchUp: CatchUp;
  readonly #context: ReplayContext;
  readonly #stop = new AbortController();
  readonly #replays = new Set<Promise<unknown>>();

  constructor(options: ReadModelsOptions, definitions: readonly Definition[]) {
    const { pool, catalogue, wake, log, window, connect = () => pool.connect() } = options;
    this.#options = options;
    this.#definitions = definitions;
    this.#context = { connect: () => pool.connect(), catalogue };
    this.#catchUp = new CatchUp({ connect, definitions, catalogue, wake, log, ...(window !== undefined && { window }) });
  }

  async list(name: string, { status, tenant, jobId, nodeId, ended, before, limit }: EntityQuery): Promise<EntityPage> {
    const wanted = { status, tenant, job_id: jobId, node_id: nodeId, ended };
    const values: unknown[] = [limit + 1];
    const conditions = Object.entries(wanted).flatMap(([column, value]) =>
      value === undefined ? [] : [`${column} = $${values.push(value)}`],
    );
    if (before !== undefined) conditions.push(`created_position < $${values.push(before)}`);
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
    const rows = await this.#rows(name, `${where} order by created_position desc limit $1`, values);
    const page = rows.slice(0, limit);
    return { rows: page, next: rows.length > limit ? page.at(-1)?.createdPosition : undefined };
  }

  async find(name: string, id: string): Promise<EntityRow | undefined> {
    return (await this.#rows(name, 'where id = $1', [id]))[0];
  }

  async status(): Promise<readonly ModelStatus[]> {
    const checkpoints = await readCheckpoints(this.#options.pool);
    return Promise.all(
      this.#definitions.map(async ({ name }) => {
        const counted = await this.#options.pool.query<{ rows: bigint }>(`select count(*) as rows from ${liveSchema}.${name}`);
        const position = checkpoints.find((checkpoint) => checkpoint.name === name)?.position ?? 0n;
        return { name, position, rows: counted.rows[0]?.rows ?? 0n, problem: this.#catchUp.problem(name) };
      }),
    );
  }

  async reached(position: bigint, signal?: AbortSignal): Promise<void> {
    const names = new Set(this.#definitions.map(({ name }) => name));
    for (;;) {
      signal?.throwIfAborted();
      if (this.#catchUp.stopped) throw new DatabaseError('closed', 'the read models are stopped');
      const stepped = this.#catchUp.stepped(lookEveryMs);
      const checkpoints = await readCheckpoints(this.#options.pool);
      if (checkpoints.every((checkpoint) => !names.has(checkpoint.name) || checkpoint.position >= position)) return;
      await stepped;
    }
  }

  replay(name: string, options: ReplayOptions = {}): Promise<ReplayOutcome> {
    const signal = options.signal === undefined ? this.#stop.signal : AbortSignal.any([options.signal, this.#stop.signal]);
    const replaying = this.#definition(name).then((definition) => replayModel(this.#context, definition, { ...options, signal }));
    const settled = replaying.catch(() => undefined).finally(() => this.#replays.delete(settled));
    this.#replays.add(settled);
    return replaying;
  }

  /** Models whose definition is newer than their tables. */
  async rebuildOutdated(): Promise<void> {
    for (const { name, version } of await readCheckpoints(this.#options.pool)) {
      const definition = this.#definitions.find((candidate) => candidate.name === name);
      if (definition === undefined || version >= definition.version) continue;
      const { rows } = await this.replay(name);
      this.#options.log.info(`the read model ${name} was rebuilt for version ${definition.version}: ${rows} rows`);
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new DatabaseError('closed', 'the read models are stopped'));
    await this.#catchUp.stop();
    await Promise.all(this.#replays);
  }

  async #definition(name: string): Promise<Definition> {
    const found = this.#definitions.find((definition) => definition.name === name);
    if (found === undefined)
      throw unknownModel(
        name,
        this.#definitions.map((known) => known.name),
      );
    return found;
  }

  async #rows(name: string, rest: string, values: unknown[]): Promise<readonly EntityRow[]> {
    const definition = await this.#definition(name);
    if (definition === indexDefinition) throw new RangeError(`${name} holds no entities; the events that it finds are read from the log`);
    return entityRows(this.#options.pool, name, rest, values);
  }
}
