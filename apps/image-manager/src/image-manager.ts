import { imagev1 } from '@verbena/contracts';
import type { EventStore } from '@verbena/event-sourcing';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { Catalogue } from './catalogue.ts';
import { imageService } from './image-service.ts';
import { endLeftOver } from './left-over.ts';

export interface ImageManagerOptions {
  /** Of several replicas only the one that leads may write to it: then it is fenced by that one's term. */
  readonly store: EventStore;
}

/** Starts the image manager. Resolves when it serves, with every image of the log in its catalogue. */
export async function startImageManager(context: ServiceContext, { store }: ImageManagerOptions): Promise<RunningService> {
  const ended = await endLeftOver(store, context.clock);
  if (ended.length > 0) context.log.warn({ distributions: ended }, 'distributions of an image manager that is gone were ended');
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
