/** A process of its own for the management module: one of several leads, the others stand by. */
import { hostname } from 'node:os';
import { createPostgresElection, openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService, startReplica } from '@verbena/service-kit';
import { startScheduler } from './scheduler.ts';

/**
 * Between node-agents of different processes a message can be on its way for as long as a link takes to be found dead (4 s) and made anew; only
 * after that do ranks that all wait wait for ever.
 */
const deadlockConfirmMs = 10_000;

process.exit(
  await runService({
    name: 'scheduler',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL: databaseUrl }) => {
      const store = await openServiceStore(context, databaseUrl);
      return startReplica(context, {
        role: 'scheduler',
        // In a container every process has the id 1.
        candidate: `scheduler-${hostname()}-${String(process.pid)}`,
        election: createPostgresElection({ databaseUrl, store }),
        start: (lead) => startScheduler(context, { store, lead, deadlockConfirmMs }),
      });
    },
  }),
);
