/** What every service is given, and what it gives back. A service's main file is short: take the context, serve, stop. */
import type { Tracer } from '@opentelemetry/api';
import type { Bus } from '@verbena/messaging';
import type { Logger } from 'pino';
import type { Clock } from './clock.ts';
import type { Metrics } from './metrics/metrics.ts';

export interface ServiceContext {
  readonly bus: Bus;
  readonly log: Logger;
  readonly tracer: Tracer;
  /** What the process measures; services that are composed into one process share it. */
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Random bytes, so that identifiers can be made reproducible. */
  random(bytes: number): Uint8Array;
  /** A directory of the service's own, which exists. */
  readonly dataDir: string;
}

export interface RunningService {
  readonly name: string;
  /** Resolves to undefined when it can serve, else to the reason why it cannot. */
  notReady(): Promise<string | undefined>;
  /** Drains: finishes what is under way within a bound, then frees everything. Idempotent. */
  stop(): Promise<void>;
}
