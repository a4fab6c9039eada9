/** A process of its own for storage. */
import { openServiceStore } from '@verbena/event-store';
import { byteSize, databaseVariables, runService } from '@verbena/service-kit';
import { startStorage } from './storage.ts';

const variables = databaseVariables.extend({
  /** Of images and input files, of the checkpoints of jobs, and of what one job prints. */
  VERBENA_CHUNK_QUOTA: byteSize.optional(),
  VERBENA_SNAPSHOT_QUOTA: byteSize.optional(),
  VERBENA_OUTPUT_LIMIT: byteSize.optional(),
});

process.exit(
  await runService({
    name: 'storage',
    variables,
    start: async (context, config) => {
      const { VERBENA_CHUNK_QUOTA: chunks, VERBENA_SNAPSHOT_QUOTA: snapshots, VERBENA_OUTPUT_LIMIT: output } = config;
      return startStorage(context, {
        store: await openServiceStore(context, config.DATABASE_URL),
        ...(chunks !== undefined && { chunkQuotaBytes: chunks }),
        ...(snapshots !== undefined && { snapshotQuotaBytes: snapshots }),
        ...(output !== undefined && { outputBytesPerJob: output }),
      });
    },
  }),
);
