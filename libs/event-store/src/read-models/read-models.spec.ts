import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entityOf, traceIdOf, type EntityModel, type EventDatabase, type KeptEntities, type RecordedEvent } from '@verbena/event-sourcing';
import { accounts, happens, readModelsContract, testModels } from '@verbena/event-sourcing/testing';
import fc from 'fast-check';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { pgTypes } from '../connection.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../embedded/server.ts';
import { openEventStore, type EventStoreOptions } from '../postgres-store.ts';
import { openReadModels } from './open.ts';

// Each of these makes tables anew many times, which takes a while where many share a disk.
vi.setConfig({ testTimeout: 180_000 });
const log = pino({ level: 'silent' });
let dataDir: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-read-models-'));
  server = await startEmbeddedPostgres({ dataDir, log });
  pool = new pg.Pool({ connectionString: server.databaseUrl, types: pgTypes });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
}, 60_000);
afterAll(async () => {
  await pool.end();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function emptyStore(options: Partial<EventStoreOptions> = {}): Promise<EventDatabase> {
  await pool.query('drop schema if exists verbena_read cascade; drop schema public cascade; create schema public');
  return openEventStore({ databaseUrl: server.databaseUrl, log, ...options });
}

readModelsContract('The store on Postgres', async () => {
  const store = await emptyStore();
  return { store, dispose: () => store.close() };
});

/** Wakes at once: what a test's models wait for has happened already. */
const awake = { beyond: (_position: bigint, _nudges: number, signal: AbortSignal) => pause(signal), nudges: 0 };
const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, 2);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });

const openModels = (models: readonly EntityModel[], more: { connect?: () => Promise<pg.PoolClient>; window?: number } = {}) =>
  openReadModels({ pool, models, catalogue: {}, wake: awake, database: 'here', log, ...more });

