import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppendSession } from './append-session.ts';
import { isWrongGuess } from './append-failure.ts';
import { Pipeline } from './pipeline.ts';
import { appendLock } from './schema.ts';
import { append, TestDatabase } from './testing.fixture.ts';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => void (database = await TestDatabase.start()), 60_000);
beforeEach(async () => {
  await database.empty();
  await append(await database.open(), 'job-1', 0);
  pool = new pg.Pool({ connectionString: database.server.databaseUrl, max: 2 });
});
afterEach(async () => {
  await pool.end();
  await database.closeStores();
});
afterAll(() => database.stop());

const insert = (position: number): string =>
  `insert into events (position, id, stream, version, type, data, time, actor, tenant)
   values (${position}, gen_random_uuid(), 'job-1', ${position}, 'A', '1', now(), 'ada', 'physics'); commit`;
const statements = (head: bigint, next?: bigint) => ({ head, text: insert(Number(head) + 1), rows: undefined, begin: true, next });
const positions = async (): Promise<unknown> =>
  (await database.query('select array_agg(position order by position)::int[] as all from events'))[0];
const lockIsFree = async (): Promise<unknown> => (await database.query(`select pg_try_advisory_xact_lock(${appendLock}) as free`))[0];

describe('the connection of a writer with much to write', () => {
  it('begins the next transaction behind a commit, and gives the lock back when nothing comes of it', async () => {
    const session = await AppendSession.open(pool);
    await session.commit(statements(1n, 2n));
    // Its answer comes after that of the transaction that was begun ahead.
    await session.commit(statements(2n, 3n));
    expect(await positions()).toEqual({ all: [1, 2, 3] });
    await expect.poll(lockIsFree).toEqual({ free: false });
    await session.abandon();
    expect(await lockIsFree()).toEqual({ free: true });
    await session.commit(statements(3n));
    expect(await positions()).toEqual({ all: [1, 2, 3, 4] });
    session.release();
  });

  it('writes nothing on a wrong belief, whoever held it, and goes on when that is cleared up', async () => {
    const session = await AppendSession.open(pool);
    await expect(session.commit(statements(7n, 8n))).rejects.toSatisfy(isWrongGuess);
    await session.rollback();
    // The one begun ahead is wrong.
    await session.commit(statements(1n, 9n));
    await expect(session.commit(statements(9n, 10n))).rejects.toSatisfy(isWrongGuess);
    await session.rollback();
    expect(await lockIsFree()).toEqual({ free: true });
    await session.commit(statements(2n));
    expect(await positions()).toEqual({ all: [1, 2, 3] });
    session.release();
  });

  it('does not keep other writers waiting after the last of many appends', async () => {
    const [one, other] = [await database.open(), await database.open()];
    for (let version = 1; version <= 12; version++) await append(one, 'job-1', version);
    for (let version = 0; version < 3; version++) expect(await append(other, 'job-2', version)).toMatchObject({ ok: true });
    for (let version = 13; version <= 24; version++) expect(await append(one, 'job-1', version)).toMatchObject({ ok: true });
    expect((await one.readAll()).map(({ position }) => Number(position))).toEqual(Array.from({ length: 28 }, (_, index) => index + 1));
  });
});

describe('query strings that are sent behind one another', () => {
  it('are answered each for itself, also when one of them fails', async () => {
    const client = await pool.connect();
    const pipeline = new Pipeline(client);
    const rows: string[] = [];
    const answers = await Promise.allSettled([
      pipeline.send('begin; select 1'),
      pipeline.send('select 1 / 0; select 2'),
      pipeline.send('rollback'),
      pipeline.send('copy (values (1), (2)) to stdout', { onData: (chunk) => rows.push(chunk.toString()) }),
    ]);
    expect(answers).toEqual([
      { status: 'fulfilled', value: ['BEGIN', 'SELECT 1'] },
      { status: 'rejected', reason: expect.objectContaining({ code: '22012' }) as unknown },
      { status: 'fulfilled', value: ['ROLLBACK'] },
      { status: 'fulfilled', value: ['COPY 2'] },
    ]);
    expect(rows.join('')).toBe('1\n2\n');
    expect(await pipeline.send('select 3')).toEqual(['SELECT 1']);
    expect((await client.query<{ four: number }>('select 4 as four')).rows).toEqual([{ four: 4 }]);
    client.release();
  });

  it('all fail when the connection does', async () => {
    const client = await pool.connect();
    client.on('error', () => undefined);
    const pipeline = new Pipeline(client);
    const answers = await Promise.allSettled([
      pipeline.send('select pg_terminate_backend(pg_backend_pid())'),
      pipeline.send('select 1'),
      pipeline.send('select 2'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    client.release(new Error('it is gone'));
  });
});
