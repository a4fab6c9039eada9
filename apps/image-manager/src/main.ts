/** A process of its own for the image manager. */
import { openServiceStore } from '@verbena/event-store';
import { databaseVariables, runService } from '@verbena/service-kit';
import { startImageManager } from './image-manager.ts';

process.exit(
  await runService({
    name: 'image-manager',
    variables: databaseVariables,
    start: async (context, { DATABASE_URL }) => startImageManager(context, { store: await openServiceStore(context, DATABASE_URL) }),
  }),
);
