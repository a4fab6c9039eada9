import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clusterHome } from './account.ts';
import { lockDirectory } from './lock.ts';
import { isGone } from './processes.ts';
import { startEmbeddedPostgres } from './server.ts';

const log = pino({ level: 'silent' });
let dataDir: string;
beforeEach(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'verbena-embedded-'))));
afterEach(() => rm(dataDir, { recursive: true, force: true }));

async function query(databaseUrl: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Another process that starts a server in the directory and stays until it is killed. */
async function otherProcess(): Promise<{ child: ChildProcess; databaseUrl: string; serverPid: number }> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./server.ts', import.meta.url).href)};
    const log = { info() {}, warn() {}, debug() {}, error() {} };
    const server = await startEmbeddedPostgres({ dataDir: process.argv[1], log });
    console.log(JSON.stringify({ databaseUrl: server.databaseUrl, serverPid: server.pid }));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--conditions=verbena-source', '--input-type=module', '-e', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return { child, ...(JSON.parse(line) as { databaseUrl: string; serverPid: number }) };
}

describe('the embedded Postgres server', () => {
  it('keeps its data from one start to the next, its password to itself, and comes back on the same port when it dies', async () => {
    const first = await startEmbeddedPostgres({ dataDir, log });
    expect(first.databaseUrl).toMatch(/^postgresql:\/\/verbena:[^@]{32}@127\.0\.0\.1:\d+\/verbena$/);
    await query(first.databaseUrl, 'create table t (n int); insert into t values (7)');
    await first.stop();
    await first.stop();
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
    const second = await startEmbeddedPostgres({ dataDir, log });
    expect(await query(second.databaseUrl, 'select n from t')).toEqual([{ n: 7 }]);
    expect(await isGone(first.pid, 0)).toBe(true);
    process.kill(second.pid, 'SIGKILL');
    let rows: unknown[] | undefined;
    while (rows === undefined) rows = await query(second.databaseUrl, 'select n from t').catch(() => undefined);
    expect(rows).toEqual([{ n: 7 }]);
    await second.stop();
  });

  it('belongs to one process; when that is killed, the server ends, and the next finds everything', async () => {
    const { child, databaseUrl, serverPid } = await otherProcess();
    await query(databaseUrl, 'create table t (n int); insert into t values (7)');
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(`is in use by process ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const next = await startEmbeddedPostgres({ dataDir, log });
    expect(await query(next.databaseUrl, 'select n from t')).toEqual([{ n: 7 }]);
    expect(await isGone(serverPid, 0)).toBe(true);
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow('is in use by this process');
    await next.stop();
  });

  it('makes a cluster again when making the first was interrupted, and says what the server says when it cannot start', async () => {
    await mkdir(join(dataDir, 'cluster.new'));
    await writeFile(join(dataDir, 'cluster.new', 'half'), '');
    const server = await startEmbeddedPostgres({ dataDir, log });
    await server.stop();
    await rm(join(dataDir, 'cluster', 'global', 'pg_control'));
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow(/Postgres did not start in .*: .*pg_control/s);
    await expect(startEmbeddedPostgres({ dataDir, log })).rejects.toThrow('Postgres did not start');
  });
});

describe.skipIf(process.getuid?.() !== 0)('the embedded Postgres server of root', () => {
  it('runs although the data directory is closed to others', async () => {
    const closed = await mkdtemp(join(homedir(), 'verbena-closed-'));
    await chmod(closed, 0o700);
    const server = await startEmbeddedPostgres({ dataDir: join(closed, 'data'), log });
    expect(await query(server.databaseUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    await server.stop();
    const home = await clusterHome(join(closed, 'data'), { uid: 65534, gid: 65534 });
    expect(home).toMatch('/var/lib/verbena/cluster-');
    for (const path of [home, closed]) await rm(path, { recursive: true });
  });
});

describe('the lock of a directory', () => {
  const path = (): string => join(dataDir, 'verbena.lock');

  it('is taken over from the dead, from strangers with the same pid, and from those who died writing it', async () => {
    for (const left of ['', '{"pid":', '{"pid":4194304}', `{"pid":${process.pid},"started":"long ago"}`]) {
      await writeFile(path(), left);
      const lock = await lockDirectory(dataDir);
      expect(JSON.parse(await readFile(path(), 'utf8'))).toMatchObject({ pid: process.pid });
      await lock.release();
      await expect(stat(path())).rejects.toThrow('ENOENT');
    }
  });

  it('goes to one of many who want it at once', async () => {
    await writeFile(path(), '{"pid":4194304}');
    const wanted = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(dataDir)));
    expect(wanted.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
