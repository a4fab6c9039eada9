/**
 * A cluster of real processes for a story that kills things: `verbena up --processes` as a library, in a directory of its own.
 *
 *   const cluster = await ProcessCluster.start({ hosts: 2, cores: 2 });      // NATS, Postgres, five services, a node-agent for each host
 *   await cluster.kill('scheduler');                                         // kill -9; the launcher starts it again at once
 *   await cluster.hold('node-1');                                            // kill -9, and it stays away ...
 *   cluster.release('node-1');                                               // ... until now
 *   await cluster.ready();                                                   // every process says that it is ready
 *   const { jobs } = await cluster.client(jobv1.JobService).listJobs({});    // by the gateway, as everybody
 *   await cluster.logs('scheduler');                                         // all that it printed, over all its lives
 *   await cluster.stop();
 *
 * Names: "nats", "storage", "image-manager", "migration-controller", "scheduler", "frontend-gateway", "node-0" and so on; Postgres has methods of
 * its own. Needs nats-server (Debian: nats-server) on PATH; Postgres comes from npm.
 */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DescService } from '@bufbuild/protobuf';
import { createClient, type Client, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { startProcessCluster, type RunningProcessCluster, type SupervisedProcess } from '@verbena/cli';
import { sweepEmbeddedPostgres } from '@verbena/event-store';
import { parseOpenMetrics, type MetricText } from '@verbena/service-kit/testing';

export interface ProcessClusterSettings {
  readonly hosts: number;
  readonly cores: number;
  readonly memoryBytes?: number;
  readonly logLevel?: string;
  /** Services of which a second replica stands by, as "scheduler-2". */
  readonly standby?: readonly ('scheduler' | 'image-manager' | 'migration-controller')[];
  /** A Postgres server to use; one of its own when absent. */
  readonly databaseUrl?: string;
  /** More variables for the processes of a service. */
  readonly environment?: (service: string) => Readonly<Record<string, string>>;
}

const bundler = fileURLToPath(new URL('../../../tools/bundle/services.mjs', import.meta.url));
let bundling: Promise<string> | undefined;

/** Bundled once a test process: a process that is killed hundreds of times shall be back soon. */
function bundledServices(): Promise<string> {
  bundling ??= (async () => {
    const directory = await mkdtemp(join(tmpdir(), 'verbena-bundle-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    await promisify(execFile)(process.execPath, [
      '--conditions=verbena-source',
      '--disable-warning=ExperimentalWarning',
      bundler,
      directory,
    ]);
    return directory;
  })();
  return bundling;
}

export class ProcessCluster {
  readonly #cluster: RunningProcessCluster;
  readonly #transport: Transport;

  private constructor(cluster: RunningProcessCluster) {
    this.#cluster = cluster;
    this.#transport = createConnectTransport({ baseUrl: cluster.url, httpVersion: '1.1' });
  }

  static async start({ hosts, cores, ...settings }: ProcessClusterSettings): Promise<ProcessCluster> {
    const dataDir = await mkdtemp(join(tmpdir(), 'verbena-processes-'));
    const logFile = join(dataDir, 'logs', 'launcher.log');
    try {
      const bundle = await bundledServices();
      return new ProcessCluster(await startProcessCluster({ dataDir, logFile, logLevel: 'info', hosts, cores, bundle, ...settings }));
    } catch (cause) {
      const said = await readFile(logFile, 'utf8').catch(() => '');
      await rm(dataDir, { recursive: true, force: true });
      throw new Error(`the cluster of processes did not start:\n${said.split('\n').slice(-20).join('\n')}`, { cause });
    }
  }

  /** Of the gateway. */
  get url(): string {
    return this.#cluster.url;
  }

  get dataDir(): string {
    return this.#cluster.dataDir;
  }

  get databaseUrl(): string {
    return this.#cluster.databaseUrl;
  }

  /** Names of all supervised processes. */
  get names(): readonly string[] {
    return [...this.#cluster.processes.keys()];
  }

  /** A client of a public service. */
  client<S extends DescService>(service: S): Client<S> {
    return createClient(service, this.#transport);
  }

  /** The process that runs now; undefined between its end and its next start. */
  pid(name: string): number | undefined {
    return this.#named(name).pid;
  }

  /** How often it was started so far. */
  starts(name: string): number {
    return this.#named(name).starts;
  }

  /** Sends a signal (SIGKILL); the launcher starts again what ends by it. Resolves when that process is gone. */
  kill(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#named(name).kill(signal);
  }

  /** Ends it, and keeps it away until `release`. By default as power failure would; with SIGTERM it may drain. */
  async hold(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#named(name).stop(60_000, signal);
  }

  release(name: string): void {
    this.#named(name).start();
  }

  /** Resolves when the process that runs now, or the next one, serves. */
  async serving(name: string): Promise<void> {
    await this.#named(name).serving();
  }

  /** What the process that runs now, or the next one, tells at its metrics endpoint. */
  async metrics(name: string): Promise<MetricText> {
    const { health } = await this.#named(name).serving();
    const response = await fetch(`${String(health)}/metrics`, { signal: AbortSignal.timeout(5_000) });
    return parseOpenMetrics(await response.text());
  }

  /** Resolves when every process says that it is ready; fails after the time with what stands in the way. */
  ready(boundMs = 60_000): Promise<void> {
    return this.#cluster.ready(boundMs);
  }

  /** NATS ends, everything that it kept is removed, and it starts anew. */
  async wipeNats(): Promise<void> {
    await this.hold('nats');
    await rm(this.#cluster.nats.storeDir, { recursive: true, force: true });
    this.release('nats');
    await this.serving('nats');
  }

  /** kill -9 of the Postgres server, or another signal; it is started again. Not with a server of the story's own. */
  killPostgres(signal: NodeJS.Signals = 'SIGKILL'): void {
    const pid = this.#cluster.postgresPid();
    if (pid === undefined) throw new Error('this cluster uses a Postgres server of somebody else');
    process.kill(pid, signal);
  }

  /** What a process printed, over all its lives; "launcher" tells who was started and ended when. */
  logs(name: string): Promise<string> {
    return readFile(join(this.dataDir, 'logs', `${name}.log`), 'utf8');
  }

  /** Ends everything and removes the directory. Resolves to the names of what did not end in order. */
  async stop(): Promise<readonly string[]> {
    const late = await this.#cluster.stop();
    await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
    await sweepEmbeddedPostgres();
    return late;
  }

  #named(name: string): SupervisedProcess {
    const found = this.#cluster.processes.get(name);
    if (found === undefined) throw new Error(`there is no process "${name}"; there are ${this.names.join(', ')}`);
    return found;
  }
}
