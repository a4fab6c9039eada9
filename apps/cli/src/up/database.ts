/** The event log: on the server that DATABASE_URL names, or on an embedded one in the data directory. */
import { join } from 'node:path';
import type { EventDatabase } from '@verbena/event-sourcing';
import type { Composition } from './cluster.ts';

export async function startDatabase({ options, log, shutdown, bus, tracer, metrics }: Composition): Promise<EventDatabase> {
  const [{ commitWatch, openEventStore, poolMetrics, startEmbeddedPostgres }, { eventNotices }] = await Promise.all([
    import('@verbena/event-store'),
    import('@verbena/messaging'),
  ]);
  let databaseUrl = options.databaseUrl;
  if (databaseUrl === undefined) {
    options.onStep?.('Postgres');
    const postgres = await startEmbeddedPostgres({ dataDir: join(options.dataDir, 'postgres'), log });
    shutdown.add('postgres', () => postgres.stop(), 20_000);
    databaseUrl = postgres.databaseUrl;
  }
  options.onStep?.('the event log');
  const store = await openEventStore({
    databaseUrl,
    log,
    watch: commitWatch({ tracer, metrics }),
    onPool: poolMetrics(metrics),
    notices: eventNotices(bus),
  });
  shutdown.add('event store', () => store.close());
  return store;
}