describe('read models on Postgres', () => {
  it('have each event once, wherever the one that catches up is cut off', async () => {
    const store = await emptyStore();
    for (let n = 0; n < 6; n++) await happens(store, `account-${n % 2}`, 'Paid', { amount: 1, owner: 'ada' });
    let statements = 0;
    for (let cut = 1; ; cut++) {
      await pool.query('drop schema if exists verbena_read cascade; delete from read_models');
      statements = 0;
      const models = await openModels(testModels, { window: 3, connect: () => cutting(() => ++statements === cut) });
      await models.reached(6n);
      const over = statements < cut;
      expect(await models.find('accounts', 'account-1')).toMatchObject({ version: 3, state: '{"kept":{"balance":3,"owner":"ada"}}' });
      for (const { name } of await models.status()) {
        const { liveHash, rebuiltHash } = await models.replay(name, { check: true });
        expect(rebuiltHash, `${name}, cut before statement ${cut}`).toBe(liveHash);
      }
      await models.stop();
      if (over) break;
    }
    expect(statements).toBeGreaterThan(10);
    await store.close();
  });

  it('have each event once when several processes keep them and others write', async () => {
    const stores = [await emptyStore(), ...(await Promise.all([openEventStore({ databaseUrl: server.databaseUrl, log })]))];
    const keepers = await Promise.all(Array.from({ length: 3 }, () => openModels(testModels, { window: 7 })));
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let n = 0; n < 20; n++) await happens(stores[writer % 2]!, `account-${writer}`, 'Paid');
      }),
    );
    for (const keeper of keepers) await keeper.reached(160n);
    const { rows } = await keepers[0]!.list('accounts', { limit: 100 });
    expect(rows.map(({ id, version, state }) => `${id} ${version} ${state}`).sort()).toEqual(
      Array.from({ length: 8 }, (_, writer) => `account-${writer} 20 {"kept":{"balance":20,"owner":""}}`),
    );
    await Promise.all(keepers.map((keeper) => keeper.stop()));
    await Promise.all(stores.map((store) => store.close()));
  });

  it('are rebuilt while others write and read, and miss nothing', async () => {
    const store = await emptyStore();
    const models = await store.readModels(testModels);
    let writing = true;
    const writer = (async () => {
      let last = 0n;
      for (let n = 0; writing; n++) last = await happens(store, `account-${n % 5}`, 'Paid');
      return last;
    })();
    for (let round = 0; round < 5; round++) {
      const { liveHash, rebuiltHash, swapped } = await models.replay('accounts');
      expect([rebuiltHash, swapped]).toEqual([liveHash, true]);
      expect((await models.replay('event_index')).swapped).toBe(true);
    }
    writing = false;
    const last = await writer;
    await models.reached(last);
    const { rows } = await models.list('accounts', { limit: 10 });
    expect(rows.reduce((sum, { version }) => sum + version, 0)).toBe(Number(last));
    const both = await Promise.allSettled([models.replay('accounts'), models.replay('accounts')]);
    for (const one of both) if (one.status === 'rejected') expect(String(one.reason)).toContain('under way already');
    await store.close();
  });

  it('that were damaged are told from rebuilt ones, which take their place', async () => {
    const store = await emptyStore();
    const models = await store.readModels(testModels);
    await models.reached(await happens(store, 'account-1', 'Paid'));
    await pool.query(`update verbena_read.accounts set status = 'stolen'`);
    const outcome = await models.replay('accounts');
    expect(outcome.rebuiltHash).not.toBe(outcome.liveHash);
    expect(await models.find('accounts', 'account-1')).toMatchObject({ status: 'open' });
    await store.close();
  });

  it('of which one cannot fold an event let the others go on, and say so', async () => {
    const store = await emptyStore();
    const models = await store.readModels(testModels);
    await happens(store, 'account-1', 'Poison');
    await happens(store, 'door-1', 'Opened');
    while ((await models.find('doors', 'door-1')) === undefined) await pause(AbortSignal.timeout(5_000));
    const status = await models.status();
    expect(status[0]).toMatchObject({ position: 0n, problem: expect.stringContaining('nobody can fold this') as string });
    expect(status[1]).toMatchObject({ position: 2n, problem: undefined });
    await store.close();
  });

  it('give those who fold the log a place to begin, all rows at one position, whoever writes meanwhile', async () => {
    const store = await emptyStore();
    expect(await store.kept(accounts)).toBeUndefined();
    const models = await openModels(testModels, { window: 7 });
    let written = 0;
    const write = async (): Promise<void> => {
      for (let n = 0; n < 60; n++)
        written = Number(await happens(store, `account-${n % 9}`, n % 20 === 19 ? 'Closed' : 'Paid', { amount: 1 }));
    };
    const writing = write();
    const balance = (kept: KeptEntities): number =>
      kept.rows.reduce((sum, row) => sum + entityOf(accounts, row).state.balance + (row.ended ? 1 : 0), 0);
    for (let position = 0n; position < 60n;) {
      const kept = await store.kept(accounts);
      if (kept === undefined) throw new Error('there are rows');
      // Each event adds one to a balance, or closes an account.
      expect(BigInt(balance(kept))).toBe(kept.position);
      position = kept.position;
    }
    await writing;
    expect(written).toBe(60);
    const kept = await store.kept(accounts);
    expect(kept?.rows.map(({ id }) => id)).toEqual(Array.from({ length: 9 }, (_, n) => `account-${n}`));
    expect(await store.kept({ ...accounts, version: 2 })).toBeUndefined();
    await models.stop();
  });

  it('are rebuilt when their definition is newer, and left alone when it is older', async () => {
    const store = await emptyStore();
    const before = await store.readModels(testModels);
    await before.reached(await happens(store, 'account-1', 'Paid'));
    await before.stop();
    const renamed: EntityModel = {
      ...accounts,
      version: 2,
      describe: () => ({ status: 'new', name: '', jobId: '', nodeId: '', ended: false }),
    } as EntityModel;
    const after = await openModels([renamed]);
    while ((await after.find('accounts', 'account-1'))?.status !== 'new') await pause(AbortSignal.timeout(5_000));
    await after.stop();
    const old = await openModels([accounts as EntityModel]);
    await happens(store, 'account-1', 'Paid');
    while ((await old.status())[0]?.problem === undefined) await pause(AbortSignal.timeout(5_000));
    expect((await old.find('accounts', 'account-1'))?.version).toBe(1);
    await old.stop();
    await store.close();
  });

  it('stop rather than pass over a hole in the log', async () => {
    const store = await emptyStore();
    for (let n = 0; n < 4; n++) await happens(store, 'account-1', 'Paid');
    await pool.query('delete from events where position = 2');
    const said: string[] = [];
    const warnings = pino({ level: 'warn' }, { write: (line: string) => void said.push(line) });
    const models = await openReadModels({ pool, models: testModels, catalogue: {}, wake: awake, database: 'here', log: warnings });
    while (said.length === 0) await pause(AbortSignal.timeout(5_000));
    expect(said[0]).toContain('no event at position 2');
    expect((await models.status())[0]?.position).toBe(0n);
    await models.stop();
    await store.close();
  });
});

