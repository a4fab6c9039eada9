export type { MigrationCommand, RequestMigration } from './commands.ts';
export { decideMigration, migrationDecider, type MigrationRefusal } from './decide.ts';
export type { MigrationEvent, Route } from './events.ts';
export { obstacles, type MigratingVm, type TargetNode } from './obstacles.ts';
export { evolveMigration, noMigration, type MigrationState } from './state.ts';
