/** A process of its own for the management module. */
import { openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService } from '@verbena/service-kit';
import { startScheduler } from './scheduler.ts';

process.exit(
  await runService({
    name: 'scheduler',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL }) => startScheduler(context, { store: await openServiceStore(context, DATABASE_URL) }),
  }),
);
