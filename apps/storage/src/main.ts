/** A process of its own for storage. */
import { openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService } from '@verbena/service-kit';
import { startStorage } from './storage.ts';

process.exit(
  await runService({
    name: 'storage',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL }) => startStorage(context, { store: await openServiceStore(context, DATABASE_URL) }),
  }),
);
