export { startMigrationController, type MigrationControllerOptions } from './migration-controller.ts';
