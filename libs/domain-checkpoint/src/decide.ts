import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { CheckpointCommand } from './commands.ts';
import type { CheckpointEvent, RankSaved, Saved } from './events.ts';
import { evolveCheckpoint, noCheckpoint, type CheckpointState, type KnownCheckpoint } from './state.ts';

export type CheckpointRefusal = 'already-started' | 'unknown-checkpoint' | 'wrong-state' | 'incomplete' | 'too-late';

type Outcome = Decision<CheckpointEvent, CheckpointRefusal>;
type Of<T extends CheckpointCommand['type']> = Extract<CheckpointCommand, { type: T }>;

export function decideCheckpoint(command: CheckpointCommand, state: CheckpointState): Outcome {
  if (command.type === 'StartCheckpoint') {
    if (state.status !== 'none') return refuse('already-started', `the checkpoint is ${state.status} already`);
    return accept({ type: 'CheckpointStarted', data: { ...command.data, at: command.at } });
  }
  if (state.status === 'none') return refuse('unknown-checkpoint', 'there is no such checkpoint');
  switch (command.type) {
    case 'BeginQuiesce':
      if (state.status !== 'standing' || state.quiescingAt !== undefined) return wrongState(command, state);
      return accept({ type: 'CheckpointQuiescing', data: { ...command.data, at: command.at } });
    case 'RecordTaken':
      return recordTaken(command, state);
    case 'RecordStored':
      return recordStored(command, state);
    case 'UndoCheckpoint':
      return undo(command, state);
    case 'FinishUndo':
      return finishUndo(command, state);
    case 'RemoveCheckpoint':
      if (state.status === 'removing' || state.status === 'removed') return accept();
      if (state.status !== 'stored') return wrongState(command, state);
      return accept({ type: 'CheckpointRemoving', data: { ...command.data, at: command.at } });
    case 'FinishRemoval':
      if (state.status === 'removed') return accept();
      if (state.status !== 'removing') return wrongState(command, state);
      return accept({ type: 'CheckpointRemoved', data: { reason: state.why, at: command.at } });
    default:
      return command satisfies never;
  }
}

function wrongState(command: CheckpointCommand, state: KnownCheckpoint): Outcome {
  return refuse('wrong-state', `${command.type} does not apply to a checkpoint that is ${state.status}`);
}

/** Every rank once, or it is no cut through the job. */
function missing(ranks: readonly { readonly rank: number }[], { ranks: wanted }: KnownCheckpoint): string | undefined {
  const there = new Set(ranks.map(({ rank }) => rank));
  if (there.size !== ranks.length) return 'a rank is named twice';
  const absent = Array.from({ length: wanted }, (_, rank) => rank).filter((rank) => !there.has(rank));
  if (absent.length > 0) return `rank ${absent.slice(0, 8).join(', ')} of ${String(wanted)} is missing`;
  return there.size === wanted ? undefined : `there are ${String(there.size)} ranks, not ${String(wanted)}`;
}

function recordTaken(command: Of<'RecordTaken'>, state: KnownCheckpoint): Outcome {
  const { at, data } = command;
  if (state.status === 'storing') return accept();
  if (state.status !== 'standing' || state.quiescingAt === undefined) return wrongState(command, state);
  const lacks = missing(data.stood, state);
  if (lacks !== undefined) return refuse('incomplete', lacks);
  return accept({ type: 'CheckpointTaken', data: { ...data, pauseMs: Math.max(0, at - state.quiescingAt), at } });
}

function recordStored(command: Of<'RecordStored'>, state: KnownCheckpoint): Outcome {
  const { at, data } = command;
  if (state.status === 'stored') return accept();
  if (state.status !== 'storing') return wrongState(command, state);
  const lacks = missing(data.ranks, state);
  if (lacks !== undefined) return refuse('incomplete', lacks);
  return accept({ type: 'CheckpointStored', data: { ...sumOf(data.ranks), ranks: data.ranks, at } });
}

function sumOf(ranks: readonly RankSaved[]): Saved {
  const sum = (of: keyof Saved): number => ranks.reduce((total, rank) => total + rank[of], 0);
  return { bytes: sum('bytes'), newBytes: sum('newBytes'), changedPages: sum('changedPages') };
}

function undo({ at, data }: Of<'UndoCheckpoint'>, state: KnownCheckpoint): Outcome {
  if (state.status === 'standing' || state.status === 'storing') return accept({ type: 'CheckpointUndoing', data: { ...data, at } });
  if (state.status === 'undoing' || state.status === 'failed' || state.status === 'cancelled') return accept();
  return refuse('too-late', `the checkpoint is ${state.status}: remove it, if it is not wanted`);
}

function finishUndo(command: Of<'FinishUndo'>, state: KnownCheckpoint): Outcome {
  if (state.status !== 'undoing') return wrongState(command, state);
  const data = { reason: state.why, at: command.at };
  return accept(state.cause === 'cancelled' ? { type: 'CheckpointCancelled', data } : { type: 'CheckpointFailed', data });
}

export const checkpointDecider: Decider<CheckpointCommand, CheckpointEvent, CheckpointState, CheckpointRefusal> = {
  initial: noCheckpoint,
  decide: decideCheckpoint,
  evolve: evolveCheckpoint,
};
