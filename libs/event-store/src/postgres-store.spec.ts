import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EventDatabase, EventStore, RecordedEvent } from '@verbena/event-sourcing';
import { eventStoreContract } from '@verbena/event-sourcing/testing';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded/server.ts';
import { openEventStore, type EventStoreOptions } from './postgres-store.ts';

const log = pino({ level: 'silent' });
const metadata = { actor: 'ada', tenant: 'physics' };
let dataDir: string;
let server: EmbeddedPostgres;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-events-'));
  server = await startEmbeddedPostgres({ dataDir, log });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function query(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  await client.query(text);
  await client.end();
}

async function emptyStore(options: Partial<EventStoreOptions> = {}): Promise<EventDatabase> {
  await query('drop schema if exists verbena_read cascade; drop schema public cascade; create schema public');
  return openEventStore({ databaseUrl: server.databaseUrl, log, ...options });
}

eventStoreContract('The store on Postgres', async (catalogue) => {
  const store = await emptyStore({ batchSize: 4, catalogue });
  return { store, dispose: () => store.close() };
});

describe('the store on Postgres', () => {
  const stores: EventStore[] = [];
  const open = async (options?: Partial<EventStoreOptions>, empty = true): Promise<EventStore> => {
    const store = await (empty ? emptyStore(options) : openEventStore({ databaseUrl: server.databaseUrl, log, ...options }));
    stores.push(store);
    return store;
  };
  afterEach(async () => void (await Promise.all(stores.splice(0).map((store) => store.close()))));
  const append = (store: EventStore, stream: string, version: number | 'any', type = 'A') =>
    store.append([{ stream, expectedVersion: version, events: [{ type, data: { type } }] }], { metadata });

  /** Reads until it has seen so many events, checking the order as it goes. */
  async function tail(store: EventStore, count: number): Promise<RecordedEvent[]> {
    const stop = new AbortController();
    const seen: RecordedEvent[] = [];
    const versions = new Map<string, number>();
    for await (const batch of store.follow({ signal: stop.signal })) {
      for (const recorded of batch) {
        expect(recorded.position).toBe((seen.at(-1)?.position ?? 0n) + 1n);
        expect(recorded.version).toBe((versions.get(recorded.stream) ?? 0) + 1);
        versions.set(recorded.stream, recorded.version);
        seen.push(recorded);
      }
      if (seen.length >= count) stop.abort();
    }
    return seen;
  }

  it('shows a tailing reader every event of 16 writers in two processes’ stores, beside a transaction that stays open', async () => {
    const one = await open();
    const other = await open({}, false);
    const reader = await open({}, false);
    const side = new pg.Client({ connectionString: server.databaseUrl });
    await side.connect();
    await side.query('begin; create table side (n int); select * from events limit 1');
    const writers = 16;
    const each = 25;
    const seen = tail(reader, writers * each);
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        const store = writer % 2 === 0 ? one : other;
        for (let version = 0; version < each; version++) {
          expect(await append(store, `job-${writer}`, version)).toMatchObject({ ok: true });
          if (version % 5 === 0) await append(store, 'contended', 0);
        }
      }),
    );
    expect((await seen).length).toBeGreaterThanOrEqual(writers * each);
    expect(await reader.readStream('contended')).toHaveLength(1);
    await side.query('rollback');
    await side.end();
  });

  it('writes many appends in few transactions, and lets one of those for a version in a batch win', async () => {
    const store = await open();
    const appends = Array.from({ length: 600 }, (_, n) => append(store, `job-${n % 300}`, 0));
    const results = await Promise.all(appends);
    expect(results.filter(({ ok }) => ok)).toHaveLength(300);
    expect(await store.head()).toBe(300n);
  });

  it('keeps what is wrong with one append from those that share its batch', async () => {
    const store = await open();
    await query("alter table events add check (type <> 'Poison')");
    const good = append(store, 'job-1', 0);
    const bad = append(store, 'job-2', 0, 'Poison');
    await expect(bad).rejects.toThrow('violates check constraint');
    expect(await good).toMatchObject({ ok: true });
    expect(await append(store, 'job-1', 1)).toMatchObject({ ok: true });
  });

  it('gives a process that waits what another one appends, notified or not', async () => {
    const reader = await open({ pollMs: 50 });
    const writer = await open({}, false);
    const seen = tail(reader, 2);
    await append(writer, 'job-1', 0);
    await query("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'");
    await append(writer, 'job-1', 1);
    expect(await seen).toHaveLength(2);
  });

  it('loses nothing, and doubles nothing, when the server is killed while it writes', async () => {
    const store = await open({ retryMs: 60_000 });
    const count = 60;
    const seen = tail(store, count);
    const writing = (async () => {
      for (let version = 0; version < count; version++) {
        expect(await append(store, 'job-1', version)).toMatchObject({ ok: true, repeated: false });
        if (version === 20) process.kill(server.pid, 'SIGKILL');
      }
    })();
    await writing;
    expect((await seen).map(({ version }) => version)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(await store.readStream('job-1')).toHaveLength(count);
  }, 60_000);

  it('brings the schema up to date when several start at once, and finds what was there', async () => {
    await query('drop schema if exists verbena_read cascade; drop schema public cascade; create schema public');
    const [first] = await Promise.all(Array.from({ length: 6 }, () => open({}, false)));
    await append(first!, 'job-1', 0);
    const again = await Promise.all(Array.from({ length: 4 }, () => open({}, false)));
    for (const store of again) expect(await store.readStream('job-1')).toHaveLength(1);
  });

  it('leaves a database of a newer version alone', async () => {
    await open();
    await query("insert into kysely_migration (name, timestamp) values ('9999-future', '2100-01-01')");
    await expect(openEventStore({ databaseUrl: server.databaseUrl, log })).rejects.toThrow('made by a newer version');
  });

  it('says where it could not reach a server, without the password', async () => {
    const opening = openEventStore({ databaseUrl: 'postgresql://ada:hunter2@127.0.0.1:1/log', log, retryMs: 100 });
    const error = await opening.catch((failure: unknown) => failure as Error);
    expect(String(error)).toContain('cannot use Postgres at 127.0.0.1:1/log: connect ECONNREFUSED');
    expect(String(error)).not.toContain('hunter2');
    const wrong = server.databaseUrl.replace(/:[^:@/]+@/, ':wrong@');
    await expect(openEventStore({ databaseUrl: wrong, log })).rejects.toThrow('password authentication failed');
  });

  it('ends its followers and refuses appends once it is closed', async () => {
    const store = await open();
    const following = (async () => {
      for await (const _ of store.follow({ signal: new AbortController().signal }));
      return 'ended';
    })();
    await delay(20);
    await store.close();
    expect(await following).toBe('ended');
    await expect(append(store, 'job-1', 0)).rejects.toThrow('closed');
    await expect(store.head()).rejects.toThrow('closed');
  });
});
