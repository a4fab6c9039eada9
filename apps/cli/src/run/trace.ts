/**
 * The trace of a run. Every call carries it, so that one trace holds everything from here to each VM; the span of the run itself is exported when a
 * collector is configured, and only then is telemetry loaded.
 */
import type { Io } from '../terminal/io.ts';
import { version } from '../version.ts';

export interface RunTrace {
  /** W3C trace context for calls; none when nobody would export the span that it names: the gateway's is the first one then. */
  readonly traceparent: string | undefined;
  end(facts: { readonly jobId?: string; readonly exitCode: number }): Promise<void>;
}

export async function startTrace(name: 'verbena run' | 'verbena submit', io: Io): Promise<RunTrace> {
  const endpoint = io.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!endpoint) {
    return { traceparent: undefined, end: () => Promise.resolve() };
  }
  const [{ startSpan, startTelemetry }, { formatTraceparent }] = await Promise.all([
    import('@verbena/service-kit'),
    import('@verbena/messaging'),
  ]);
  const telemetry = startTelemetry({ serviceName: 'verbena-cli', version, endpoint });
  const span = startSpan(telemetry.tracer, name, {});
  return {
    traceparent: formatTraceparent(span.spanContext()),
    end: async ({ jobId, exitCode }) => {
      span.setAttribute('process.exit.code', exitCode);
      if (jobId !== undefined) span.setAttribute('verbena.job.id', jobId);
      span.end();
      await telemetry.stop();
    },
  };
}
