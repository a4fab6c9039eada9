import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { catalogue, metric } from './catalogue.ts';
import { createMetrics } from './metrics.ts';
import { observeProcess, processMetric } from './process-metrics.ts';
import { parseOpenMetrics } from '../testing/open-metrics.ts';

const read = async (metrics: ReturnType<typeof createMetrics>) => parseOpenMetrics((await metrics.render()).body);

describe('metrics', () => {
  it('are rendered as OpenMetrics, with what was counted, set, recorded and observed', async () => {
    const metrics = createMetrics();
    metrics.count(metric.jobsEnded, { cause: 'exited' });
    metrics.count(metric.jobsEnded, { cause: 'exited' }, 2);
    metrics.set(metric.queueLength, {}, 7);
    metrics.record(metric.jobSeconds, {}, 0.02);
    metrics.observe(metric.nodeVms, () => [[{ node: 'node-0', phase: 'idle' }, 2]]);
    const end = metrics.observe(metric.nodeVms, () => [[{ node: 'node-1', phase: 'busy' }, 1]]);
    expect((await metrics.render()).contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const text = await read(metrics);
    expect(text.value('verbena_jobs_ended_total', { cause: 'exited' })).toBe(3);
    expect(text.value('verbena_queue_length', {})).toBe(7);
    expect(text.value('verbena_job_seconds_count', {})).toBe(1);
    expect(text.value('verbena_job_seconds_bucket', { le: '0.05' })).toBe(1);
    expect(text.value('verbena_job_seconds_bucket', { le: '0.01' })).toBe(0);
    expect(text.value('verbena_node_vms', { node: 'node-0', phase: 'idle' })).toBe(2);
    expect(text.value('verbena_node_vms', { node: 'node-1', phase: 'busy' })).toBe(1);
    end();
    expect((await read(metrics)).value('verbena_node_vms', { node: 'node-1', phase: 'busy' })).toBeUndefined();
  });

  it('observes totals, which replace what was read before', async () => {
    const metrics = createMetrics();
    let total = 5;
    metrics.observe(metric.adapterBytes, () => [[{ node: 'node-0', direction: 'sent' }, total]]);
    await read(metrics);
    total = 8;
    expect((await read(metrics)).value('verbena_adapter_bytes_total', { node: 'node-0', direction: 'sent' })).toBe(8);
  });

  it('goes on when a reader fails', async () => {
    const metrics = createMetrics();
    metrics.observe(metric.imageCacheBytes, () => {
      throw new Error('closed');
    });
    metrics.set(metric.queueLength, {}, 1);
    expect((await read(metrics)).value('verbena_queue_length', {})).toBe(1);
  });

  it('bounds label sets, whoever makes them up', async () => {
    const metrics = createMetrics();
    for (let made = 0; made < 2_000; made++) metrics.count(metric.jobsEnded, { cause: `cause-${made}` });
    const text = await read(metrics);
    expect(text.samples.filter(({ name }) => name === 'verbena_jobs_ended_total')).toHaveLength(513);
    expect(text.value('verbena_jobs_ended_total', { cause: 'other' })).toBe(2_000 - 512);
    expect(text.value('verbena_telemetry_label_sets_folded_total', { metric: 'verbena_jobs_ended_total' })).toBe(2_000 - 512);
  });

  it('carries what is odd in a label through the format', async () => {
    const metrics = createMetrics();
    const cause = 'a "quoted"\nline \\ with all';
    metrics.count(metric.jobsEnded, { cause });
    expect((await read(metrics)).value('verbena_jobs_ended_total', { cause })).toBe(1);
  });

  it('tells of the process', async () => {
    const metrics = createMetrics();
    const end = observeProcess(metrics);
    const text = await read(metrics);
    expect(text.value('process_resident_memory_bytes', {})).toBeGreaterThan(1e6);
    expect(text.value('process_cpu_seconds_total', {})).toBeGreaterThan(0);
    expect(text.value('nodejs_eventloop_delay_seconds', { quantile: '0.99' })).toBeGreaterThanOrEqual(0);
    end();
  });
});

describe('the catalogue', () => {
  const all = [...catalogue, ...Object.values(processMetric)];

  it.each(all)('$name follows the conventions', ({ name, kind, help, labels }) => {
    expect(name).toMatch(/^(verbena|process|nodejs)_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(kind === 'counter');
    expect(help).toMatch(/^[A-Z].*\.$/);
    for (const label of labels) expect(label).toMatch(/^[a-z]+$/);
  });

  it('has every metric that the dashboard shows', async () => {
    const dashboard = await readFile(new URL('../../../../deploy/prometheus/dashboard.json', import.meta.url), 'utf8');
    const shown = new Set(dashboard.match(/(verbena|process|nodejs)_[a-z_]+/g)?.map((name) => name.replace(/_(bucket|count|sum)$/, '')));
    expect(shown.size).toBeGreaterThan(10);
    for (const name of shown) expect(all.map((declared) => declared.name)).toContain(name);
  });

  it('and docs/telemetry.md name the same metrics with the same labels', async () => {
    const page = await readFile(new URL('../../../../docs/telemetry.md', import.meta.url), 'utf8');
    const rows = page.matchAll(/^\| `((?:verbena|process|nodejs)_[a-z_]+)` \| (\w+) \| ([^|]*) \|/gm);
    const documented = [...rows].map(([, name, kind, labels]) => `${name} ${kind} ${(labels ?? '').replaceAll('`', '').trim()}`);
    const declared = all.map(({ name, kind, labels }) => `${name} ${kind} ${labels.join(', ')}`.trimEnd());
    expect(documented.map((row) => row.trimEnd()).sort()).toEqual([...declared].sort());
  });
});
