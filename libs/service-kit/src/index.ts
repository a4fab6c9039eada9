export { badRequest, checked } from './checked.ts';
export { systemClock, type Clock } from './clock.ts';
export { ConfigError, configFromEnvironment, processVariables, type ProcessVariables } from './config.ts';
export { translateStoreErrors } from './edge.ts';
export { LogFile, logFilePaths, type LogFileOptions } from './log-file.ts';
export { createLogger, type LoggerOptions } from './logging.ts';
export { catalogue as metricCatalogue, metric, type MetricDeclaration } from './metrics/catalogue.ts';
export { createMetrics, type Metrics } from './metrics/metrics.ts';
export { observeProcess, rpcMetrics } from './metrics/process-metrics.ts';
export { masked } from './masked.ts';
export { pageOf, type Page } from './paging.ts';
export { logLevels, prettyLine, type PrettyOptions } from './pretty.ts';
export { serviceConfiguration } from './process/environment.ts';
export { serviceExitCodes } from './process/exit-codes.ts';
export { serveHealth, type HealthServer, type HealthServerOptions } from './process/health-server.ts';
export { Readiness, type ReadyCheck } from './process/readiness.ts';
export { runService, type ServiceProcess, type ServiceProgram } from './process/run-service.ts';
export { busServices, databaseServices, writeSecrets, type SecretsOptions } from './process/secrets.ts';
export { isServingMessage, type ServingMessage } from './process/supervisor.ts';
export {
  byteSize,
  databaseVariables,
  listenAddress,
  parseListenAddress,
  serviceVariables,
  wholeNumber,
  type ListenAddress,
  type ServiceVariables,
} from './process/variables.ts';
export { waitFor } from './process/wait-for.ts';
export { startReplica, type ReplicaOptions } from './replica.ts';
export type { RunningService, ServiceContext } from './service.ts';
export { createShutdown, onStopSignals, type Shutdown } from './shutdown.ts';
export { failSpan, inSpan, startSpan, type SpanSettings } from './tracing/span.ts';
export { attributes as spanAttributes, spans, type SpanAttributes, type SpanName } from './tracing/spans.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './tracing/telemetry.ts';
export { version } from './version.ts';
