import type { EventCatalogue, RecordedEvent } from '@verbena/event-sourcing';
import type { Outcome } from './plan.ts';
import { plannedEvent } from './rows.ts';

/** The result of an append that this process wrote; its events are put together when somebody looks at them. */
export class Written {
  readonly ok = true;
  readonly repeated = false;
  declare readonly events: readonly RecordedEvent[];

  constructor(planned: NonNullable<Extract<Outcome, { ok: true }>['events']>, time: Date, catalogue: EventCatalogue) {
    let made: readonly RecordedEvent[] | undefined;
    Object.defineProperty(this, 'events', {
      enumerable: true,
      get: () => (made ??= planned.map((event) => plannedEvent(event, time, catalogue))),
    });
  }
}
