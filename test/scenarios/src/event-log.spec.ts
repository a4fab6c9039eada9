/**
 * The event log at its limits: 32 writers in four processes, transactions that stay open for the whole time, and readers that must see every
 * event once and in order. VERBENA_TEST_EVENTS says how many; a million where CI is set.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EntityModel, RecordedEvent } from '@verbena/event-sourcing';
import { openEventStore, startEmbeddedPostgres, type EmbeddedPostgres } from '@verbena/event-store';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const log = pino({ level: 'silent' });
const [processes, writers, streamsPerWriter] = [4, 8, 4];
const wanted = Number(process.env['VERBENA_TEST_EVENTS'] ?? (process.env['CI'] === 'true' ? 1_000_000 : 60_000));
const perStream = Math.ceil(wanted / (processes * writers * streamsPerWriter));
const total = perStream * processes * writers * streamsPerWriter;

/** Counts its events and adds up their numbers: whatever is missed, repeated or out of order shows. */
const counts: EntityModel<{ readonly count: number; readonly sum: number; readonly inOrder: boolean }> = {
  name: 'counts',
  version: 1,
  prefix: 'count-',
  initial: { count: 0, sum: 0, inOrder: true },
  evolve({ count, sum, inOrder }, { event, version }) {
    const { n } = event.data as { n: number };
    return { count: count + 1, sum: sum + n, inOrder: inOrder && n === count + 1 && version === n };
  },
  describe: () => ({ status: 'counting', name: '', jobId: '', nodeId: '', ended: false }),
  encode: (state) => state,
  decode: (kept) => kept as { count: number; sum: number; inOrder: boolean },
};

let dataDir: string;
let server: EmbeddedPostgres;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-event-log-'));
  server = await startEmbeddedPostgres({ dataDir, log });
});
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function writerProcess(name: string): Promise<void> {
  const script = fileURLToPath(new URL('event-log-writer.ts', import.meta.url));
  const args = ['--conditions=verbena-source', script, server.databaseUrl, name, String(writers), String(perStream * streamsPerWriter)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the writer ${name} ended with ${String(code)}`);
}

/** Transactions that hold on to a snapshot or to a number that was drawn, while everybody else goes on. */
async function openTransactions(): Promise<() => Promise<void>> {
  const clients = await Promise.all(
    ['repeatable read', 'read committed'].map(async (isolation) => {
      const client = new pg.Client({ connectionString: server.databaseUrl });
      await client.connect();
      await client.query(`begin isolation level ${isolation}`);
      await client.query(`create table side_${isolation.replace(' ', '_')} (n bigserial); select txid_current(), count(*) from events`);
      return client;
    }),
  );
  return async () => {
    for (const client of clients) {
      await client.query('rollback');
      await client.end();
    }
  };
}

describe(`${processes * writers} writers in ${processes} processes, beside transactions that stay open`, () => {
  it(`append ${total} events, of which readers and read models miss none and see none twice`, { timeout: 600_000 }, async () => {
    const open = () => openEventStore({ databaseUrl: server.databaseUrl, log, batchSize: 5_000 });
    const stores = await Promise.all([open(), open()]);
    const keepers = await Promise.all(stores.map((store) => store.readModels([counts as EntityModel])));
    const release = await openTransactions();
    const following = follow(stores[0]!);
    await Promise.all(Array.from({ length: processes }, (_, index) => writerProcess(`p${index}`)));
    expect(await stores[0]!.head()).toBe(BigInt(total));
    expect(await following).toBe(total);
    await Promise.all(keepers.map((keeper) => keeper.reached(BigInt(total))));
    const { rows } = await keepers[0]!.list('counts', { limit: 1_000 });
    const state = JSON.stringify({ count: perStream, inOrder: true, sum: (perStream * (perStream + 1)) / 2 });
    expect(rows).toHaveLength(processes * writers * streamsPerWriter);
    expect(rows.filter((row) => row.state !== state || row.version !== perStream)).toEqual([]);
    const { liveHash, rebuiltHash, events } = await keepers[1]!.replay('counts', { check: true });
    expect([rebuiltHash, events]).toEqual([liveHash, BigInt(total)]);
    await release();
    await Promise.all(stores.map((store) => store.close()));
  });
});

/** Reads to the end, checking that positions are dense and versions of each stream grow by one. */
async function follow(store: { follow(options: { signal: AbortSignal }): AsyncIterable<readonly RecordedEvent[]> }): Promise<number> {
  const stop = new AbortController();
  const versions = new Map<string, number>();
  let seen = 0;
  for await (const batch of store.follow({ signal: stop.signal })) {
    for (const { position, stream, version } of batch) {
      seen++;
      const before = versions.get(stream) ?? 0;
      if (position !== BigInt(seen) || version !== before + 1) {
        throw new Error(`event ${position} (${stream} ${version}) came as number ${seen}, after version ${before}`);
      }
      versions.set(stream, version);
    }
    if (seen >= total) stop.abort();
  }
  return seen;
}
