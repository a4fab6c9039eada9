export { systemClock, type Clock } from './clock.ts';
export { ConfigError, configFromEnvironment, processVariables, type ProcessVariables } from './config.ts';
export { createLogger, type LoggerOptions } from './logging.ts';
export { pageOf, type Page } from './paging.ts';
export type { RunningService, ServiceContext } from './service.ts';
export { createShutdown, onStopSignals, type Shutdown } from './shutdown.ts';
export { inSpan } from './span.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts';
