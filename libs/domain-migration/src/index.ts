export type { MigrationCommand } from './commands.ts';
export { decideMigration, migrationDecider, type MigrationRefusal } from './decide.ts';
export {
  usualTransfer,
  type Copied,
  type MigrationEvent,
  type MigrationMode,
  type MigrationPlan,
  type Route,
  type TransferPlan,
} from './events.ts';
export { obstacles, type MigratingVm, type TargetNode } from './obstacles.ts';
export {
  evolveMigration,
  isKnownMigration,
  isLiveMigration,
  migrationEnded,
  noMigration,
  type KnownMigration,
  type LiveMigration,
  type MigrationState,
} from './state.ts';
