/**
 * The event log beside Postgres' own tools, on one server: durable appends beside pgbench with one insert a transaction, and replay into a read
 * model beside psql reading the same rows through a cursor.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EventDatabase, ReadModels } from '@verbena/event-sourcing';
import { openEventStore, startEmbeddedPostgres, type EmbeddedPostgres } from '@verbena/event-store';
import { jobs } from '@verbena/history';
import { pino } from 'pino';
import type { Figure } from './figure.ts';

const run = promisify(execFile);
const log = pino({ level: 'silent' });
const missing = 'pgbench and psql are not installed (Debian: apt-get install postgresql)';
const seconds = 4;
const writers = 32;
const replayedJobs = 25_000;
const eventsPerJob = 8;
const metadata = { actor: 'ada', tenant: 'physics', correlationId: 'job-7k2m9q', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
const payload = { jobId: 'job-7k2m9q', reason: 'what happened', at: 1_763_712_000_000 };

export interface EventLogBench {
  readonly figures: readonly Figure[];
  close(): Promise<void>;
}

export async function eventLogBench(): Promise<EventLogBench> {
  const [pgbench, psql] = await Promise.all(['pgbench', 'psql'].map(installed));
  let started: Promise<Bench> | undefined;
  const bench = (): Promise<Bench> => (started ??= Bench.start());
  const appends = (inFlight: number, name: string, floor: number, aim: number): Figure => ({
    name,
    unit: '/s',
    ours: { name: 'verbena', measure: async () => (await bench()).appends(inFlight) },
    peer: { name: 'pgbench', measure: pgbench === undefined ? undefined : async () => (await bench()).pgbench(pgbench), missing },
    smallerIsBetter: false,
    floor,
    aim,
    rounds: 3,
  });
  return {
    figures: [
      appends(1, `durable appends, ${writers} writers, each waits for its own`, 2, 20),
      appends(64, `durable appends, ${writers} writers, 64 on the way each`, 2, 20),
      {
        name: 'replay into the read model of jobs, psql cursor',
        unit: '/s',
        ours: { name: 'verbena', measure: async () => (await bench()).replay() },
        peer: { name: 'psql', measure: psql === undefined ? undefined : async () => (await bench()).cursor(psql), missing },
        smallerIsBetter: false,
        floor: 0.3,
        aim: 1,
        rounds: 3,
      },
    ],
    close: async () => (await started)?.close(),
  };
}

/** A program of Postgres: in the path, or where Debian puts those that are not. */
async function installed(name: string): Promise<string | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const places = [
    ...(process.env['PATH'] ?? '').split(':'),
    ...versions
      .sort()
      .reverse()
      .map((version) => `/usr/lib/postgresql/${version}/bin`),
  ];
  for (const place of places) {
    const path = join(place, name);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

class Bench {
  readonly #server: EmbeddedPostgres;
  readonly #store: EventDatabase;
  readonly #dir: string;
  #models: ReadModels | undefined;
  #round = 0;

  private constructor(server: EmbeddedPostgres, store: EventDatabase, dir: string) {
    this.#server = server;
    this.#store = store;
    this.#dir = dir;
  }

  static async start(): Promise<Bench> {
    const dir = await mkdtemp(join(tmpdir(), 'verbena-bench-log-'));
    const server = await startEmbeddedPostgres({ dataDir: join(dir, 'data'), log });
    return new Bench(server, await openEventStore({ databaseUrl: server.databaseUrl, log }), dir);
  }

  /** Appends of one event, each durable when it is counted. */
  async appends(inFlight: number): Promise<number> {
    const round = this.#round++;
    const begun = performance.now();
    const end = begun + seconds * 1_000;
    let done = 0;
    const write = async (stream: string): Promise<void> => {
      for (let version = 0; performance.now() < end; version++) {
        const events = [{ type: 'JobWaiting', data: payload }];
        const result = await this.#store.append([{ stream, expectedVersion: version, events }], { metadata });
        if (!result.ok) throw new Error(result.reason);
        done++;
      }
    };
    await Promise.all(Array.from({ length: writers * inFlight }, (_, index) => write(`bench-${round}-${index}`)));
    return done / ((performance.now() - begun) / 1_000);
  }

  /** The same row into a table with the same indexes, by as many clients. */
  async pgbench(program: string): Promise<number> {
    await this.#query(program, 'create table if not exists peer_events (like events including all)');
    await this.#query(program, 'create sequence if not exists peer_positions; truncate peer_events');
    const script = join(this.#dir, 'insert.sql');
    await writeFile(
      script,
      `insert into peer_events (position, id, stream, version, type, data, time, actor, tenant, correlation_id, trace_id, traceparent)
       values (nextval('peer_positions'), gen_random_uuid(), 'bench-' || :client_id, currval('peer_positions'), 'JobWaiting', '${JSON.stringify(payload)}',
         now(), '${metadata.actor}', '${metadata.tenant}', '${metadata.correlationId}', '${'a'.repeat(32)}', '${metadata.traceparent}')`.replaceAll(
        '\n',
        ' ',
      ),
    );
    const flags = ['-n', '-f', script, '-c', String(writers), '-j', '2', '-T', String(seconds), '-M', 'prepared', this.#server.databaseUrl];
    const { stdout } = await run(program, flags, { timeout: 60_000 });
    return Number(/tps = ([0-9.]+)/.exec(stdout)?.[1]);
  }

  /** Events a second, from the beginning of the log to tables that are compared and swapped in. */
  async replay(): Promise<number> {
    const models = await this.#filled();
    const begun = performance.now();
    const { liveHash, rebuiltHash, events } = await models.replay('jobs');
    if (liveHash !== rebuiltHash) throw new Error('the rebuilt model differs from the live one');
    return Number(events) / ((performance.now() - begun) / 1_000);
  }

  /** Rows a second that psql fetches through a cursor and writes, unaligned, to somebody who counts the lines. */
  async cursor(program: string): Promise<number> {
    await this.#filled();
    const query = "select * from events where stream ^@ 'job-' order by position";
    const begun = performance.now();
    const { stdout } = await run('/bin/sh', [
      '-c',
      '"$0" -qAtX -v FETCH_COUNT=1000 -c "$1" "$2" | wc -l',
      program,
      query,
      this.#server.databaseUrl,
    ]);
    const rows = Number(stdout.trim());
    if (rows !== replayedJobs * eventsPerJob) throw new Error(`psql counted ${rows} rows`);
    return rows / ((performance.now() - begun) / 1_000);
  }

  async close(): Promise<void> {
    await this.#store.close();
    await this.#server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }

  #query(program: string, text: string): Promise<unknown> {
    return run(program.replace(/pgbench$/, 'psql'), ['-qX', '-c', text, this.#server.databaseUrl]);
  }

  /** A log of jobs, and their read model caught up with it. */
  async #filled(): Promise<ReadModels> {
    if (this.#models !== undefined) return this.#models;
    for (let job = 0; job < replayedJobs; job += 500) {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) =>
          this.#store.append([{ stream: `job-b${job + index}`, expectedVersion: 0, events: story(`job-b${job + index}`) }], { metadata }),
        ),
      );
    }
    const models = await this.#store.readModels([jobs]);
    await models.reached(await this.#store.head());
    this.#models = models;
    return models;
  }
}

/** A job of one rank from its submission to its end. */
function story(jobId: string): { type: string; data: object }[] {
  const at = 1_763_712_000_000;
  const vmId = jobId.replace('job', 'vm');
  const requirements = { os: 'verbena', abiVersion: '1', libraries: { mpi: '3.1' }, labels: {} };
  const sizes = { processes: 1, vms: 1, vcpusPerVm: 1, memoryBytes: 1 << 26, walltimeMs: 0, outputLimitBytes: 1 << 20, priority: 0 };
  const spec = {
    name: 'noop',
    image: 'noop:1',
    requirements,
    ...sizes,
    args: [],
    env: {},
    stdin: '',
    placementPolicy: 'spread',
    inputFiles: [],
  };
  const counters = {
    bytesSent: 0,
    messagesSent: 0,
    vmmOperations: 12,
    dataPathVmmOperations: 0,
    cpuSeconds: 0.1,
    memoryBytesUsed: 1 << 20,
    outputFiles: 0,
  };
  const assignments = [{ rank: 0, vmId, nodeId: 'node-0', nodeName: 'host-0', reused: false }];
  return [
    { type: 'JobSubmitted', data: { jobId, spec, actor: 'ada', tenant: 'physics', traceparent: metadata.traceparent, at } },
    { type: 'JobMatched', data: { imageDigest: 'sha256:0', imageName: 'noop', imageVersion: 1, imageBytes: 1, memoryBytes: 1 << 26, at } },
    { type: 'JobPlaced', data: { policy: 'spread', cost: 1, assignments, evicted: [], at } },
    { type: 'JobImageReady', data: { distributionId: 'dist-1', nodes: 1, rounds: 1, bytes: 1, at } },
    { type: 'JobStarted', data: { booted: 1, reused: 0, pkey: 1, at } },
    { type: 'RankExited', data: { rank: 0, vmId, cause: 'exited', exitCode: 0, detail: '', ...counters, at } },
    { type: 'JobEnding', data: { cause: 'exited', exitCode: 0, reason: '', at } },
    { type: 'JobCompleted', data: { exitCode: 0, at } },
  ];
}