describe('the index of events', () => {
  it('finds what looking through the whole log finds, as far as it has come and beyond', async () => {
    const store = await emptyStore();
    const trace = (digit: number): string => `00-${String(digit).repeat(32)}-b7ad6b7169203331-01`;
    const event = fc.record({
      stream: fc.constantFrom('job-1', 'vm-1', 'vm-2', 'node-1'),
      type: fc.constantFrom('A', 'B'),
      vmId: fc.option(fc.constantFrom('vm-1', 'vm-2'), { nil: undefined }),
      correlationId: fc.option(fc.constantFrom('job-1', 'job-2'), { nil: undefined }),
      digit: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
    });
    const filter = fc.record(
      {
        subject: fc.constantFrom('vm-1', 'vm-2', 'job-2', 'node-1'),
        correlationId: fc.constantFrom('job-1', 'job-2'),
        traceId: fc.constantFrom('1'.repeat(32), '2'.repeat(32)),
        types: fc.constantFrom(['A'], ['A', 'B'], []),
        stream: fc.constantFrom('vm-*', 'job-1'),
      },
      { requiredKeys: [] },
    );
    const log: RecordedEvent[] = [];
    let models = await store.readModels(testModels);
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 6 }),
        fc.boolean(),
        filter,
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (events, indexed, wanted, descending, limit) => {
          if (!indexed) await models.stop();
          for (const { stream, type, vmId, correlationId, digit } of events) {
            const metadata = {
              actor: 'ada',
              tenant: 'physics',
              ...(correlationId !== undefined && { correlationId }),
              ...(digit !== undefined && { traceparent: trace(digit) }),
            };
            const data = { ...(vmId !== undefined && { ranks: [{ vmId }] }), note: 'vm-1' };
            const result = await store.append([{ stream, expectedVersion: 'any', events: [{ type, data }] }], { metadata });
            if (result.ok) log.push(...result.events);
          }
          if (indexed) await models.reached(await store.head());
          const passing = log.filter(({ stream, event: { type, data }, metadata }) => {
            const vm = (data as { ranks?: { vmId: string }[] }).ranks?.[0]?.vmId;
            return (
              (wanted.subject === undefined || [stream, metadata.correlationId, vm].includes(wanted.subject)) &&
              (wanted.correlationId === undefined || metadata.correlationId === wanted.correlationId) &&
              (wanted.traceId === undefined || traceIdOf(metadata.traceparent) === wanted.traceId) &&
              (wanted.types === undefined || wanted.types.some((one) => one === type)) &&
              (wanted.stream === undefined || (wanted.stream === 'vm-*' ? stream.startsWith('vm-') : stream === wanted.stream))
            );
          });
          const expected = (descending ? passing.reverse() : passing).slice(0, limit);
          const found = await store.readAll({ filter: wanted, descending, limit });
          expect(found.map(({ position }) => position)).toEqual(expected.map(({ position }) => position));
          if (!indexed) models = await store.readModels(testModels);
        },
      ),
      { numRuns: 40 },
    );
    await store.close();
  });
});

/** A connection that breaks before the statement for which `cut` says so. */
async function cutting(cut: () => boolean): Promise<pg.PoolClient> {
  const client = await pool.connect();
  return new Proxy(client, {
    get(target, name) {
      if (name === 'query')
        return (...all: Parameters<typeof target.query>) => {
          if (cut()) throw Object.assign(new Error('the connection was cut'), { code: 'ECONNRESET' });
          return target.query(...all);
        };
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
