/** An exporter that tells when the collector fails and when it is back, once each, and counts what it did not take. */
import type { SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { Logger } from 'pino';
import { metric } from '../metrics/catalogue.ts';
import type { Metrics } from '../metrics/metrics.ts';

interface Watchers {
  readonly endpoint?: string | undefined;
  readonly log?: Pick<Logger, 'warn' | 'info'>;
  readonly metrics?: Metrics;
}

export function watched(exporter: SpanExporter, { endpoint = 'the collector', log, metrics }: Watchers): SpanExporter {
  let failing = false;
  const done = (spans: number, error: Error | undefined): void => {
    if (error !== undefined) metrics?.count(metric.spansDropped, { reason: 'export-failed' }, spans);
    if (error !== undefined && !failing) {
      log?.warn({ endpoint, error: error.message }, 'traces are not taken by the collector; they are dropped until it answers');
    }
    if (error === undefined && failing) log?.info({ endpoint }, 'traces are taken by the collector again');
    failing = error !== undefined;
  };
  return {
    export: (spans, callback) =>
      exporter.export(spans, (result) => {
        done(spans.length, result.code === 0 ? undefined : (result.error ?? new Error('the export failed')));
        callback({ code: 0 });
      }),
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}
