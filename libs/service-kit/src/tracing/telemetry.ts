/**
 * Tracing of a process. Spans always have identifiers, since events record them; they are recorded and exported (OTLP, protobuf over HTTP) only
 * when an endpoint is configured. Services composed in one process share the exporter, and each has a tracer with its own service.name.
 */
import { hostname } from 'node:os';
import { context, propagation, trace, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import { watched } from './watched-exporter.ts';

export interface TelemetryOptions {
  readonly serviceName: string;
  readonly version?: string;
  /** Tells this process's instance of the service from others: "node-3", or host and process id when absent. */
  readonly instance?: string;
  /** OTLP/HTTP base, for example "http://localhost:4318"; "/v1/traces" is appended. Nothing is exported without one. */
  readonly endpoint?: string | undefined;
  /** In the place of the OTLP exporter. */
  readonly exporter?: SpanExporter;
  /** How long `stop` tries to send what is left, in milliseconds. */
  readonly flushMs?: number;
  /** Told once when the collector does not take our spans, and once when it does again. */
  readonly log?: Pick<Logger, 'warn' | 'info'>;
  readonly metrics?: Metrics;
}

export interface Telemetry {
  readonly tracer: Tracer;
  /** The tracer of a service that is composed into this process. */
  tracerFor(serviceName: string, instance?: string): Tracer;
  /** Sends what has ended so far. */
  flush(): Promise<void>;
  /** Sends what is left, within a bound: a collector that does not answer keeps nobody from stopping. */
  stop(): Promise<void>;
}

/** The bounds of the queue of finished spans: a burst of some hundred jobs fits, and what does not is dropped, never waited for. */
const queue = { maxQueueSize: 16_384, maxExportBatchSize: 1_024, scheduledDelayMillis: 1_000, exportTimeoutMillis: 5_000 };

/** Which spans are sampled is OTEL_TRACES_SAMPLER's and OTEL_TRACES_SAMPLER_ARG's to say, as OpenTelemetry defines them; all by default. */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const { endpoint, version = '0.1.0', flushMs = 2_000 } = options;
  const exporter = options.exporter ?? (endpoint === undefined ? undefined : otlpExporter(endpoint));
  const processors: SpanProcessor[] = exporter === undefined ? [] : [new BatchSpanProcessor(watched(exporter, options), queue)];
  // Spans that nobody gets cost nothing but their identifiers.
  const sampler = exporter === undefined ? { sampler: new AlwaysOffSampler() } : {};
  const providers = new Map<string, NodeTracerProvider>();
  const tracerFor = (serviceName: string, instance = options.instance ?? `${hostname()}-${process.pid}`): Tracer => {
    const key = `${serviceName} ${instance}`;
    const provider =
      providers.get(key) ??
      new NodeTracerProvider({ resource: resourceOf(serviceName, instance, version), spanProcessors: processors, ...sampler });
    providers.set(key, provider);
    return provider.getTracer(`verbena.${serviceName}`, version);
  };
  const tracer = tracerFor(options.serviceName);
  [...providers.values()][0]?.register();
  let stopped: Promise<void> | undefined;
  return {
    tracer,
    tracerFor,
    flush: async () => void (await Promise.all(processors.map((processor) => processor.forceFlush()))),
    stop() {
      stopped ??= bounded(flushMs, Promise.all(processors.map((processor) => processor.shutdown()))).then(unregister);
      return stopped;
    },
  };
}

function otlpExporter(endpoint: string): SpanExporter {
  return new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: 5_000 });
}

/** OpenTelemetry's conventions for resources; service.instance.id makes the triple with namespace and name unique. */
function resourceOf(serviceName: string, instance: string, version: string): Resource {
  return resourceFromAttributes({
    [ATTR_SERVICE_NAME]: serviceName,
    'service.namespace': 'verbena',
    'service.instance.id': instance,
    [ATTR_SERVICE_VERSION]: version,
    'host.name': hostname(),
    'process.pid': process.pid,
  });
}

function unregister(): void {
  trace.disable();
  context.disable();
  propagation.disable();
}

/** The outcome within the time, whatever it is: telemetry never fails its process. */
async function bounded(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([promise.catch(() => undefined), bound]);
  clearTimeout(timer);
}
