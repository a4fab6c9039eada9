/** Notices of new positions in the event log, as notifications on the bus. */
import type { PositionNotices } from '@verbena/event-sourcing';
import type { Bus } from './bus.ts';

/** The subject; the payload is the position in decimal digits. */
export const eventsAppended = 'events.appended';

export function eventNotices(bus: Pick<Bus, 'publish' | 'subscribe'>): PositionNotices {
  return {
    publish: (position) => bus.publish(eventsAppended, Buffer.from(String(position))),
    subscribe: (handler) =>
      bus.subscribe(eventsAppended, (payload) => {
        const text = Buffer.from(payload).toString('latin1');
        if (/^\d{1,19}$/.test(text)) handler(BigInt(text));
      }),
  };
}
