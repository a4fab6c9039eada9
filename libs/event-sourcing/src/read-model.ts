/**
 * Read models: for each entity model a table of rows, caught up from the log. They can be lost and built again, and `replay` does so beside the
 * one that is in use, compares the two, and swaps.
 */
import type { EntityModel, EntityRow } from './entity.ts';
import type { EventStore } from './event-store.ts';

export type { EntityModel } from './entity.ts';

export interface EntityQuery {
  readonly status?: string;
  readonly tenant?: string;
  readonly jobId?: string;
  readonly nodeId?: string;
  /** Absent: those that have ended and those that have not. */
  readonly ended?: boolean;
  /** Newest first; only those that were created before this position. */
  readonly before?: bigint;
  readonly limit: number;
}

export interface EntityPage {
  readonly rows: readonly EntityRow[];
  /** For `before` of the next page; undefined when there is none. */
  readonly next: bigint | undefined;
}

export interface ModelStatus {
  readonly name: string;
  /** Everything up to here is in it. */
  readonly position: bigint;
  readonly rows: bigint;
  /** Why it stands still; undefined when it does not. */
  readonly problem: string | undefined;
}

export interface ReplayStep {
  readonly phase: 'reading' | 'comparing' | 'swapping';
  readonly position: bigint;
  readonly target: bigint;
}

export interface ReplayOptions {
  /** Only compare: the rebuilt rows are thrown away. */
  readonly check?: boolean;
  readonly onProgress?: (step: ReplayStep) => void;
  readonly signal?: AbortSignal;
}

export interface ReplayOutcome {
  readonly name: string;
  /** Where both stood when they were compared. */
  readonly position: bigint;
  readonly events: bigint;
  readonly rows: bigint;
  readonly liveHash: string;
  readonly rebuiltHash: string;
  readonly swapped: boolean;
}

export interface ReadModels {
  /** @throws {RangeError} for a model that there is not */
  list(model: string, query: EntityQuery): Promise<EntityPage>;
  find(model: string, id: string): Promise<EntityRow | undefined>;
  status(): Promise<readonly ModelStatus[]>;
  /** Resolves when every model holds everything up to this position; rejects when the models stop first, or the signal aborts. */
  reached(position: bigint, signal?: AbortSignal): Promise<void>;
  /** Builds a model again from the log into fresh tables; the rebuilt one takes the place of the live one in one step. */
  replay(model: string, options?: ReplayOptions): Promise<ReplayOutcome>;
  stop(): Promise<void>;
}

/** A store that can keep read models beside its log. */
export interface EventDatabase extends EventStore {
  /** Opens the read models and keeps them caught up until they are stopped. Several processes may; one of them works at a time. */
  readModels(models: readonly EntityModel[]): Promise<ReadModels>;
}
