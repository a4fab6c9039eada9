/**
 * Entities: what a stream has come to, as a row that can be listed. A model says how a state is folded, described and kept; read models, replay
 * and the view of a moment in the past all use the same one.
 */
import { canonicalJson } from './canonical-json.ts';
import type { RecordedEvent } from './event-store.ts';

/** What lists show and filter by; an empty text where there is nothing to say. */
export interface Description {
  readonly status: string;
  readonly name: string;
  /** The job that it is, belongs to, or worked for last. */
  readonly jobId: string;
  /** The node that it is, or is on. */
  readonly nodeId: string;
  /** Nothing happens to it any more. */
  readonly ended: boolean;
}

export interface EntityModel<S = unknown> {
  /** Of the read model: "jobs". Small letters, digits and underlines. */
  readonly name: string;
  /** Raised whenever the same log would give other rows: the model is then rebuilt at the next start. */
  readonly version: number;
  /** How the names of its streams begin: "job-". */
  readonly prefix: string;
  readonly initial: S;
  /** Pure. What it does not know, it returns unchanged. */
  evolve(state: S, recorded: RecordedEvent): S;
  describe(state: S): Description;
  /** The state as JSON, of which `decode` makes the same state again. */
  encode(state: S): unknown;
  decode(kept: unknown): S;
}

/** A stream's state on the way, with what is true of every stream. */
export interface Entity<S> {
  readonly state: S;
  readonly tenant: string;
  readonly version: number;
  readonly createdAt: number;
  readonly changedAt: number;
  readonly createdPosition: bigint;
  readonly position: bigint;
}

export interface EntityRow extends Description {
  readonly id: string;
  readonly tenant: string;
  /** Events of its stream so far. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly changedAt: number;
  /** Of its first event: the order of lists. */
  readonly createdPosition: bigint;
  /** Of its last event. */
  readonly position: bigint;
  /** The encoded state, as canonical JSON. */
  readonly state: string;
}

/** What of a row is needed to go on folding. */
export type Kept = Pick<EntityRow, 'tenant' | 'version' | 'createdAt' | 'changedAt' | 'createdPosition' | 'position' | 'state'>;

/** What the streams of a read model had come to, in the order in which they came to be. */
export interface KeptEntities {
  /** Everything up to here is in the rows, and nothing beyond. */
  readonly position: bigint;
  readonly rows: readonly (Kept & Pick<EntityRow, 'id' | 'ended'>)[];
}

/** An event that was folded already changes nothing. */
export function foldEntity<S>(model: EntityModel<S>, before: Entity<S> | undefined, recorded: RecordedEvent): Entity<S> {
  if (before !== undefined && recorded.position <= before.position) return before;
  const time = recorded.time.getTime();
  return {
    state: model.evolve(before === undefined ? model.initial : before.state, recorded),
    tenant: before?.tenant ?? recorded.metadata.tenant,
    version: recorded.version,
    createdAt: before?.createdAt ?? time,
    changedAt: time,
    createdPosition: before?.createdPosition ?? recorded.position,
    position: recorded.position,
  };
}

export function rowOf<S>(model: EntityModel<S>, id: string, entity: Entity<S>): EntityRow {
  const { state, ...known } = entity;
  const { status, name, jobId, nodeId, ended } = model.describe(state);
  return { id, ...known, status, name, jobId, nodeId, ended, state: canonicalJson(model.encode(state)) };
}

/** The way back from a row. */
export function entityOf<S>(model: EntityModel<S>, { state, ...known }: Kept): Entity<S> {
  const { tenant, version, createdAt, changedAt, createdPosition, position } = known;
  return { state: model.decode(JSON.parse(state)), tenant, version, createdAt, changedAt, createdPosition, position };
}
