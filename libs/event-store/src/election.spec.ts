import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { electionContract } from '@verbena/event-sourcing/testing';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { createPostgresElection } from './election.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded/server.ts';
import { openEventStore } from './postgres-store.ts';

const log = pino({ level: 'silent' });
let dataDir: string;
let server: EmbeddedPostgres;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'verbena-election-'));
  server = await startEmbeddedPostgres({ dataDir, log });
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

electionContract('An election on Postgres', async () => {
  const { databaseUrl } = server;
  const store = await openEventStore({ databaseUrl, log });
  const election = createPostgresElection({ databaseUrl, store });
  return {
    store,
    candidates: [election, election],
    // The server ends the session of whoever holds a lock, as when its process dies.
    async crash() {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      await client.query(`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objsubid = 1
        and pid in (select pid from pg_stat_activity where application_name like 'verbena % lead')`);
      await client.end();
    },
    dispose: () => store.close(),
  };
});
