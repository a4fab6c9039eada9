/**
 * The embedded Postgres server: a real one, from npm, in the data directory. It is started with us and stopped with us; one that was left behind
 * when we were killed is stopped at the next start, and one that dies under us is started again on the same port.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from 'pino';
import { reasonOf } from '../connection.ts';
import { clusterHome, reachableBinaries, serverAccount } from './account.ts';
import { postgresBinaries } from './binaries.ts';
import { ensureCluster, superuser, type Cluster } from './cluster.ts';
import { lockDirectory } from './lock.ts';
import { freePort, startPostmaster, stopLeftover, type Postmaster, type PostmasterOptions } from './postmaster.ts';

export interface EmbeddedPostgresOptions {
  /** Belongs to this server alone; made when it does not exist. */
  readonly dataDir: string;
  readonly log: Pick<Logger, 'info' | 'warn' | 'debug' | 'error'>;
  /** On the loopback interface; any free one when absent. */
  readonly port?: number;
}

export interface EmbeddedPostgres {
  readonly databaseUrl: string;
  /** The process id at the moment. */
  readonly pid: number;
  stop(): Promise<void>;
}

const databaseName = 'verbena';
const startAttempts = 5;

/** @throws {Error} when another process uses the directory, or the server cannot run; the message says why and what to do. */
export async function startEmbeddedPostgres({ dataDir, log, port }: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  await mkdir(dataDir, { recursive: true });
  const lock = await lockDirectory(dataDir);
  try {
    const account = await serverAccount();
    const home = await clusterHome(dataDir, account);
    if (home !== dataDir) log.debug({ home }, 'the embedded Postgres server’s files');
    const binaries = await reachableBinaries(await postgresBinaries(), account);
    const cluster = await ensureCluster(home, binaries, account);
    if (await stopLeftover(cluster.directory)) log.warn('stopped a Postgres server that an earlier process had left behind');
    const options = { binaries, directory: cluster.directory, logFile: join(home, 'postgres.log'), account, readyMs: 60_000 };
    const postmaster = await startOnFreePort(options, port);
    const server = new Server(options, postmaster, cluster, log);
    await createDatabase(server.urlOf('postgres'));
    return {
      databaseUrl: server.urlOf(databaseName),
      get pid() {
        return server.pid;
      },
      stop: () => server.stop().finally(() => lock.release()),
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Between our finding a free port and the server's taking it, somebody else may; and the children of a killed server need a moment to end. */
async function startOnFreePort(options: Omit<PostmasterOptions, 'port'>, port?: number): Promise<Postmaster> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startPostmaster({ ...options, port: port ?? (await freePort()) });
    } catch (error) {
      if (attempt === startAttempts || !/could not create any TCP\/IP sockets|still in use/.test(String(error))) throw error;
      await delay(200 * attempt);
    }
  }
}

class Server {
  readonly #options: Omit<PostmasterOptions, 'port'>;
  readonly #cluster: Cluster;
  readonly #log: EmbeddedPostgresOptions['log'];
  readonly #onExit: () => void;
  readonly #stop = new AbortController();
  readonly #port: number;
  readonly #supervising: Promise<void>;
  #postmaster: Postmaster;
  #stopped: Promise<void> | undefined;

  constructor(options: Omit<PostmasterOptions, 'port'>, postmaster: Postmaster, cluster: Cluster, log: EmbeddedPostgresOptions['log']) {
    this.#options = options;
    this.#postmaster = postmaster;
    this.#cluster = cluster;
    this.#log = log;
    this.#port = postmaster.port;
    // When the process ends without having stopped us, the server is at least asked to.
    this.#onExit = () => signalQuietly(this.#postmaster.pid);
    process.on('exit', this.#onExit);
    this.#supervising = this.#supervise();
  }

  get pid(): number {
    return this.#postmaster.pid;
  }

  urlOf(database: string): string {
    return `postgresql://${superuser}:${encodeURIComponent(this.#cluster.password)}@127.0.0.1:${this.#port}/${database}`;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    this.#stop.abort();
    await this.#postmaster.stop();
    await this.#supervising;
    process.off('exit', this.#onExit);
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stop;
    for (;;) {
      await this.#postmaster.ended;
      if (signal.aborted) return;
      this.#log.error('the embedded Postgres server ended unexpectedly; starting it again');
      for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
        try {
          this.#postmaster = await startPostmaster({ ...this.#options, port: this.#port });
          break;
        } catch (error) {
          // Its children may need a moment to notice that it is gone, and it does not start while one of them lives.
          this.#log.warn(`it does not start yet: ${reasonOf(error)}`);
        }
        await delay(wait, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
      }
      if (signal.aborted) await this.#postmaster.stop();
    }
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`create database ${databaseName}`);
  } finally {
    await client.end();
  }
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch {
    // It is gone already.
  }
}
