/**
 * The writer: group commit under one lock. Positions are drawn while a transaction-level advisory lock is held, and the lock is released by the
 * commit, so a position that a reader sees is never followed by a smaller one, whichever process writes. Positions are dense: the next is the
 * last plus one.
 *
 * A batch is what came while the one before was being written, and takes two round trips: take the lock and read what matters; then write
 * everything and commit. A writer that was the last to write knows what matters already, and needs one: it says where it believes the log to end,
 * and the transaction fails when that is not so. While batch follows batch, even that was said behind the commit before. When the connection is lost, the batch is tried again; ids chosen before the first attempt tell
 * whether that attempt was committed after all.
 */
import {
  checkAppend,
  presentShape,
  type AppendOptions,
  type AppendResult,
  type EventCatalogue,
  type RecordedEvent,
  type StreamAppend,
} from '@verbena/event-sourcing';
import type pg from 'pg';
import { causeOf, type CommitWatch } from './commit-watch.ts';
import { appendFailure, isWrongGuess, leavesDoubt } from './append-failure.ts';
import { AppendQueue, type Batch, type Waiting } from './append-queue.ts';
import { AppendSession, type BatchStatements } from './append-session.ts';
import { DatabaseError, isConflict, isConnectionFailure, isDiskFull, withRetry } from './connection.ts';
import { RowWriter } from './copy-rows.ts';
import { newEventId } from './event-ids.ts';
import { plan, type Current, type NewEvent, type Outcome, type Plan, type PlannedEvent, type Range } from './plan.ts';
import { StreamMemory } from './stream-memory.ts';
import { appendStatements, readStatements } from './write-statements.ts';
import { Written } from './written.ts';

export interface WriterOptions {
  readonly pool: pg.Pool;
  readonly catalogue: EventCatalogue;
  readonly now: () => Date;
  /** How long an append goes on trying to reach the server, in milliseconds. */
  readonly retryMs: number;
  /** For messages: host, port and database. */
  readonly database: string;
  /** Called after a commit, with what was committed. */
  readonly onCommit: (events: readonly PlannedEvent[], time: Date) => void;
  readonly onRetry: (error: unknown) => void;
  /** Called when a batch is given up, for whatever is the matter with the server. */
  readonly onGivenUp: (failure: DatabaseError) => void;
  readonly readRange: (range: Range) => Promise<readonly RecordedEvent[]>;
  readonly watch?: CommitWatch | undefined;
}

/** Batches that follow one another at once, after which the next is taken for certain, and its transaction begun ahead. */
const patience = 4;

