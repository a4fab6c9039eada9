/** Servers from packages: Postgres from npm, as the embedded default runs it, and the nats-server of the system. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, startEmbeddedPostgres, sweepEmbeddedPostgres, type EmbeddedPostgres } from '@verbena/event-store';
import { pino } from 'pino';
import { natsAnswers, postgresAnswers } from './answers.ts';
import type { TestServer, TestServers } from './test-servers.ts';

export function packagedServers(natsServer: string): TestServers {
  return { driver: 'packages', postgres: startPostgres, nats: () => startNats(natsServer) };
}

async function startPostgres(): Promise<TestServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'verbena-test-postgres-'));
  const port = await freePort();
  const launch = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir, port, log: pino({ level: 'silent' }) });
  let server: EmbeddedPostgres | undefined = await launch();
  let url = server.databaseUrl;
  const end = async (): Promise<void> => {
    const running = server;
    server = undefined;
    await running?.stop();
  };
  return {
    get url() {
      return url;
    },
    kill: async () => {
      const running = server;
      server = undefined;
      if (running === undefined) return;
      // Its supervisor must not start it again: it stops what is gone already.
      process.kill(running.pid, 'SIGKILL');
      await running.stop();
    },
    start: async () => {
      server = await launch();
      await postgresAnswers(url);
    },
    wipe: async () => {
      await end();
      await rm(dataDir, { recursive: true, force: true });
      server = await launch();
      url = server.databaseUrl;
    },
    remove: async () => {
      await end();
      await rm(dataDir, { recursive: true, force: true });
      await sweepEmbeddedPostgres();
    },
  };
}

async function startNats(program: string): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-test-nats-'));
  const port = await freePort();
  const url = `nats://127.0.0.1:${String(port)}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(program, ['--addr', '127.0.0.1', '--port', String(port), '--store_dir', directory], { cwd: '/', stdio: 'ignore' });
    await natsAnswers(url);
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    url,
    kill,
    start,
    wipe: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
      await start();
    },
    remove: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
