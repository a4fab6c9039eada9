/** A process of its own for the migration controller: one of several leads, the others stand by. */
import { hostname } from 'node:os';
import { createPostgresElection, openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService, startReplica, wholeNumber } from '@verbena/service-kit';
import { startMigrationController } from './migration-controller.ts';
import { defaultConfig } from './run/work.ts';

const role = 'migration-controller';

const variables = databaseVariables.extend({
  /** Migrations at a time that a node has a part in, and in all. */
  VERBENA_MIGRATIONS_PER_NODE: wholeNumber(1, 1_000).default(defaultConfig.limits.perNode),
  VERBENA_MIGRATIONS: wholeNumber(1, 10_000).default(defaultConfig.limits.inAll),
  /** Milliseconds: pre-copy ends when the rest is thought to be sent in that time. */
  VERBENA_MIGRATION_DOWNTIME: wholeNumber(0, 60_000).default(defaultConfig.downtimeMs),
});

process.exit(
  await runService({
    name: role,
    variables,
    start: async (context, config) => {
      const { DATABASE_URL: databaseUrl } = config;
      const limits = { perNode: config.VERBENA_MIGRATIONS_PER_NODE, inAll: config.VERBENA_MIGRATIONS };
      const store = await openServiceStore(context, databaseUrl);
      return startReplica(context, {
        role,
        candidate: `${role}-${hostname()}-${String(process.pid)}`,
        election: createPostgresElection({ databaseUrl, store }),
        // Not fenced by the term: a hand-over is written under the VM's own epoch. Exact versions keep one who leads no more from harm: every append
        // is decided on what the stream says, and steps that are done twice come to the same.
        start: () => startMigrationController(context, { store, limits, downtimeMs: config.VERBENA_MIGRATION_DOWNTIME }),
      });
    },
  }),
);