export class Writer {
  readonly #options: WriterOptions;
  readonly #queue = new AppendQueue();
  #draining: Promise<void> | undefined;
  readonly #stop = new AbortController();
  readonly #memory = new StreamMemory();
  #rows = new RowWriter();
  /** The connection, while there is something to write. */
  #session: AppendSession | undefined;
  /** Batches that found the next appends waiting. */
  #streak = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  async append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult> {
    if (this.#stop.signal.aborted) throw new DatabaseError('closed', 'the event store is closed');
    checkAppend(appends, options);
    // Payloads are serialised here, so that what the caller changes later, and what JSON cannot carry, never reaches a batch.
    const events: NewEvent[] = [];
    let bytes = 0;
    for (const { events: added } of appends) {
      for (const { type, data, schema } of added) {
        const json = JSON.stringify(data) ?? 'null';
        bytes += json.length;
        events.push({ type, schema: schema ?? presentShape(this.#options.catalogue, type), data: json, id: newEventId() });
      }
    }
    if (!this.#queue.hasRoomFor(bytes))
      throw new DatabaseError('overloaded', `${this.#queue.length} appends wait for ${this.#options.database} already`);
    return new Promise((resolve, reject) => {
      this.#queue.add({ appends, options, events, bytes, cause: causeOf(), resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Lets what was accepted finish, gives up waiting for a server that is away. */
  async close(): Promise<void> {
    this.#stop.abort(new DatabaseError('closed', 'the event store is closed'));
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop gathers the appends that were made in the same one.
    do {
      for (await turn(); this.#queue.length > 0; await turn()) {
        while (this.#queue.length > 0) {
          const batch = this.#queue.take();
          await this.#write(batch).catch((error: unknown) => this.#writeOneByOne(batch, error));
          this.#streak++;
          // Until all who heard of it have said what they want next.
          await new Promise<void>((resolve) => process.nextTick(resolve));
        }
      }
      await this.#rest();
    } while (this.#queue.length > 0);
    // In the same turn as the loop's last look: an append made in between would wait for ever.
    this.#draining = undefined;
  }

  /** Where something in the batch itself is at fault, only its own caller shall suffer. */
  async #writeOneByOne(batch: Batch, error: unknown): Promise<void> {
    const { requests } = batch;
    if (requests.length === 1 || batch.lostAfter !== undefined || isConnectionFailure(error) || isDiskFull(error)) {
      const failure = appendFailure(batch, error, this.#options.database);
      if (failure.problem !== 'failed') this.#options.onGivenUp(failure);
      for (const { reject } of requests) reject(failure);
      return;
    }
    for (const request of requests) {
      const alone: Batch = { requests: [request], lostAfter: undefined, diskFull: false };
      await this.#write(alone).catch((cause: unknown) => this.#writeOneByOne(alone, cause));
    }
  }

  async #write(batch: Batch): Promise<void> {
    const { requests } = batch;
    const events = requests.reduce((sum, request) => sum + request.events.length, 0);
    const over = this.#options.watch?.({ appends: requests.length, events, links: requests.flatMap(({ cause }) => cause ?? []) });
    try {
      await this.#writeWatched(batch);
      over?.();
    } catch (error) {
      over?.(error);
      throw error;
    }
  }

  async #writeWatched(batch: Batch): Promise<void> {
    const { retryMs, onRetry } = this.#options;
    const { planned, time } = await withRetry(() => this.#attempt(batch), {
      forMs: retryMs,
      retryable: (error) => isConnectionFailure(error) || isConflict(error),
      signal: this.#stop.signal,
      onRetry: (error) => {
        batch.diskFull ||= isDiskFull(error);
        onRetry(error);
      },
    });
    if (planned.events.length > 0) this.#options.onCommit(planned.events, time);
    for (const [index, waiting] of batch.requests.entries()) {
      const outcome = planned.outcomes[index];
      if (outcome === undefined) throw new Error('a batch’s plan has an outcome for each request');
      this.#answer(waiting, outcome, time);
    }
  }

  #answer({ resolve, reject }: Waiting, outcome: Outcome, time: Date): void {
    if (!outcome.ok) resolve(outcome);
    else if (outcome.events === undefined) {
      const { repeated, range } = outcome;
      this.#options.readRange(range).then((events) => resolve({ ok: true, events, repeated }), reject);
    } else resolve(new Written(outcome.events, time, this.#options.catalogue));
  }

  async #attempt(batch: Batch): Promise<{ planned: Plan; time: Date }> {
    this.#session ??= await AppendSession.open(this.#options.pool);
    try {
      return await this.#transaction(this.#session, batch);
    } catch (error) {
      this.#break(error);
      this.#memory.forget();
      throw error;
    }
  }

  /** Nothing waits: the connection goes back to the others. */
  async #rest(): Promise<void> {
    this.#streak = 0;
    try {
      await this.#session?.abandon();
      this.#session?.release();
      this.#session = undefined;
    } catch (error) {
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    this.#session?.release(error instanceof Error ? error : new Error(String(error)));
    this.#session = undefined;
  }

  async #transaction(session: AppendSession, batch: Batch): Promise<{ planned: Plan; time: Date }> {
    const remembered = batch.lostAfter === undefined ? this.#memory.guess(batch.requests) : undefined;
    if (remembered !== undefined) {
      const planned = plan(batch.requests, remembered);
      const last = planned.events.at(-1);
      // A refusal stands on what is true only if nobody else has written, which the transaction finds out; without one, the log is asked.
      if (last !== undefined) {
        const next = this.#streak < patience ? undefined : last.position;
        try {
          return await this.#commit(session, batch, planned, { head: remembered.head, begin: true, next });
        } catch (error) {
          if (!isWrongGuess(error)) throw error;
          await session.rollback();
        }
      }
    }
    await session.abandon();
    const current = await this.#readCurrent(session.client, batch);
    const planned = plan(batch.requests, current);
    if (planned.events.length === 0 && planned.commands.size === 0) {
      await session.client.query('rollback');
      return { planned, time: this.#options.now() };
    }
    return this.#commit(session, batch, planned, { head: current.head, begin: false, next: undefined });
  }

  async #commit(
    session: AppendSession,
    batch: Batch,
    planned: Plan,
    where: Pick<BatchStatements, 'head' | 'begin' | 'next'>,
  ): Promise<{ planned: Plan; time: Date }> {
    const time = this.#options.now();
    // From here on nobody knows whether it is committed, until the server says so or the log was looked at.
    batch.lostAfter = where.head;
    try {
      await session.commit({ ...where, ...appendStatements(planned, time, this.#rows) });
    } catch (error) {
      if (!leavesDoubt(error)) batch.lostAfter = undefined;
      // What was not sent yet may still be on its way from the old one's memory.
      this.#rows = new RowWriter();
      throw error;
    }
    batch.lostAfter = undefined;
    this.#memory.committed(planned);
    return { planned, time };
  }

  async #readCurrent(client: pg.PoolClient, batch: Batch): Promise<Current> {
    const names = new Set(batch.requests.flatMap(({ appends }) => appends.map(({ stream }) => stream)));
    const commands = batch.requests.flatMap(({ options }) => options.commandId ?? []);
    const asked = new Set(this.#memory.unknown(names));
    const found = await readStatements(client, { begin: true, streams: [...asked], commands, lost: lostOf(batch) });
    const rest = [...names].filter((name) => !asked.has(name));
    const remembered = rest.map((name) => [name, this.#memory.get(name)] as const);
    // The log was looked at, so that what it does not hold was not committed.
    batch.lostAfter = undefined;
    const known = new Map(found.streams);
    if (this.#memory.meet(found.head)) {
      for (const [name, state] of remembered) if (state !== undefined) known.set(name, state);
    } else if (rest.length > 0) {
      const again = await readStatements(client, { begin: false, streams: rest, commands: [], lost: undefined });
      for (const [name, state] of again.streams) known.set(name, state);
    }
    this.#memory.learn(names, known);
    return {
      head: found.head,
      stream: (name) => known.get(name),
      command: (id) => found.commands.get(id),
      committed: ({ events: [first], events }) => {
        const position = first && found.committed.get(first.id.toString('hex'));
        return position === undefined ? undefined : { first: position, count: events.length };
      },
    };
  }
}

/** Of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What to look for when an earlier attempt may have been committed. */
function lostOf({ requests, lostAfter }: Batch): { after: bigint; ids: readonly Buffer[] } | undefined {
  return lostAfter === undefined ? undefined : { after: lostAfter, ids: requests.flatMap(({ events: [first] }) => first?.id ?? []) };
}
