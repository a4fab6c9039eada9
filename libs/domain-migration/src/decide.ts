import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { MigrationCommand } from './commands.ts';
import type { MigrationEvent } from './events.ts';
import { obstacles } from './obstacles.ts';
import { evolveMigration, isKnownMigration, migrationEnded, noMigration, type KnownMigration, type MigrationState } from './state.ts';

export type MigrationRefusal = 'already-requested' | 'unknown-migration' | 'wrong-state' | 'too-late';

type Outcome = Decision<MigrationEvent, MigrationRefusal>;
type Of<T extends MigrationCommand['type']> = Extract<MigrationCommand, { type: T }>;

export function decideMigration(command: MigrationCommand, state: MigrationState): Outcome {
  if (command.type === 'RequestMigration') return request(command, state);
  if (!isKnownMigration(state)) return refuse('unknown-migration', 'there is no such migration, or it was never started');
  const { at } = command;
  switch (command.type) {
    case 'RecordRound':
      if (command.data.round <= state.rounds.length) return accept();
      return when('copying', command, state, { type: 'MigrationRoundDone', data: { ...command.data, at } });
    case 'BeginQuiesce':
      return when('copying', command, state, { type: 'MigrationQuiescing', data: { at } });
    case 'RecordSuspension':
      if (state.status === 'suspended') return accept();
      return when('copying', command, state, { type: 'MigrationSuspended', data: { ...command.data, at } });
    case 'HandOver':
      if (state.status === 'handed-over') return accept();
      return when('suspended', command, state, { type: 'MigrationHandedOver', data: { ...command.data, at } });
    case 'CompleteMigration':
      if (state.status === 'completed') return accept();
      return when('handed-over', command, state, completed(state, at, command.data.releasedAt ?? at));
    case 'UndoMigration':
      return undo(command, state);
    case 'FinishUndo':
      return finishUndo(command, state);
    case 'LoseMigration':
      return when('handed-over', command, state, { type: 'MigrationFailed', data: { ...command.data, at } });
    default:
      return command satisfies never;
  }
}

function request({ at, data }: Of<'RequestMigration'>, state: MigrationState): Outcome {
  if (state.status !== 'none') return refuse('already-requested', `the migration is ${state.status} already`);
  const { vm, targetNodeId, target, guestAssisted } = data;
  const route = { vmId: vm.id, sourceNodeId: vm.nodeId, targetNodeId };
  const against = obstacles(guestAssisted === undefined ? vm : { ...vm, bypassAdapter: false }, targetNodeId, target);
  if (against.length > 0) return accept({ type: 'MigrationRefused', data: { ...route, obstacles: against, at } });
  if (guestAssisted === undefined) return accept({ type: 'MigrationPlanned', data: { ...route, at } });
  return accept({ type: 'MigrationStarted', data: { ...guestAssisted, ...route, at } });
}

function when(status: KnownMigration['status'], command: MigrationCommand, state: KnownMigration, event: MigrationEvent): Outcome {
  if (state.status === status) return accept(event);
  return refuse('wrong-state', `${command.type} does not apply to a migration that is ${state.status}`);
}

function completed(state: KnownMigration, at: number, released: number): MigrationEvent {
  const copies = [...state.rounds, ...(state.last === undefined ? [] : [state.last])];
  const sum = (of: 'pages' | 'bytes'): number => copies.reduce((total, copy) => total + copy[of], 0);
  const standing = state.suspendedAt === undefined ? 0 : released - state.suspendedAt + (state.last?.ms ?? 0);
  const totals = { rounds: state.rounds.length, pages: sum('pages'), bytes: sum('bytes') };
  const since = (from: number | undefined, to: number): number => Math.max(0, to - (from ?? to));
  const times = { downtimeMs: Math.max(0, standing), pauseMs: since(state.quiescingAt, released), totalMs: since(state.startedAt, at) };
  return { type: 'MigrationCompleted', data: { ...totals, ...times, at } };
}

function undo({ at, data }: Of<'UndoMigration'>, state: KnownMigration): Outcome {
  if (state.status === 'undoing' || migrationEnded(state)) return accept();
  if (state.status === 'handed-over')
    return refuse('too-late', `the VM belongs to ${state.targetNodeId} already: the migration only goes on`);
  return accept({ type: 'MigrationUndoing', data: { ...data, at } });
}

function finishUndo(command: Of<'FinishUndo'>, state: KnownMigration): Outcome {
  if (state.status !== 'undoing') return refuse('wrong-state', `FinishUndo does not apply to a migration that is ${state.status}`);
  const data = { reason: state.why, at: command.at };
  return accept(state.cause === 'cancelled' ? { type: 'MigrationCancelled', data } : { type: 'MigrationFailed', data });
}

export const migrationDecider: Decider<MigrationCommand, MigrationEvent, MigrationState, MigrationRefusal> = {
  initial: noMigration,
  decide: decideMigration,
  evolve: evolveMigration,
};
