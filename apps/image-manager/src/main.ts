/** A process of its own for the image manager: one of several leads, the others stand by. */
import { hostname } from 'node:os';
import { fencedStore } from '@verbena/event-sourcing';
import { createPostgresElection, openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService, startReplica } from '@verbena/service-kit';
import { startImageManager } from './image-manager.ts';

const role = 'image-manager';

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
        start: (lead) => startImageManager(context, { store: fencedStore(store, role, lead) }),
      });
    },
  }),
);
