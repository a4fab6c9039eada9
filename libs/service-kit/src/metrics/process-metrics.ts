/** What every process tells of itself, under the names that Prometheus clients agree on. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { AnsweredCall } from '@verbena/messaging';
import { metric, type MetricDeclaration } from './catalogue.ts';
import type { Metrics } from './metrics.ts';

export const processMetric = {
  cpu: { name: 'process_cpu_seconds_total', kind: 'counter', help: 'Processor time of the process.', labels: [] },
  resident: { name: 'process_resident_memory_bytes', kind: 'gauge', help: 'Resident memory of the process.', labels: [] },
  start: { name: 'process_start_time_seconds', kind: 'gauge', help: 'Start of the process, seconds since 1970.', labels: [] },
  heap: { name: 'nodejs_heap_size_used_bytes', kind: 'gauge', help: 'JavaScript heap in use.', labels: [] },
  external: {
    name: 'nodejs_external_memory_bytes',
    kind: 'gauge',
    help: 'Memory outside the JavaScript heap, guests’ included.',
    labels: [],
  },
  loop: {
    name: 'nodejs_eventloop_delay_seconds',
    kind: 'gauge',
    help: 'Delay of the event loop since the last scrape.',
    labels: ['quantile'],
  },
} as const satisfies Record<string, MetricDeclaration>;

/** Samples the event loop's delay so often, in milliseconds. */
const resolution = 20;

/** Tells of the process until the returned function is called. */
export function observeProcess(metrics: Metrics): () => void {
  const startedAt = Date.now() / 1000 - process.uptime();
  const delay = monitorEventLoopDelay({ resolution });
  delay.enable();
  const quantiles = function* (): Generator<readonly [{ readonly quantile: string }, number]> {
    for (const quantile of [50, 99, 100])
      yield [{ quantile: String(quantile / 100) }, Math.max(0, delay.percentile(quantile) / 1e9 - resolution / 1e3)];
    delay.reset();
  };
  const ends = [
    metrics.observe(processMetric.cpu, () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    }),
    metrics.observe(processMetric.resident, () => [[{}, process.memoryUsage.rss()]]),
    metrics.observe(processMetric.start, () => [[{}, startedAt]]),
    metrics.observe(processMetric.heap, () => [[{}, process.memoryUsage().heapUsed]]),
    metrics.observe(processMetric.external, () => [[{}, process.memoryUsage().external]]),
    metrics.observe(processMetric.loop, quantiles),
  ];
  return () => {
    delay.disable();
    for (const end of ends) end();
  };
}

/** For a bus: counts the calls that it has served. */
export function rpcMetrics(metrics: Metrics): (call: AnsweredCall) => void {
  return ({ service, method, code, seconds }) => metrics.record(metric.rpcSeconds, { service, method, code }, seconds);
}
