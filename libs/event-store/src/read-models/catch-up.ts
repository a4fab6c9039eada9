/**
 * Keeps the read models caught up. One transaction reads a window of the log, folds it, writes the tables and moves the checkpoints, so that
 * whatever breaks, and wherever, each event is in a model exactly once. Of several processes one works at a time, whoever has the lock.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventCatalogue, RecordedEvent } from '@verbena/event-sourcing';
import type pg from 'pg';
import type { Logger } from 'pino';
import { isConnectionFailure, reasonOf } from '../connection.ts';
import { readWindow } from '../log-window.ts';
import type { Wake } from '../wake.ts';
import { locks, type Checkpoint } from './checkpoints.ts';
import { liveSchema, type Definition, type Fold } from './tables.ts';

export interface CatchUpOptions {
  readonly connect: () => Promise<pg.PoolClient>;
  readonly definitions: readonly Definition[];
  readonly catalogue: EventCatalogue;
  readonly wake: Pick<Wake, 'beyond' | 'nudges'>;
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Most positions that one transaction takes. */
  readonly window?: number;
}

interface Model {
  readonly definition: Definition;
  readonly fold: Fold;
  /** What the fold remembers is true of this state of the table. */
  at: Pick<Checkpoint, 'position' | 'generation'> | undefined;
  problem: string | undefined;
  /** When a model that failed is tried again. */
  retryAt: number;
}

const retryMs = 30_000;
/** Between two transactions, so that each takes more: these are for those who look, and nothing waits for them. */
const paceMs = 50;

