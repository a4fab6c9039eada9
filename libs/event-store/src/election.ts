/**
 * Leaders by an advisory lock of Postgres (documentation, section 13.3.5) on a session of its own: it goes with the session, so a leader that is
 * killed is succeeded at once, and one whose host is gone when the server's keepalives say so. What the lock cannot prevent, the term in the log does.
 */
import { createHash } from 'node:crypto';
import { beginTerm, leadership, type EventStore, type LeaderElection, type Leadership } from '@verbena/event-sourcing';
import pg from 'pg';
import { reasonOf } from './connection.ts';

/** Of the server towards us: a host that has vanished is noticed within some 10 s. */
const keepalives = `set tcp_keepalives_idle = 4; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; set statement_timeout = 0`;
const connectMs = 5_000;
/** How often a leader looks whether its session is still there, and how long it may take. */
const checkEveryMs = 2_000;
const checkMs = 5_000;

export function createPostgresElection({ databaseUrl, store }: { databaseUrl: string; store: EventStore }): LeaderElection {
  return {
    async campaign(role, candidate, signal, standsBy) {
      signal.throwIfAborted();
      const client = new pg.Client({
        connectionString: databaseUrl,
        application_name: `verbena ${role} lead`,
        connectionTimeoutMillis: connectMs,
        keepAlive: true,
      });
      const broken = Promise.withResolvers<never>();
      broken.promise.catch(() => undefined);
      client.on('error', (error) => broken.reject(error));
      client.on('end', () => broken.reject(new Error('the session that holds the lock has ended')));
      const abort = (): void => broken.reject(signal.reason as Error);
      signal.addEventListener('abort', abort, { once: true });
      try {
        await Promise.race([client.connect(), broken.promise]);
        await Promise.race([client.query(keepalives), broken.promise]);
        await Promise.race([acquire(client, role, standsBy), broken.promise]);
        const term = await Promise.race([beginTerm(store, role, candidate), broken.promise]);
        return held(client, term, broken.promise);
      } catch (error) {
        client.end().catch(() => undefined);
        throw error;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}

async function acquire(client: pg.Client, role: string, standsBy: (() => void) | undefined): Promise<void> {
  const key = createHash('sha256').update(`verbena leader ${role}`).digest().readBigInt64LE(0).toString();
  const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1) as got', [key]);
  if (rows[0]?.got === true) return;
  standsBy?.();
  await client.query('select pg_advisory_lock($1)', [key]);
}

function held(client: pg.Client, term: number, broken: Promise<never>): Leadership {
  const lead = leadership(term, async () => {
    clearInterval(timer);
    await client.end().catch(() => undefined);
  });
  const lose = (error: unknown): void => {
    clearInterval(timer);
    lead.depose(`the lock is lost: ${reasonOf(error)}`);
    client.end().catch(() => undefined);
  };
  const timer = setInterval(() => {
    const late = setTimeout(() => lose(new Error(`Postgres does not answer within ${checkMs} ms`)), checkMs);
    client
      .query('select 1')
      .catch(lose)
      .finally(() => clearTimeout(late));
  }, checkEveryMs);
  timer.unref();
  broken.catch(lose);
  return lead;
}
