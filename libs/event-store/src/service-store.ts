/** The event log of a service process: waited for at the start, a condition of its readiness, closed after the service has drained. */
import type { EventDatabase } from '@verbena/event-sourcing';
import { eventNotices, type Bus } from '@verbena/messaging';
import type { Tracer } from '@opentelemetry/api';
import type { Metrics } from '@verbena/service-kit';
import { commitWatch, poolMetrics, tracedStore } from './commit-watch.ts';
import { describeDatabase, reasonOf } from './connection.ts';
import { openEventStore, type EventStoreOptions } from './postgres-store.ts';

/** The part of a service process that the store needs; `ServiceProcess` of the service kit is one. */
export interface StoreHost {
  readonly tracer: Tracer;
  readonly metrics: Metrics;
  readonly log: EventStoreOptions['log'];
  /** Where processes tell each other of new positions. */
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>;
  waitFor<T>(what: string, attempt: () => Promise<T>): Promise<T>;
  readyWhen(name: string, check: () => Promise<string | undefined>): void;
  onStop(name: string, stop: () => Promise<void>): void;
}

/** An attempt that fails is repeated by the host, which also says why it waits: so one must not take long. Milliseconds. */
const attemptMs = 2_000;

/** @returns the store when the server is there and its schema is ours; rejects only when the process is told to stop. */
export async function openServiceStore(host: StoreHost, databaseUrl: string): Promise<EventDatabase> {
  const { log, bus } = host;
  const what = `Postgres at ${describeDatabase(databaseUrl)}`;
  const store = await host.waitFor(what, async () => {
    const probe = await openEventStore({ databaseUrl, log, retryMs: attemptMs });
    await probe.close();
    // Now that it is there, calls outlive its restarts for as long as the default says.
    return openEventStore({ databaseUrl, log, watch: commitWatch(host), onPool: poolMetrics(host.metrics), notices: eventNotices(bus) });
  });
  host.onStop('event store', () => store.close());
  host.readyWhen(what, async () => {
    try {
      await store.head();
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  });
  return tracedStore(store, host.tracer);
}
