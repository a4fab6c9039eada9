/**
 * The life of a service process. Its main file names the service, its variables, and how to start it; all else is here:
 *
 *   configured --> alive (/healthz) --> connected to NATS --> what the service waits for --> serving (/readyz) --SIGTERM--> draining --> ended
 *
 * Nothing needs to be up before it: it waits for NATS and Postgres for as long as it takes, and says so. After SIGTERM, SIGINT, or the loss of
 * its supervisor it is not ready at once, finishes what is under way within a bound, and frees everything in the reverse order.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { Bus, Caller, ServerInterceptorOptions } from '@verbena/messaging';
import type { Logger } from 'pino';
import type { z } from 'zod';
import { systemClock } from '../clock.ts';
import { ConfigError } from '../config.ts';
import { translateStoreErrors } from '../edge.ts';
import { createLogger } from '../logging.ts';
import type { RunningService, ServiceContext } from '../service.ts';
import { createShutdown, onStopSignals, type Shutdown } from '../shutdown.ts';
import { metric } from '../metrics/catalogue.ts';
import { createMetrics } from '../metrics/metrics.ts';
import { observeProcess, rpcMetrics } from '../metrics/process-metrics.ts';
import { startTelemetry } from '../tracing/telemetry.ts';
import { version } from '../version.ts';
import { serviceConfiguration } from './environment.ts';
import { serviceExitCodes } from './exit-codes.ts';
import { serveHealth } from './health-server.ts';
import { Readiness, type ReadyCheck } from './readiness.ts';
import { connectToNats } from './connect.ts';
import { supervisorLink } from './supervisor.ts';
import { serviceVariables, type ServiceVariables } from './variables.ts';
import { waitFor } from './wait-for.ts';

/** What a service is given in a process of its own, beyond what it is given in any. */
export interface ServiceProcess extends ServiceContext {
  /** Aborts when the process has been told to stop. */
  readonly signal: AbortSignal;
  /** Repeats an attempt with backoff until it succeeds. Rejects only when the process is told to stop. */
  waitFor<T>(what: string, attempt: () => Promise<T>): Promise<T>;
  /** A further condition of readiness; the service's own `notReady` is one already. */
  readyWhen(name: string, check: ReadyCheck): void;
  /** Something to be stopped after the service, and before the bus. */
  onStop(name: string, stop: () => Promise<void> | void): void;
  /** Tells the supervisor where something is. */
  announce(name: string, value: string): void;
}

export interface ServiceProgram<S extends z.ZodObject> {
  readonly name: string;
  /** Variables beyond those that every service has. */
  readonly variables: S;
  /** Tells this process from others of the same service: a node's id. */
  readonly instance?: (config: z.output<S>) => string;
  start(process: ServiceProcess, config: z.output<S>): Promise<RunningService>;
}

/** What a process takes from its surroundings; a test gives its own. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** Connects to the bus; repeated until it succeeds. */
  readonly connect: (config: ServiceVariables, options: BusOptions) => Promise<Bus>;
}

export interface BusOptions extends ServerInterceptorOptions {
  /** As whom the process calls; the server's permissions are for this caller. */
  readonly caller: Caller;
  readonly log: Logger;
}

