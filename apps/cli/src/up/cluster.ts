/**
 * The embedded cluster: every service, the event log, and hosts with their node-agents, in this process. Parts start in the order in which they
 * need each other, and stop in the reverse one: first the door, then the hosts with what runs on them, then the services, last the log.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tracer } from '@opentelemetry/api';
import type { Hypervisor } from '@verbena/hypervisor';
import { createInProcessBus, type Bus, type ComposedBus } from '@verbena/messaging';
import {
  configFromEnvironment,
  createMetrics,
  createShutdown,
  metric,
  observeProcess,
  processVariables,
  Readiness,
  rpcMetrics,
  serveHealth,
  startTelemetry,
  systemClock,
  translateStoreErrors,
  type Metrics,
  type RunningService,
  type ServiceContext,
  type Shutdown,
  type Telemetry,
} from '@verbena/service-kit';
import type { Logger } from 'pino';
import { version } from '../version.ts';
import { clusterLog } from './cluster-log.ts';
import { startDatabase } from './database.ts';
import type { DoorOptions } from './door.ts';
import { startHosts } from './hosts.ts';
import { untilReady } from './readiness.ts';
import { startGatewayService, startServices } from './services.ts';

export interface ClusterOptions {
  /** Holds everything that must survive; made when it does not exist. No other process may use it. */
  readonly dataDir: string;
  readonly hosts: number;
  /** Cores that each host declares: so many VMs can run on it. */
  readonly cores: number;
  /** Memory of each host for VMs, in bytes; a share of the machine's by default. */
  readonly memoryBytes?: number;
  /** Most bytes a second that leave the port of each host, shared by the weights of its VMs; no bound by default. */
  readonly portRate?: number;
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Tokens and TLS; a single user in clear on loopback by default. */
  readonly door?: DoorOptions;
  /** A Postgres server; an embedded one when absent. Taken from DATABASE_URL by default. */
  readonly databaseUrl?: string;
  readonly logLevel?: string;
  /** A file for the log; standard error otherwise. */
  readonly logFile?: string;
  /** When it aborts while the cluster starts, what has started is stopped again, and startCluster rejects with its reason. */
  readonly signal?: AbortSignal;
  /** Told of each part that starts. */
  readonly onStep?: (step: string) => void;
  /** What drives the VMs of a host, in the place of the embedded hypervisor. */
  readonly hypervisor?: (nodeId: string) => Hypervisor;
}

export interface RunningCluster {
  /** Of the gateway. */
  readonly url: string;
  readonly dataDir: string;
  /** The bus, for tests that look behind the gateway. */
  readonly bus: Bus;
  /** What the process measures. */
  readonly metrics: Metrics;
  services(): readonly RunningService[];
  /** Drains and stops everything, each part within a bound. Resolves to the names of parts that did not stop in order. Idempotent. */
  stop(): Promise<readonly string[]>;
}

/** What the parts of a cluster share while they start. */
export interface Composition {
  readonly options: ClusterOptions;
  readonly bus: Bus;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Of the process as a whole. */
  readonly tracer: Tracer;
  readonly shutdown: Shutdown;
  readonly startedAt: Date;
  readonly services: RunningService[];
  /** A service's context: its logger, its tracer, and a directory of its own; the service is called like the directory unless said. */
  contextFor(directory: string, service?: string): Promise<ServiceContext>;
  /** Everything serves. */
  ready(): void;
  /** Registers a service that has started, so that it is shown, waited for, and stopped in its turn. */
  add(service: RunningService): void;
}

/** Starts a cluster; resolves when it is ready to take jobs. What had started is stopped again when a part fails. */
export async function startCluster(options: ClusterOptions): Promise<RunningCluster> {
  const composition = await compose(options);
  const { shutdown, services, bus, metrics } = composition;
  const goOn = (): void => options.signal?.throwIfAborted();
  try {
    const store = await startDatabase(composition);
    goOn();
    await startServices(composition, store);
    goOn();
    await startHosts(composition);
    goOn();
    const gateway = await startGatewayService(composition);
    options.onStep?.('waiting for the hosts');
    await untilReady(services);
    composition.ready();
    goOn();
    return { url: gateway.url, dataDir: options.dataDir, bus, metrics, services: () => services, stop: () => shutdown.run() };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function compose(options: ClusterOptions): Promise<Composition> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const variables = configFromEnvironment(processVariables);
  const log = clusterLog(options.logLevel ?? variables.VERBENA_LOG_LEVEL, options.logFile);
  const metrics = createMetrics();
  const telemetry = startTelemetry({
    serviceName: 'verbena',
    version,
    endpoint: variables.OTEL_EXPORTER_OTLP_ENDPOINT,
    log,
    metrics,
  });
  const shutdown = createShutdown(log);
  shutdown.add('telemetry', () => telemetry.stop());
  shutdown.add('metrics', observeProcess(metrics));
  const bus = createInProcessBus({
    tracer: telemetry.tracer,
    onAnswered: rpcMetrics(metrics),
    translate: translateStoreErrors,
    onUnexpectedError: (err, method) => log.error({ err, method }, 'a call failed unexpectedly'),
  });
  shutdown.add('bus', () => bus.close());
  metrics.observe(metric.busConnected, () => [[{}, bus.connected() ? 1 : 0]]);
  const services: RunningService[] = [];
  const readiness = new Readiness();
  const listen = variables.VERBENA_HEALTH_LISTEN;
  if (listen !== undefined) {
    const health = await serveHealth({ service: 'verbena', listen, readiness, metrics: metrics.render });
    log.info({ url: health.url }, 'health and metrics are served');
    shutdown.add('health endpoint', () => health.stop());
  }
  return {
    ready: () => readiness.phase(undefined),
    options: variables.DATABASE_URL === undefined ? options : { databaseUrl: variables.DATABASE_URL, ...options },
    bus,
    log,
    shutdown,
    startedAt: systemClock.now(),
    services,
    metrics,
    tracer: telemetry.tracer,
    contextFor: (directory, service = directory) => contextFor({ directory, service, root: options.dataDir, bus, log, telemetry, metrics }),
    add: (service) => {
      services.push(service);
      readiness.when(service.name, () => service.notReady());
      shutdown.add(service.name, () => service.stop(), 30_000);
    },
  };
}

interface ContextParts {
  readonly directory: string;
  readonly service: string;
  readonly root: string;
  readonly bus: ComposedBus;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly metrics: Metrics;
}

async function contextFor({ directory, service, root, bus, log, telemetry, metrics }: ContextParts): Promise<ServiceContext> {
  const dataDir = join(root, directory);
  await mkdir(dataDir, { recursive: true });
  const tracer = telemetry.tracerFor(service, directory);
  const instance = service === 'node-agent' && { instance: directory };
  return {
    bus: bus.as({ tracer, caller: { service, ...instance } }),
    log: log.child({ service, ...instance }),
    tracer,
    metrics,
    clock: systemClock,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    dataDir,
  };
}
