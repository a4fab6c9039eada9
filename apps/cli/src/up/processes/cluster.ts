/**
 * The cluster as separate processes: Postgres and NATS, the five services of the control plane, and a node-agent for each host, each in a process
 * of its own with its own credentials. They use the same directories as the embedded cluster, so a data directory may change between the two.
 * What dies is started again; when this process is gone, however it went, they all end.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { authModeFor } from '@verbena/frontend-gateway';
import {
  databaseServices,
  configFromEnvironment,
  createShutdown,
  processVariables,
  type RunningService,
  type Shutdown,
} from '@verbena/service-kit';
import type { Logger } from 'pino';
import { clusterLog } from '../cluster-log.ts';
import type { ClusterOptions } from '../cluster.ts';
import { adminSecret } from '../door.ts';
import { defaultHostMemory } from '../hosts.ts';
import { untilReady } from '../readiness.ts';
import { startNats, type LocalNats } from './nats-server.ts';
import { environmentOf, programOf, type ServiceName } from './programs.ts';
import { SupervisedProcess } from './supervised.ts';

/** As for a cluster in one process, but that a node-agent in its own process chooses its hypervisor itself. */
export interface ProcessClusterOptions extends Omit<ClusterOptions, 'hypervisor'> {
  /** A directory with the services bundled; from source when absent. */
  readonly bundle?: string;
  /** Services of which a second replica stands by, as "<name>-2". */
  readonly standby?: readonly (typeof databaseServices)[number][];
  /** More variables for the processes of a service, or for all of them. */
  readonly environment?: (service: string) => Readonly<Record<string, string>>;
}

export interface RunningProcessCluster {
  /** Of the gateway; the same after its restart. */
  readonly url: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly nats: LocalNats;
  /** By name: "nats", "storage", "image-manager", "migration-controller", "scheduler", "frontend-gateway", "node-0" and so on. */
  readonly processes: ReadonlyMap<string, SupervisedProcess>;
  /** The process id of the embedded Postgres server at the moment; undefined with DATABASE_URL. */
  postgresPid(): number | undefined;
  /** Resolves when every process says that it is ready. */
  ready(boundMs?: number): Promise<void>;
  /** Ends everything in order. Resolves to the names of what did not end in order. Idempotent. */
  stop(): Promise<readonly string[]>;
}

const graceMs = 40_000;
/** Each process is another Node that starts, and machines are shared: what cannot start at all says so in its log long before. */
const startMs = 180_000;

