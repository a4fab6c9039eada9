/**
 * The log of a cluster, looked at where it is kept. By the gateway a story would hear of a step when it is over: most steps of a job last a few
 * milliseconds, less than a notice takes on its way through the services, one of which is about to die.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventDatabase, RecordedEvent } from '@verbena/event-sourcing';
import { openEventStore } from '@verbena/event-store';
import { pino } from 'pino';

const lookEveryMs = 1;
/** Of Postgres that was killed, until it answers again. */
const awayMs = 60_000;

export class LogWatch {
  readonly #store: EventDatabase;

  private constructor(store: EventDatabase) {
    this.#store = store;
  }

  static async open(databaseUrl: string): Promise<LogWatch> {
    const log = pino({ level: 'silent' });
    return new LogWatch(await openEventStore({ databaseUrl, log, connections: 1, listen: false, retryMs: awayMs }));
  }

  /** The newest position. */
  head(): Promise<bigint> {
    return this.#store.head();
  }

  /** What was appended after one position, up to another. */
  async between(after: bigint, through: bigint): Promise<readonly RecordedEvent[]> {
    return (await this.#store.readAll({ after })).filter(({ position }) => position <= through);
  }

  /** Resolves when the log tells of it after a position, or after the time. */
  async sees(position: bigint, wanted: (event: RecordedEvent) => boolean, mostMs: number): Promise<void> {
    const end = performance.now() + mostMs;
    for (let last = position; performance.now() < end;) {
      const events = await this.#store.readAll({ after: last });
      if (events.some(wanted)) return;
      last = events.at(-1)?.position ?? last;
      await delay(lookEveryMs);
    }
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
