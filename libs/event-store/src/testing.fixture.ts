/** A Postgres server for the specs of one file, with a store on an empty database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AppendResult, EventDatabase, EventStore } from '@verbena/event-sourcing';
import pg from 'pg';
import { pino } from 'pino';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded/server.ts';
import { openEventStore, type EventStoreOptions } from './postgres-store.ts';

export const silent = pino({ level: 'silent' });
export const metadata = { actor: 'ada', tenant: 'physics' };

export class TestDatabase {
  readonly server: EmbeddedPostgres;
  readonly #dataDir: string;
  readonly #stores: EventStore[] = [];

  private constructor(server: EmbeddedPostgres, dataDir: string) {
    this.server = server;
    this.#dataDir = dataDir;
  }

  static async start(dataDir?: string): Promise<TestDatabase> {
    const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'verbena-store-')));
    return new TestDatabase(await startEmbeddedPostgres({ dataDir: directory, log: silent }), directory);
  }

  async query(text: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: this.server.databaseUrl });
    await client.connect();
    try {
      return (await client.query(text)).rows as unknown[];
    } finally {
      await client.end();
    }
  }

  async empty(): Promise<void> {
    await this.query('drop schema if exists verbena_read cascade; drop schema public cascade; create schema public');
  }

  async open(options: Partial<EventStoreOptions> = {}): Promise<EventDatabase> {
    const store = await openEventStore({ databaseUrl: this.server.databaseUrl, log: silent, ...options });
    this.#stores.push(store);
    return store;
  }

  async closeStores(): Promise<void> {
    await Promise.all(this.#stores.splice(0).map((store) => store.close()));
  }

  async stop(): Promise<void> {
    await this.closeStores();
    await this.server.stop();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}

/** Appends one event. */
export function append(
  store: EventStore,
  stream: string,
  version: number | 'any',
  more: { readonly data?: unknown; readonly commandId?: string } = {},
): Promise<AppendResult> {
  const { data = null, commandId } = more;
  const options = { metadata, ...(commandId !== undefined && { commandId }) };
  return store.append([{ stream, expectedVersion: version, events: [{ type: 'A', data }] }], options);
}