/** Starts a cluster of processes; resolves when it is ready to take jobs. What had started is stopped again when a part fails. */
export async function startProcessCluster(options: ProcessClusterOptions): Promise<RunningProcessCluster> {
  const { dataDir, logFile, signal, onStep } = options;
  const logs = join(dataDir, 'logs');
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const variables = configFromEnvironment(processVariables);
  const logLevel = options.logLevel ?? variables.VERBENA_LOG_LEVEL;
  const log = clusterLog(logLevel, logFile);
  const shutdown = createShutdown(log);
  const processes = new Map<string, SupervisedProcess>();
  const launch = (process: SupervisedProcess, signalName?: NodeJS.Signals): SupervisedProcess => {
    processes.set(process.name, process);
    process.start();
    shutdown.add(
      process.name,
      async () => {
        if (!(await process.stop(graceMs, signalName))) throw new Error(`${process.name} did not end in order; see ${process.logFile}`);
      },
      graceMs + 5_000,
    );
    return process;
  };
  try {
    onStep?.('NATS and Postgres');
    const nodes = Array.from({ length: options.hosts }, (_, index) => `node-${String(index)}`);
    const [nats, postgres] = await Promise.all([
      startNats(dataDir, log, nodes),
      startPostgres(options, variables.DATABASE_URL, log, shutdown),
    ]);
    // On SIGTERM it ends with code 1.
    launch(nats.process, 'SIGINT');
    signal?.throwIfAborted();
    onStep?.('services');
    const gatewayPort = { listen: listenText(options.listen) };
    const fabricSecret = randomBytes(24).toString('base64url');
    const spawnService = (service: ServiceName, name: string, directory: string, own: () => Record<string, string>): void => {
      const environment = (): NodeJS.ProcessEnv =>
        environmentOf(
          service,
          {
            natsUrl: nats.url,
            credentials: nats.credentialsOf(service === 'node-agent' ? name : service),
            databaseUrl: postgres.databaseUrl,
            dataDir: join(dataDir, directory),
            logLevel,
            compileCache: join(dataDir, 'compile-cache'),
          },
          { ...own(), ...options.environment?.(name) },
        );
      const spec = {
        name,
        command: process.execPath,
        args: programOf(service, options.bundle),
        environment,
        logFile: join(logs, `${name}.log`),
      };
      launch(new SupervisedProcess(spec, log));
    };
    for (const service of databaseServices) spawnService(service, service, service, () => ({}));
    for (const service of options.standby ?? []) spawnService(service, `${service}-2`, `${service}-2`, () => ({}));
    const memory = options.memoryBytes ?? defaultHostMemory(options.hosts, options.cores);
    for (let index = 0; index < options.hosts; index++)
      spawnService('node-agent', `node-${String(index)}`, `node-${String(index)}`, () => ({
        VERBENA_NODE_ID: `node-${String(index)}`,
        VERBENA_NODE_NAME: `host-${String(index)}`,
        VERBENA_NODE_CORES: String(options.cores),
        VERBENA_NODE_MEMORY: String(memory),
        ...(options.portRate === undefined ? {} : { VERBENA_PORT_RATE: String(options.portRate) }),
        VERBENA_FABRIC_LISTEN: '127.0.0.1:0',
        VERBENA_FABRIC_SECRET: fabricSecret,
      }));
    const door = await doorVariables(options);
    spawnService('frontend-gateway', 'frontend-gateway', 'gateway', () => ({ VERBENA_LISTEN: gatewayPort.listen, ...door }));
    const ready = (boundMs = startMs): Promise<void> => untilReady([...processes.values()].map(asService), boundMs);
    onStep?.('waiting for the processes');
    await Promise.race([ready(), aborted(signal)]);
    const url = (await processes.get('frontend-gateway')?.serving())?.['url'] ?? '';
    gatewayPort.listen = new URL(url).host;
    return {
      url,
      dataDir,
      databaseUrl: postgres.databaseUrl,
      nats,
      processes,
      postgresPid: postgres.pid,
      ready,
      stop: () => shutdown.run(),
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

/** How the gateway's process is told who may come in. */
async function doorVariables({ dataDir, door = {}, listen }: ProcessClusterOptions): Promise<Record<string, string>> {
  const mode = authModeFor(listen?.host, door.auth);
  return {
    VERBENA_AUTH: mode,
    ...(mode === 'tokens' && { VERBENA_BOOTSTRAP_TOKEN_FILE: (await adminSecret(dataDir)).path }),
    ...(door.tls && { VERBENA_TLS_CERTIFICATE: door.tls.certificate, VERBENA_TLS_KEY: door.tls.key }),
    ...(door.tls?.clientAuthorities && { VERBENA_TLS_CLIENT_AUTHORITIES: door.tls.clientAuthorities }),
  };
}

function listenText({ host = '127.0.0.1', port = 0 }: ProcessClusterOptions['listen'] = {}): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

async function startPostgres(
  options: ProcessClusterOptions,
  given: string | undefined,
  log: Logger,
  shutdown: Shutdown,
): Promise<{ databaseUrl: string; pid: () => number | undefined }> {
  const databaseUrl = options.databaseUrl ?? given;
  if (databaseUrl !== undefined) return { databaseUrl, pid: () => undefined };
  const { startEmbeddedPostgres } = await import('@verbena/event-store');
  const postgres = await startEmbeddedPostgres({ dataDir: join(options.dataDir, 'postgres'), log });
  shutdown.add('postgres', () => postgres.stop(), 20_000);
  return { databaseUrl: postgres.databaseUrl, pid: () => postgres.pid };
}

/** A process as something that can be asked whether it is ready: it serves, and its health endpoint says so. */
function asService(process: SupervisedProcess): RunningService {
  const notServing = Promise.resolve(undefined);
  return {
    name: process.name,
    notReady: async () => {
      const facts = await Promise.race([process.serving(), notServing]);
      if (facts === undefined) return `is starting (see ${process.logFile})`;
      if (facts['health'] === undefined) return undefined;
      try {
        const response = await fetch(`${facts['health']}/readyz`, { signal: AbortSignal.timeout(5_000) });
        const { ready, reasons } = (await response.json()) as { ready: boolean; reasons: readonly string[] };
        return ready ? undefined : reasons.join('; ');
      } catch (error) {
        return `its health endpoint does not answer: ${error instanceof Error ? error.message : String(error)}`;
      }
    },
    stop: () => Promise.resolve(),
  };
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal?.aborted) reject(signal.reason as Error);
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
