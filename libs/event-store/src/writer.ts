/**
 * The writer: group commit under one lock. Positions are drawn while a transaction-level advisory lock is held, and the lock is released by the
 * commit, so a position that a reader sees is never followed by a smaller one, whichever process writes. Positions are dense: the next is the
 * last plus one.
 *
 * A batch is what came while the one before was being written, and takes two round trips: take the lock and read what matters; then write
 * everything and commit. A writer that was the last to write knows what matters already, and needs one: it says where it believes the log to end,
 * and the transaction fails when that is not so. When the connection is lost, the batch is tried again; ids chosen before the first attempt tell
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
import type { SpanContext } from '@opentelemetry/api';
import type pg from 'pg';
import { causeOf, type CommitWatch } from './commit-watch.ts';
import { appendFailure, isWrongGuess, leavesDoubt } from './append-failure.ts';
import { DatabaseError, isConflict, isConnectionFailure, isDiskFull, withRetry } from './connection.ts';
import { copyIn } from './copy.ts';
import { RowWriter } from './copy-rows.ts';
import { newEventId } from './event-ids.ts';
import { plan, type Current, type NewEvent, type Outcome, type Plan, type PlannedEvent, type Range, type Request } from './plan.ts';
import { StreamMemory } from './stream-memory.ts';
import { appendStatements, beginAt, readStatements } from './write-statements.ts';
import { Written } from './written.ts';

interface Waiting extends Request {
  readonly bytes: number;
  readonly cause: SpanContext | undefined;
  resolve(result: AppendResult): void;
  reject(error: unknown): void;
}

/** Appends that are tried together until they are written or given up. */
interface Batch {
  readonly requests: readonly Waiting[];
  /** Set while nobody knows whether an attempt was committed: the head before it. */
  lostAfter: bigint | undefined;
  diskFull: boolean;
}

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
  readonly readRange: (range: Range) => Promise<readonly RecordedEvent[]>;
  readonly watch?: CommitWatch | undefined;
}

const maximumBatch = 4_096;
const maximumEventsInBatch = 10_000;
const maximumBytesInBatch = 8 << 20;
const maximumWaiting = 20_000;
const maximumBytesWaiting = 256 << 20;

export class Writer {
  readonly #options: WriterOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #draining: Promise<void> | undefined;
  readonly #stop = new AbortController();
  readonly #memory = new StreamMemory();
  #rows = new RowWriter();

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
    if (this.#waiting.length >= maximumWaiting || this.#waitingBytes + bytes > maximumBytesWaiting) {
      throw new DatabaseError('overloaded', `${this.#waiting.length} appends wait for ${this.#options.database} already`);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ appends, options, events, bytes, cause: causeOf(), resolve, reject });
      this.#waitingBytes += bytes;
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
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const batch = this.#next();
      await this.#write(batch).catch((error: unknown) => this.#writeOneByOne(batch, error));
    }
    // In the same turn as the loop's last look: an append made in between would wait for ever.
    this.#draining = undefined;
  }

  #next(): Batch {
    let [events, bytes, count] = [0, 0, 0];
    for (const waiting of this.#waiting) {
      events += waiting.events.length;
      bytes += waiting.bytes;
      if (count > 0 && (count === maximumBatch || events > maximumEventsInBatch || bytes > maximumBytesInBatch)) break;
      count++;
    }
    const requests = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const request of requests) this.#waitingBytes -= request.bytes;
    return { requests, lostAfter: undefined, diskFull: false };
  }

  /** Where something in the batch itself is at fault, only its own caller shall suffer. */
  async #writeOneByOne(batch: Batch, error: unknown): Promise<void> {
    const { requests } = batch;
    if (requests.length === 1 || batch.lostAfter !== undefined || isConnectionFailure(error) || isDiskFull(error)) {
      const failure = appendFailure(batch, error, this.#options.database);
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
    const client = await this.#options.pool.connect();
    let broken: Error | undefined;
    try {
      return await this.#transaction(client, batch);
    } catch (error) {
      broken = error instanceof Error ? error : new Error(String(error));
      this.#memory.forget();
      throw error;
    } finally {
      // After a failure the state of the connection is not worth finding out.
      client.release(broken);
    }
  }

  async #transaction(client: pg.PoolClient, batch: Batch): Promise<{ planned: Plan; time: Date }> {
    const remembered = batch.lostAfter === undefined ? this.#memory.guess(batch.requests) : undefined;
    if (remembered !== undefined) {
      const planned = plan(batch.requests, remembered);
      // A refusal stands on what is true only if nobody else has written, which the transaction finds out; without one, the log is asked.
      if (planned.events.length > 0) {
        try {
          return await this.#commit(client, batch, planned, remembered.head, `${beginAt(remembered.head)}; `);
        } catch (error) {
          if (!isWrongGuess(error)) throw error;
          await client.query('rollback');
        }
      }
    }
    const current = await this.#readCurrent(client, batch);
    const planned = plan(batch.requests, current);
    if (planned.events.length === 0 && planned.commands.size === 0) {
      await client.query('rollback');
      return { planned, time: this.#options.now() };
    }
    return this.#commit(client, batch, planned, current.head, '');
  }

  async #commit(
    client: pg.PoolClient,
    batch: Batch,
    planned: Plan,
    head: bigint,
    beginning: string,
  ): Promise<{ planned: Plan; time: Date }> {
    const time = this.#options.now();
    const { text, rows } = appendStatements(planned, time, this.#rows);
    // From here on nobody knows whether it is committed, until the server says so or the log was looked at.
    batch.lostAfter = head;
    try {
      const tags = await copyIn(client, beginning + text, rows);
      if (tags.at(-1) !== 'COMMIT') throw new Error(`the server answered the commit of a batch with ${tags.at(-1) ?? 'nothing'}`);
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

/** What to look for when an earlier attempt may have been committed. */
function lostOf({ requests, lostAfter }: Batch): { after: bigint; ids: readonly Buffer[] } | undefined {
  return lostAfter === undefined ? undefined : { after: lostAfter, ids: requests.flatMap(({ events: [first] }) => first?.id ?? []) };
}
