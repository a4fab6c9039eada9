/**
 * The end of the log as this process wrote it: most who follow the log want what has just been committed, and several want the same. It is served
 * from here, decoded once for all. Positions are dense, so what follows a position is known to be complete.
 */
import type { EventCatalogue, RecordedEvent } from '@verbena/event-sourcing';
import type { PlannedEvent } from './plan.ts';
import { plannedEvent } from './rows.ts';

const most = 4_096;
/** Characters of payload. */
const mostPayload = 8 << 20;

interface Entry {
  readonly planned: PlannedEvent;
  readonly time: Date;
  recorded: RecordedEvent | undefined;
}

export class Recent {
  readonly #catalogue: EventCatalogue;
  /** At neighbouring positions; an event’s place is its position modulo the number of places, so that nothing moves when the oldest goes. */
  readonly #places = new Array<Entry | undefined>(most);
  /** Of the oldest, when there is one. */
  #first = 0;
  #count = 0;
  #payload = 0;

  constructor(catalogue: EventCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Events that were committed together, in order. */
  add(events: readonly PlannedEvent[], time: Date): void {
    const next = Number(events[0]?.position);
    // Somebody else wrote in between.
    if (this.#count > 0 && next !== this.#first + this.#count) this.clear();
    if (this.#count === 0) this.#first = next;
    for (const planned of events) {
      if (this.#count === most) this.#forgetOldest();
      this.#places[(this.#first + this.#count++) % most] = { planned, time, recorded: undefined };
      this.#payload += planned.event.data.length;
    }
    while (this.#payload > mostPayload && this.#count > 0) this.#forgetOldest();
  }

  clear(): void {
    this.#places.fill(undefined);
    this.#count = 0;
    this.#payload = 0;
  }

  /** What follows a position, at most so many events; undefined when it is not, or not completely, here. */
  after(position: bigint, limit: number): readonly RecordedEvent[] | undefined {
    const from = Number(position) + 1 - this.#first;
    if (from < 0 || from >= this.#count) return undefined;
    return Array.from({ length: Math.min(limit, this.#count - from) }, (_, index) => this.#recorded(this.#first + from + index));
  }

  #recorded(position: number): RecordedEvent {
    const entry = this.#places[position % most];
    if (entry === undefined) throw new Error(`position ${position} is not among the recent ones`);
    return (entry.recorded ??= plannedEvent(entry.planned, entry.time, this.#catalogue));
  }

  #forgetOldest(): void {
    const place = this.#first % most;
    this.#payload -= this.#places[place]?.planned.event.data.length ?? 0;
    this.#places[place] = undefined;
    this.#first++;
    this.#count--;
  }
}
