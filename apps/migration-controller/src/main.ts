/** A process of its own for the migration controller. */
import { openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService } from '@verbena/service-kit';
import { startMigrationController } from './migration-controller.ts';

process.exit(
  await runService({
    name: 'migration-controller',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL }) => startMigrationController(context, { store: await openServiceStore(context, DATABASE_URL) }),
  }),
);
