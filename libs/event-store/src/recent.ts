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
  /** At neighbouring positions, oldest first. */
  #entries: Entry[] = [];
  #payload = 0;

  constructor(catalogue: EventCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Events that were committed together, in order. */
  add(events: readonly PlannedEvent[], time: Date): void {
    const last = this.#entries.at(-1)?.planned.position;
    // Somebody else wrote in between.
    if (last !== undefined && events[0]?.position !== last + 1n) this.clear();
    for (const planned of events) {
      this.#entries.push({ planned, time, recorded: undefined });
      this.#payload += planned.event.data.length;
    }
    let over = 0;
    while (this.#entries.length - over > most || (this.#payload > mostPayload && over < this.#entries.length))
      this.#payload -= this.#entries[over++]?.planned.event.data.length ?? 0;
    if (over > 0) this.#entries = this.#entries.slice(over);
  }

  clear(): void {
    this.#entries = [];
    this.#payload = 0;
  }

  /** What follows a position, at most so many events; undefined when it is not, or not completely, here. */
  after(position: bigint, limit: number): readonly RecordedEvent[] | undefined {
    const [first] = this.#entries;
    if (first === undefined) return undefined;
    const from = Number(position + 1n - first.planned.position);
    if (from < 0 || from >= this.#entries.length) return undefined;
    return this.#entries
      .slice(from, from + limit)
      .map((entry) => (entry.recorded ??= plannedEvent(entry.planned, entry.time, this.#catalogue)));
  }
}
