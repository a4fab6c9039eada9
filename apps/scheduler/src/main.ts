/** A process of its own for the management module: one of several leads, the others stand by. */
import { createPostgresElection, openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService, startReplica } from '@verbena/service-kit';
import { startScheduler } from './scheduler.ts';

process.exit(
  await runService({
    name: 'scheduler',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL: databaseUrl }) => {
      const store = await openServiceStore(context, databaseUrl);
      return startReplica(context, {
        role: 'scheduler',
        candidate: `scheduler-${String(process.pid)}`,
        election: createPostgresElection({ databaseUrl, store }),
        start: (lead) => startScheduler(context, { store, lead }),
      });
    },
  }),
);
