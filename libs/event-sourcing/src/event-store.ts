/**
 * The EventStore port: the only truth. An append names the version that each stream must have; a reader in global order never misses an
 * event and never sees two of one stream out of order. One contract suite (`testing/contract.ts`) runs on every implementation.
 */
import type { EntityModel, KeptEntities } from './entity.ts';

/** What is true of every event beside its payload: who caused it, for whom, and within which trace. */
export interface EventMetadata {
  readonly actor: string;
  readonly tenant: string;
  /** The job (or other unit of work) on whose behalf it happened, so that one query finds the whole story. */
  readonly correlationId?: string;
  readonly causationId?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
  /** Fencing epoch of the writer, 0 when absent; an append below the stream's highest epoch is refused. */
  readonly epoch?: number;
}

/** A domain event: a type, and a payload that survives JSON. */
export interface DomainEvent {
  readonly type: string;
  readonly data: unknown;
}

/** An event as it is appended. */
export interface NewEvent extends DomainEvent {
  /** The version of the payload's shape, from 1: the catalogue's present one when absent. Whoever copies old events names theirs. */
  readonly schema?: number;
}

export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  readonly position: bigint;
  readonly id: string;
  readonly stream: string;
  /** From 1. */
  readonly version: number;
  readonly event: E;
  readonly metadata: EventMetadata;
  readonly time: Date;
}

export interface StreamAppend {
  readonly stream: string;
  /** The version the stream has now: 0 when it does not exist; 'any' skips the check. */
  readonly expectedVersion: number | 'any';
  readonly events: readonly NewEvent[];
}

export interface AppendOptions {
  readonly metadata: EventMetadata;
  /** A repeated append with the same command id returns the first result and writes nothing. */
  readonly commandId?: string;
}

export type AppendResult =
  | { readonly ok: true; readonly events: readonly RecordedEvent[]; readonly repeated: boolean }
  | { readonly ok: false; readonly reason: 'version-conflict'; readonly stream: string; readonly expected: number; readonly actual: number }
  | { readonly ok: false; readonly reason: 'stale-epoch'; readonly stream: string; readonly epoch: number; readonly current: number };

export interface EventFilter {
  /** Exact name, or a prefix ending in "*". */
  readonly stream?: string;
  readonly types?: readonly string[];
  readonly correlationId?: string;
  /** Whatever concerns this job, VM or node: its own stream, and events that name it (see `subjectsOf`). */
  readonly subject?: string;
  readonly tenant?: string;
  /** The trace id within `traceparent`: 32 hexadecimal digits. */
  readonly traceId?: string;
  /** Inclusive. */
  readonly since?: Date;
  /** Exclusive. */
  readonly until?: Date;
}

export interface ReadAllOptions {
  /** Exclusive: only events beyond this position; when descending, only events before it. */
  readonly after?: bigint;
  readonly limit?: number;
  readonly descending?: boolean;
  readonly filter?: EventFilter;
}

export interface EventStore {
  /**
   * Appends to one or several streams, all or nothing. Durable when it resolves.
   * @throws {EventStoreError} when the log cannot be written; it says whether the append may have happened all the same. With a command id,
   * asking again is safe in either case.
   */
  append(appends: readonly StreamAppend[], options: AppendOptions): Promise<AppendResult>;
  /** The events that an append with this command id wrote, or undefined when none did. */
  findCommand(commandId: string): Promise<readonly RecordedEvent[] | undefined>;
  /** Events of one stream in order, from a version on (1 by default); none when there is no such stream. */
  readStream(stream: string, fromVersion?: number): Promise<readonly RecordedEvent[]>;
  readAll(options?: ReadAllOptions): Promise<readonly RecordedEvent[]>;
  /** Everything after a position, then what comes, until the signal aborts, which ends it without an error. Batches are in global order. */
  follow(options: { after?: bigint; filter?: EventFilter; signal: AbortSignal }): AsyncIterable<readonly RecordedEvent[]>;
  /** The position of the last event; 0n when there is none. */
  head(): Promise<bigint>;
  /**
   * Where a fold of a model's streams may begin in the place of the log's beginning: the rows of its read model, when that is there in this very version.
   * Undefined otherwise; the fold from the beginning comes to the same.
   */
  kept(model: Pick<EntityModel, 'name' | 'version'>): Promise<KeptEntities | undefined>;
  close(): Promise<void>;
}
