/** Brings the schema up to date when a service starts. Forward only. */
import { Migrator, type Kysely } from 'kysely';
import pg from 'pg';
import { migrations, type Tables } from './schema.ts';

/** "verbena" on a telephone's keys, and one more. */
const migrationLock = 83_723_621;

/**
 * Several services start at once, and the first of them finds an empty database, in which even the migrator's own tables have to be made: a lock of
 * the session, on a connection of its own, lets one work while the others wait.
 * @throws {Error} when the database was made by a newer version
 */
export async function migrate(db: Kysely<Tables>, databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000, application_name: 'verbena migration' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`select pg_advisory_lock(${migrationLock})`);
    const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
  } finally {
    // The lock goes with the session.
    await client.end().catch(() => undefined);
  }
}
