import { accept, refuse, type Decider, type Decision } from '@verbena/event-sourcing';
import type { MigrationCommand } from './commands.ts';
import type { MigrationEvent } from './events.ts';
import { obstacles } from './obstacles.ts';
import { evolveMigration, noMigration, type MigrationState } from './state.ts';

export type MigrationRefusal = 'already-requested';

export function decideMigration({ at, data }: MigrationCommand, state: MigrationState): Decision<MigrationEvent, MigrationRefusal> {
  if (state.status !== 'none') return refuse('already-requested', `the migration is ${state.status} already`);
  const { vm, targetNodeId, target } = data;
  const route = { vmId: vm.id, sourceNodeId: vm.nodeId, targetNodeId };
  const against = obstacles(vm, targetNodeId, target);
  if (against.length > 0) return accept({ type: 'MigrationRefused', data: { ...route, obstacles: against, at } });
  return accept({ type: 'MigrationPlanned', data: { ...route, at } });
}

export const migrationDecider: Decider<MigrationCommand, MigrationEvent, MigrationState, MigrationRefusal> = {
  initial: noMigration,
  decide: decideMigration,
  evolve: evolveMigration,
};
