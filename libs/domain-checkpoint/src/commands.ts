import type { CheckpointPlan, RankSaved, RankStood } from './events.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly at: number;
  readonly data: D;
}

export type CheckpointCommand =
  | Command<'StartCheckpoint', CheckpointPlan>
  | Command<'BeginQuiesce', { nodeIds: readonly string[] }>
  /** Every rank was captured, and every node has confirmed that its ranks had stood until they were told to go on. */
  | Command<'RecordTaken', { epoch: number; stood: readonly RankStood[] }>
  /** Every part is in storage. */
  | Command<'RecordStored', { ranks: readonly RankSaved[] }>
  /** Decides that it comes to nothing; the first decision holds. Refused once it is stored. */
  | Command<'UndoCheckpoint', { cause: 'failed' | 'cancelled'; reason: string }>
  | Command<'FinishUndo', Record<never, never>>
  /** Decides that a stored one is let go. */
  | Command<'RemoveCheckpoint', { reason: string }>
  | Command<'FinishRemoval', Record<never, never>>;
