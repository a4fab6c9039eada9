/**
 * Tracing of a process. Spans always have identifiers, since events record them; they are exported (OTLP, protobuf over HTTP) only when an
 * endpoint is configured. Services composed in one process share the exporter, and each has a tracer with its own service.name.
 */
import { propagation, context, trace, type Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-node';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';

export interface TelemetryOptions {
  readonly serviceName: string;
  readonly version?: string;
  /** OTLP/HTTP base, for example "http://localhost:4318"; "/v1/traces" is appended. Nothing is exported without one. */
  readonly endpoint?: string | undefined;
  /** In the place of the OTLP exporter. */
  readonly exporter?: SpanExporter;
  /** How long `stop` tries to send what is left, in milliseconds. */
  readonly flushMs?: number;
}

export interface Telemetry {
  readonly tracer: Tracer;
  /** The tracer of a service that is composed into this process. */
  tracerFor(serviceName: string): Tracer;
  /** Sends what is left, within a bound: a collector that does not answer keeps nobody from stopping. */
  stop(): Promise<void>;
}

export function startTelemetry(options: TelemetryOptions): Telemetry {
  const { endpoint, version = '0.1.0', flushMs = 2_000 } = options;
  const exporter = options.exporter ?? (endpoint === undefined ? undefined : otlpExporter(endpoint));
  const processors: SpanProcessor[] = exporter === undefined ? [] : [new BatchSpanProcessor(exporter)];
  const providers = new Map<string, NodeTracerProvider>();
  const tracerFor = (serviceName: string): Tracer => {
    const provider =
      providers.get(serviceName) ?? new NodeTracerProvider({ resource: resourceOf(serviceName, version), spanProcessors: processors });
    providers.set(serviceName, provider);
    return provider.getTracer(`verbena.${serviceName}`, version);
  };
  const tracer = tracerFor(options.serviceName);
  providers.get(options.serviceName)?.register();
  let stopped: Promise<void> | undefined;
  return {
    tracer,
    tracerFor,
    stop() {
      stopped ??= bounded(flushMs, Promise.all(processors.map((processor) => processor.shutdown()))).then(unregister);
      return stopped;
    },
  };
}

function otlpExporter(endpoint: string): SpanExporter {
  return new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: 5_000 });
}

function resourceOf(serviceName: string, version: string) {
  return resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName, 'service.namespace': 'verbena', [ATTR_SERVICE_VERSION]: version });
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