/** Runs a service until it is told to stop; resolves to the code with which the process shall end (serviceExitCodes). */
export async function runService<S extends z.ZodObject>(
  program: ServiceProgram<S>,
  { environment, connect }: Surroundings = { environment: process.env, connect: connectToNats },
): Promise<number> {
  let config: ServiceVariables & z.output<S>;
  try {
    // One look at all of them, so that every mistake is named at once.
    const all = serviceVariables.extend(program.variables.shape);
    config = serviceConfiguration(all, environment) as ServiceVariables & z.output<S>;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${program.name}: ${error.message}\n`);
    return serviceExitCodes.config;
  }
  const instance = program.instance?.(config);
  const log = createLogger({ name: program.name, level: config.VERBENA_LOG_LEVEL }).child({
    service: program.name,
    ...(instance !== undefined && { instance }),
  });
  const crash = (err: unknown): void => {
    log.fatal({ err }, 'an error that nothing caught');
    process.exit(serviceExitCodes.software);
  };
  process.on('uncaughtException', crash);
  const stop = new AbortController();
  const restoreSignals = onStopSignals((signal) => stop.abort(new Error(`received ${signal}`)));
  const shutdown = createShutdown(log);
  try {
    return await live(program, config, { log, stop, shutdown, connect });
  } finally {
    restoreSignals();
    process.off('uncaughtException', crash);
  }
}

interface Life {
  readonly log: Logger;
  readonly stop: AbortController;
  readonly shutdown: Shutdown;
  readonly connect: Surroundings['connect'];
}

async function live<S extends z.ZodObject>(
  program: ServiceProgram<S>,
  config: ServiceVariables & z.output<S>,
  life: Life,
): Promise<number> {
  const { log, shutdown } = life;
  const { signal } = life.stop;
  const readiness = new Readiness();
  let failed = false;
  try {
    const told = new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    told.catch(() => undefined);
    const service = await Promise.race([start(program, config, life, readiness), told]);
    log.info(`${service.name} serves`);
    await told;
  } catch (err) {
    failed = !signal.aborted;
    if (failed) log.fatal({ err }, `${program.name} cannot start`);
    else log.info(`${(signal.reason as Error).message}: draining`);
  }
  readiness.phase('draining');
  const late = await shutdown.run();
  if (late.length > 0) log.error({ late }, 'not everything ended in order');
  else log.info('ended');
  return failed || late.length > 0 ? serviceExitCodes.failed : serviceExitCodes.drained;
}

async function start<S extends z.ZodObject>(
  program: ServiceProgram<S>,
  config: ServiceVariables & z.output<S>,
  { log, stop, shutdown, connect }: Life,
  readiness: Readiness,
): Promise<RunningService> {
  const { signal } = stop;
  const facts: Record<string, string> = {};
  const metrics = createMetrics();
  const supervisor = supervisorLink(() => stop.abort(new Error('the supervisor has gone')));
  if (config.VERBENA_HEALTH_LISTEN !== undefined) {
    const health = await serveHealth({ service: program.name, listen: config.VERBENA_HEALTH_LISTEN, readiness, metrics: metrics.render });
    shutdown.add('health endpoint', () => health.stop());
    facts['health'] = health.url;
  }
  const dataDir = config.VERBENA_DATA_DIR;
  await mkdir(dataDir, { recursive: true }).catch((cause: unknown) => {
    throw new Error(`the data directory ${dataDir} (VERBENA_DATA_DIR) cannot be made`, { cause });
  });
  const instance = program.instance?.(config);
  const telemetry = startTelemetry({
    serviceName: program.name,
    version,
    ...(instance !== undefined && { instance }),
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    log,
    metrics,
  });
  shutdown.add('telemetry', () => telemetry.stop());
  shutdown.add('metrics', observeProcess(metrics));
  const wait = <T>(what: string, attempt: () => Promise<T>): Promise<T> =>
    waitFor(what, attempt, { log, clock: systemClock, readiness, signal });
  const bus = await wait('NATS', () =>
    connect(config, {
      caller: { service: program.name, ...(instance !== undefined && { instance }) },
      log,
      tracer: telemetry.tracer,
      onAnswered: rpcMetrics(metrics),
      onReconnected: () => metrics.count(metric.busReconnects, {}),
      translate: translateStoreErrors,
      onUnexpectedError: (err, method) => log.error({ err, method }, 'a call failed unexpectedly'),
    }),
  );
  shutdown.add('bus', () => bus.close());
  metrics.observe(metric.busConnected, () => [[{}, bus.connected() ? 1 : 0]]);
  readiness.when('NATS', () => (bus.connected() ? undefined : 'the connection is lost, and being restored'));
  const service = await program.start(
    {
      bus,
      log,
      tracer: telemetry.tracer,
      metrics,
      clock: systemClock,
      random: (bytes) => new Uint8Array(randomBytes(bytes)),
      dataDir,
      signal,
      waitFor: wait,
      readyWhen: (name, check) => readiness.when(name, check),
      onStop: (name, end) => shutdown.add(name, end),
      announce: (name, value) => void (facts[name] = value),
    },
    config,
  );
  shutdown.add(service.name, () => service.stop(), config.VERBENA_DRAIN_SECONDS * 1_000);
  readiness.when('NATS', () => Promise.resolve(bus.connected() ? undefined : 'the connection to NATS is lost'));
  readiness.when(service.name, () => service.notReady());
  readiness.phase(undefined);
  supervisor.serving(program.name, facts);
  return service;
}
