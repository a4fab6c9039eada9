/** The database goes away while events are appended: killed, stopped and started, out of space. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EventStoreError, type EventDatabase } from '@verbena/event-sourcing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { append, TestDatabase } from './testing.fixture.ts';

const run = promisify(execFile);

describe('a server that is killed and comes back, again and again, under load', () => {
  let database: TestDatabase;
  beforeAll(async () => void (database = await TestDatabase.start()), 60_000);
  beforeEach(() => database.empty());
  afterEach(() => database.closeStores());
  afterAll(() => database.stop());

  it('loses nothing that was acknowledged, doubles nothing, and tells the truth about the rest', async () => {
    // Impatient, so that callers see failures instead of having them repaired.
    const stores = await Promise.all([1, 2].map(() => database.open({ retryMs: 1 })));
    const acknowledged = new Set<string>();
    const surelyNot = new Set<string>();
    const failures = { unknown: 0, not: 0 };
    const stop = new AbortController();
    const write = async (store: EventDatabase, writer: number): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const commandId = `command-${writer}-${n}`;
        for (let done = false; !done;) {
          try {
            const result = await append(store, `job-${writer}`, 'any', { data: { commandId }, commandId });
            expect(result.ok).toBe(true);
            acknowledged.add(commandId);
            done = true;
          } catch (error) {
            if (!(error instanceof EventStoreError)) throw error;
            expect(error.problem).toBe('unavailable');
            failures[error.mayHaveCommitted ? 'unknown' : 'not']++;
            // Of those that surely failed, some are given up, so that the log can be asked.
            if (!error.mayHaveCommitted && n % 2 === 0) {
              surelyNot.add(commandId);
              done = true;
            }
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        }
      }
    };
    const writers = Array.from({ length: 16 }, (_, writer) => write(stores[writer % 2]!, writer));
    try {
      for (let kill = 0; kill < 4; kill++) {
        const before = acknowledged.size;
        await expect.poll(() => acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(before + 100);
        process.kill(database.server.pid, kill % 2 === 0 ? 'SIGKILL' : 'SIGINT');
      }
      await expect.poll(() => failures.not + failures.unknown, { timeout: 60_000 }).toBeGreaterThan(0);
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size, { timeout: 60_000 }).toBeGreaterThan(before + 50);
    } finally {
      stop.abort();
      await Promise.allSettled(writers);
    }
    await Promise.all(writers);
    const written = (await stores[0]!.readAll()).map(({ event }) => (event.data as { commandId: string }).commandId);
    expect(new Set(written).size).toBe(written.length);
    expect([...acknowledged].filter((id) => !written.includes(id))).toEqual([]);
    expect([...surelyNot].filter((id) => written.includes(id))).toEqual([]);
  }, 300_000);

  it('says that nothing was written when the server was never there, and refuses what it cannot hold', async () => {
    const store = await database.open({ retryMs: 1 });
    await database.query(`alter table events add check (type <> 'Poison')`);
    const poison = store.append([{ stream: 'job-1', expectedVersion: 0, events: [{ type: 'Poison', data: 1 }] }], {
      metadata: { actor: 'ada', tenant: 'physics' },
    });
    await expect(poison).rejects.toMatchObject({ problem: 'failed', mayHaveCommitted: false });
    const huge = Array.from({ length: 300 }, () =>
      append(store, 'job-2', 'any', { data: 'x'.repeat(1 << 20) }).catch((error: unknown) => error),
    );
    const refused = (await Promise.all(huge)).filter((result) => result instanceof EventStoreError);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused[0]).toMatchObject({ problem: 'overloaded', mayHaveCommitted: false });
  }, 60_000);
});

const megabytes = 200;
/** 200 kB that TOAST cannot make smaller. */
const incompressible = (): string => randomBytes(150_000).toString('base64');

/** A file system of its own, which can be filled to the last byte. */
async function smallDisk(): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-small-'));
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', directory]).then(
    () => true,
    () => false,
  );
  if (mounted) return directory;
  await rm(directory, { recursive: true, force: true });
  return undefined;
}

const disk = await smallDisk();

/** Mounting a file system takes root. */
describe.skipIf(disk === undefined)('a server whose disk is full', () => {
  const directory = disk ?? '';
  let database: TestDatabase;
  beforeAll(async () => void (database = await TestDatabase.start(join(directory, 'data'))), 60_000);
  afterAll(async () => {
    await database.stop().catch(() => undefined);
    await run('umount', ['-l', directory]).catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  });

  it.each([
    ['all but a little', 1 << 20],
    ['to the last byte', 0],
  ])(
    '%s says so and what to do, and appends go on by themselves when there is space again',
    async (_name, left) => {
      const said: string[] = [];
      const log = { debug: () => undefined, info: (text: string) => void said.push(text), warn: (text: string) => void said.push(text) };
      const store = await database.open({ retryMs: 500, log });
      const filler = join(directory, 'filler');
      const acknowledged: number[] = [];
      const problems = new Set<string>();
      const write = async (n: number): Promise<boolean> => {
        try {
          await append(store, 'job-full', 'any', { data: { n, filling: incompressible() }, commandId: `full-${left}-${n}` });
          acknowledged.push(n);
          return true;
        } catch (error) {
          if (!(error instanceof EventStoreError)) throw error;
          problems.add(error.problem);
          if (error.problem === 'no-space') expect(error.message).toMatch(/its disk is full .*Free space there/);
          return false;
        }
      };
      expect(await write(0)).toBe(true);
      const { bavail, bsize } = await statfs(directory);
      await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - left)));
      let n = 1;
      while (n < 300 && !problems.has('no-space')) if (await write(n)) n++;
      expect([...problems]).toContain('no-space');
      expect([...problems].filter((problem) => problem !== 'no-space' && problem !== 'unavailable')).toEqual([]);
      await rm(filler);
      // The same command again: whatever became of it before, it is written once.
      await expect.poll(() => write(n), { timeout: 60_000, interval: 50 }).toBe(true);
      // Its log says so, once each time that it begins, and that it is over.
      const full = said.flatMap((text) =>
        /its disk is full .*Free space there/.test(text) ? [true] : /appended to again$/.test(text) ? [false] : [],
      );
      expect(full).toContain(true);
      expect(full.at(-1)).toBe(false);
      expect(full.filter((now, index) => now && full[index - 1] === true)).toEqual([]);
      const written = (await store.readStream('job-full')).map(({ event }) => (event.data as { n: number }).n).slice(-acknowledged.length);
      expect(written).toEqual([...new Set(acknowledged)]);
      await database.closeStores();
      await database.empty();
      await database.query('checkpoint');
    },
    120_000,
  );
});
