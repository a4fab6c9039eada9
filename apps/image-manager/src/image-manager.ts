import { imagev1 } from '@verbena/contracts';
import type { EventStore } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { Catalogue } from './catalogue.ts';
import { imageService } from './image-service.ts';

export interface ImageManagerOptions {
  readonly store: EventStore;
}

/** Starts the image manager. Resolves when it serves, with every image of the log in its catalogue. */
export async function startImageManager(context: ServiceContext, { store }: ImageManagerOptions): Promise<RunningService> {
  const catalogue = await Catalogue.open(store);
  const stopping = new AbortController();
  const served = await context.bus.serve(imagev1.ImageService, imageService({ ...context, store, catalogue, stopping: stopping.signal }));
  const stop = async (): Promise<void> => {
    stopping.abort(new Error('the image manager stops'));
    await served.stop();
    await catalogue.stop();
  };
  let stopped: Promise<void> | undefined;
  return { name: 'image-manager', notReady: () => Promise.resolve(undefined), stop: () => (stopped ??= stop()) };
}
