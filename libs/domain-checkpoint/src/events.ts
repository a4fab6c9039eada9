/** The story of a checkpoint, on the stream named by its id ("ckpt-..."). Durations in milliseconds, times (`at`) since 1970, sizes in bytes. */
import type { DomainEvent } from '@verbena/event-sourcing';

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D & { readonly at: number };
}

/** What a checkpoint is, fixed when it begins. */
export interface CheckpointPlan {
  readonly jobId: string;
  readonly tenant: string;
  /** Which start of the job it is taken of. */
  readonly attempt: number;
  /** Counts the checkpoints of the job, from 1. */
  readonly number: number;
  readonly ranks: number;
  /** The last checkpoint of the job that was stored: this one is an increment of it. Empty when there is none. */
  readonly base: string;
  /** Who wanted it, for people. */
  readonly reason: string;
}

export interface Saved {
  /** Without pages of zeroes. */
  readonly bytes: number;
  /** That storage did not have yet. */
  readonly newBytes: number;
  /** Pages of guest memory that were written since the base. */
  readonly changedPages: number;
}

export interface RankSaved extends Saved {
  readonly rank: number;
}

export interface RankStood {
  readonly rank: number;
  readonly ms: number;
}

export type CheckpointEvent =
  | Event<'CheckpointStarted', CheckpointPlan>
  /**
   * The ranks on these nodes are asked to stop their channels. The event's position in the log is the number under which they do it: greater than any
   * before for the job.
   */
  | Event<'CheckpointQuiescing', { nodeIds: readonly string[] }>
  /** All ranks were captured while all of them stood, and run again. */
  | Event<'CheckpointTaken', { epoch: number; pauseMs: number; stood: readonly RankStood[] }>
  /** The parts of all ranks are in storage: from here on jobs may start from it. */
  | Event<'CheckpointStored', Saved & { ranks: readonly RankSaved[] }>
  /** The decision that it comes to nothing; what there is of it is being let go. */
  | Event<'CheckpointUndoing', { cause: 'failed' | 'cancelled'; reason: string }>
  | Event<'CheckpointFailed', { reason: string }>
  | Event<'CheckpointCancelled', { reason: string }>
  /** The decision that no job starts from it any more. */
  | Event<'CheckpointRemoving', { reason: string }>
  | Event<'CheckpointRemoved', { reason: string }>;
