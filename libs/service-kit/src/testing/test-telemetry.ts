import type { Tracer } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-node';

export interface TestTelemetry {
  readonly tracer: Tracer;
  /** Finished spans, in the order in which they ended. */
  spans(): readonly ReadableSpan[];
  stop(): Promise<void>;
}

/** Tracing that keeps finished spans in memory. Context is carried through promises as in production. */
export function testTelemetry(): TestTelemetry {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  provider.register();
  return { tracer: provider.getTracer('test'), spans: () => exporter.getFinishedSpans(), stop: () => provider.shutdown() };
}