export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #models: readonly Model[];
  readonly #stop = new AbortController();
  readonly #listeners = new Set<() => void>();
  readonly #running: Promise<void>;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#models = options.definitions.map((definition) => ({
      definition,
      fold: definition.open(liveSchema, false),
      at: undefined,
      problem: undefined,
      retryAt: 0,
    }));
    this.#running = this.#run();
  }

  /** Why a model stands still. */
  problem(name: string): string | undefined {
    return this.#models.find(({ definition }) => definition.name === name)?.problem;
  }

  /** Resolves after the next step, or after `ms`. */
  async stepped(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#listeners.add(done);
    });
  }

  get stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const done of [...this.#listeners]) done();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { wake, log } = this.#options;
    for (let wait = 50; !signal.aborted;) {
      const { nudges } = wake;
      try {
        const { head, more } = await this.#step();
        wait = 50;
        for (const done of [...this.#listeners]) done();
        if (more) continue;
        await wake.beyond(head, nudges, signal);
        await delay(paceMs, undefined, { signal }).catch(() => undefined);
      } catch (error) {
        if (signal.aborted) return;
        for (const model of this.#models) forget(model);
        log.warn(`the read models are behind: ${reasonOf(error)}${isConnectionFailure(error) ? '' : '; they try again'}`);
        await delay(wait, undefined, { signal }).catch(() => undefined);
        wait = Math.min(wait * 2, 5_000);
      }
    }
  }

  async #step(): Promise<{ head: bigint; more: boolean }> {
    const client = await this.#options.connect();
    let failure: Error | undefined;
    try {
      return await this.#transaction(client);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      client.release(failure);
    }
  }

  async #transaction(client: pg.PoolClient): Promise<{ head: bigint; more: boolean }> {
    // Where nothing is new, nothing is locked, since a lock of a row is written to the disk.
    const names = this.#models.map(({ definition }) => definition.name);
    const { rows } = await client.query<{ head: bigint; least: bigint }>(
      `select (select coalesce(max(position), 0) from events) as head,
        (select coalesce(min(position), 0) from read_models where name = any($1)) as least`,
      [names],
    );
    const [seen] = rows;
    if (seen !== undefined && seen.least >= seen.head) return { head: seen.head, more: false };
    // Rows that a replay has locked are left out: it swaps tables, and this goes on with the new ones afterwards.
    // Tables and checkpoints are committed together, so that a commit which a crash of the server takes back is made again: none waits for the disk.
    const answer = (await client.query(`begin isolation level read committed;
      set local idle_in_transaction_session_timeout = '60s'; set local synchronous_commit = off;
      select pg_try_advisory_xact_lock(${locks.catchUp}) as mine; select coalesce(max(position), 0) as head from events;
      select name, version, generation, position from read_models order by name for update skip locked`)) as unknown as pg.QueryResult[];
    const mine = (answer[3]?.rows[0] as { mine: boolean } | undefined)?.mine === true;
    const head = (answer[4]?.rows[0] as { head: bigint } | undefined)?.head ?? 0n;
    const active = mine ? this.#active((answer[5]?.rows ?? []) as Checkpoint[]) : [];
    const after = active.reduce((least, { checkpoint: { position } }) => (position < least ? position : least), head);
    if (active.length === 0 || after >= head) {
      await client.query('rollback');
      return { head, more: false };
    }
    const through = min(head, after + BigInt(this.#options.window ?? 5_000));
    const events = await readWindow(client, { after, through }, this.#options.catalogue);
    if (BigInt(events.length) !== through - after) throw new Error(gap(events, after, through));
    const done: string[] = [];
    for (const { model, checkpoint } of active) if (await this.#fold(client, model, checkpoint, events, after)) done.push(checkpoint.name);
    await client.query('update read_models set position = greatest(position, $1) where name = any($2)', [through, done]);
    await client.query('commit');
    for (const { model, checkpoint } of active) {
      if (done.includes(checkpoint.name)) model.at = { generation: checkpoint.generation, position: max(checkpoint.position, through) };
    }
    return { head, more: through < head };
  }

  #active(checkpoints: readonly Checkpoint[]): { model: Model; checkpoint: Checkpoint }[] {
    return this.#models.flatMap((model) => {
      const { definition } = model;
      const checkpoint = checkpoints.find(({ name }) => name === definition.name);
      if (checkpoint === undefined || performance.now() < model.retryAt) return [];
      if (checkpoint.version !== definition.version) {
        const newer = checkpoint.version > definition.version;
        model.problem = newer ? 'a newer version of Verbena keeps it' : 'it is of an older version and is being rebuilt';
        return [];
      }
      return [{ model, checkpoint }];
    });
  }

  /** @returns whether it went well; a model that cannot fold an event stands still, and the others go on. */
  async #fold(
    client: pg.PoolClient,
    model: Model,
    { position, generation }: Checkpoint,
    events: readonly RecordedEvent[],
    after: bigint,
  ): Promise<boolean> {
    if (model.at?.position !== position || model.at.generation !== generation) model.fold.forget();
    model.at = undefined;
    try {
      await model.fold.add(client, events.slice(Number(max(0n, position - after))));
      model.problem = undefined;
    } catch (error) {
      if (isDatabaseError(error)) throw error;
      model.problem = `it cannot fold what comes after position ${position}: ${reasonOf(error)}`;
      model.retryAt = performance.now() + retryMs;
      this.#options.log.warn(`the read model ${model.definition.name} stands still: ${model.problem}`);
      forget(model);
      return false;
    }
    await model.fold.flush(client);
    return true;
  }
}

/** Positions are dense, so that a hole means a damaged log, and going on would lose events silently. */
function gap(events: readonly RecordedEvent[], after: bigint, through: bigint): string {
  let expected = after + 1n;
  for (const { position } of events) {
    if (position !== expected) break;
    expected++;
  }
  return `the event log has no event at position ${expected}, although it goes on to ${through}: it is damaged; restore it from a backup`;
}

function forget(model: Model): void {
  model.fold.forget();
  model.at = undefined;
}

const isDatabaseError = (error: unknown): boolean =>
  isConnectionFailure(error) || typeof (error as { severity?: unknown }).severity === 'string';
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
