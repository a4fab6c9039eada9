/** The past: what streams had come to at a position of the log, folded from the events up to there. */
import { foldEntity, rowOf, type Entity, type EntityRow, type EventStore, type RecordedEvent } from '@verbena/event-sourcing';
import { modelOf } from './models.ts';

const pageSize = 5_000;

export class Moment {
  readonly #entities = new Map<string, Entity<unknown>>();
  #last: RecordedEvent | undefined;

  /** Takes the next event of the log, or of the stream that is of interest. */
  add(recorded: RecordedEvent): void {
    this.#last = recorded;
    const model = modelOf(recorded.stream);
    if (model !== undefined) {
      this.#entities.set(recorded.stream, foldEntity(model, this.#entities.get(recorded.stream), recorded));
    }
  }

  /** The last event that was taken. */
  get last(): RecordedEvent | undefined {
    return this.#last;
  }

  /** In the order in which they came to be. */
  rows(): EntityRow[] {
    return [...this.#entities].flatMap(([id, entity]) => {
      const model = modelOf(id);
      return model === undefined ? [] : [rowOf(model, id, entity)];
    });
  }
}

/** Everything as it was when the event at `position` had just happened. Reads the log in pages from its beginning. */
export async function clusterAt(store: EventStore, position: bigint, signal?: AbortSignal): Promise<Moment> {
  const moment = new Moment();
  for (let after = 0n; after < position;) {
    signal?.throwIfAborted();
    const page = await store.readAll({ after, limit: pageSize });
    for (const recorded of page) if (recorded.position <= position) moment.add(recorded);
    after = page.at(-1)?.position ?? position;
  }
  return moment;
}

/** One stream as it was then; nothing when it did not exist yet. */
export async function entityAt(store: EventStore, stream: string, position: bigint): Promise<Moment> {
  const moment = new Moment();
  for (const recorded of await store.readStream(stream)) if (recorded.position <= position) moment.add(recorded);
  return moment;
}
