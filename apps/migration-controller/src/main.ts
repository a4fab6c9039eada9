/** A process of its own for the migration controller: one of several leads, the others stand by. */
import { hostname } from 'node:os';
import { createPostgresElection, openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService, startReplica } from '@verbena/service-kit';
import { startMigrationController } from './migration-controller.ts';

const role = 'migration-controller';

process.exit(
  await runService({
    name: role,
    variables: databaseVariables,
    start: async (context, { DATABASE_URL: databaseUrl }) => {
      const store = await openServiceStore(context, databaseUrl);
      return startReplica(context, {
        role,
        candidate: `${role}-${hostname()}-${String(process.pid)}`,
        election: createPostgresElection({ databaseUrl, store }),
        // Not fenced by the term: a hand-over is written under the VM's own epoch. Exact versions keep one who leads no more from harm: every append
        // is decided on what the stream says, and steps that are done twice come to the same.
        start: () => startMigrationController(context, { store }),
      });
    },
  }),
);
