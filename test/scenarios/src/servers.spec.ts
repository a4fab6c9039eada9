/** The event store on servers as one finds them outside: in containers where an engine runs, else from packages. */
import type { EventCatalogue, EventDatabase } from '@verbena/event-sourcing';
import { eventStoreContract } from '@verbena/event-sourcing/testing';
import { openEventStore } from '@verbena/event-store';
import { testServers, type TestServer } from '@verbena/framework';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const log = pino({ level: 'silent' });
const metadata = { actor: 'ada', tenant: 'physics' };
let postgres: TestServer;

beforeAll(async () => {
  const servers = await testServers();
  console.log(`test servers: ${servers.driver}`);
  postgres = await servers.postgres();
});
afterAll(() => postgres?.remove());

async function emptyStore(catalogue?: EventCatalogue): Promise<EventDatabase> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client
    .query('drop schema if exists verbena_read cascade; drop schema public cascade; create schema public')
    .finally(() => client.end());
  return openEventStore({ databaseUrl: postgres.url, log, ...(catalogue && { catalogue }) });
}

eventStoreContract('The store on a Postgres server of its own', async (catalogue) => {
  const store = await emptyStore(catalogue);
  return { store, dispose: () => store.close() };
});

describe('a Postgres server that is killed while events are appended', () => {
  it('loses nothing that was acknowledged, and the writers go on by themselves', async () => {
    const store = await emptyStore();
    const acknowledged = new Map<string, number>();
    const stop = new AbortController();
    const write = async (stream: string): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const commandId = `${stream}-${String(n)}`;
        const appended = await store
          .append([{ stream, expectedVersion: n, events: [{ type: 'Counted', data: { n } }] }], { metadata, commandId })
          .catch(() => undefined);
        // Not knowing whether it happened, the writer asks again in the same words.
        if (appended === undefined) n--;
        else if (appended.ok) acknowledged.set(stream, n + 1);
        else throw new Error(`${stream} was refused: ${appended.reason}`);
      }
    };
    const total = (): number => [...acknowledged.values()].reduce((sum, count) => sum + count, 0);
    const writers = Array.from({ length: 8 }, (_, index) => write(`job-${String(index)}`));
    try {
      await expect.poll(total).toBeGreaterThan(50);
      await postgres.kill();
      await postgres.start();
      const before = total();
      await expect.poll(total).toBeGreaterThan(before + 50);
    } finally {
      stop.abort();
      await Promise.all(writers);
    }
    for (const [stream, count] of acknowledged) {
      const events = await store.readStream(stream);
      expect(events.map(({ event }) => (event.data as { n: number }).n)).toEqual(events.map((_, index) => index));
      expect(events.length).toBeGreaterThanOrEqual(count);
    }
    await store.close();
  });
});
