import type { DescService } from '@bufbuild/protobuf';
import { example, OtlpCollector, traceProblems, type CollectedSpan } from '@verbena/framework';
import { metricCatalogue, spanAttributes, spans as listed } from '@verbena/service-kit';
import * as contracts from '@verbena/contracts';
import { parseOpenMetrics } from '@verbena/service-kit/testing';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

let collector: OtlpCollector;
let cluster: StoryCluster;
let spans: readonly CollectedSpan[];
let jobId = '';

beforeAll(async () => {
  collector = await OtlpCollector.start();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  cluster = await StoryCluster.up({ env: { ...env, VERBENA_HEALTH_LISTEN: '127.0.0.1:0' } });
  const { code, stderr } = await cluster.run(['-n', '8', example('hello')], { env });
  expect([code, stderr]).toEqual([0, '']);
  ({ id: jobId } = await cluster.lastJob());
  const run = await collector.until('of the end of the run', () => collector.spans.find(({ name }) => name === 'verbena run'));
  await collector.until('of the end of the job', () => collector.trace(run.traceId).find(({ name }) => name === 'run job'));
  await collector.until('of every rank', () =>
    collector.trace(run.traceId).filter(({ name }) => name === 'run rank').length === 8 ? true : undefined,
  );
  spans = collector.trace(run.traceId);
});
afterAll(async () => {
  await cluster.down();
  await collector.stop();
});

const named = (name: string): readonly CollectedSpan[] => spans.filter((span) => span.name === name);

describe('the trace of a job', () => {
  it('is one tree, from the command to each rank, and everything that was exported decodes by the official definitions', () => {
    expect(collector.problems).toEqual([]);
    expect(traceProblems(spans)).toEqual([]);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === '').map(({ name }) => name)).toEqual(['verbena run']);
  });

  it('has spans of every service that had a part in it, under its own name', () => {
    const services = new Set(spans.map(({ service }) => service));
    for (const service of ['verbena-cli', 'frontend-gateway', 'scheduler', 'image-manager', 'storage', 'node-agent'])
      expect([...services]).toContain(service);
    const agents = spans.filter(({ service }) => service === 'node-agent').map(({ resource }) => resource['service.instance.id']);
    expect(new Set(agents)).toEqual(new Set(['node-0', 'node-1', 'node-2', 'node-3']));
  });

  it('has each step, each edge of the distribution tree, each boot and each rank', () => {
    for (const name of ['submit job', 'run job', 'wait in queue', 'distribute image', 'boot VMs', 'end job', 'distribute'])
      expect([name, named(name).length]).toEqual([name, 1]);
    expect(named('boot VM')).toHaveLength(8);
    expect(
      named('run rank')
        .map(({ attributes }) => attributes['verbena.rank'])
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // Four nodes lacked the image: storage served one, and each other got it over an edge.
    const served = new Set(named('serve node').map(({ attributes }) => attributes['verbena.node.id']));
    expect(served.size).toBe(named('serve node').length);
    expect(served.size).toBeGreaterThanOrEqual(1);
    for (const { attributes } of named('run job')) expect(attributes['verbena.job.id']).toBe(jobId);
    expect(spans.filter(({ failed }) => failed).map(({ name }) => name)).toEqual([]);
  });

  it('has links where work was done in one go', () => {
    const appends = new Set(named('append events').map(({ spanId }) => spanId));
    expect(appends.size).toBeGreaterThan(5);
    const commits = collector.spans.filter(({ name }) => name === 'commit events');
    const linked = commits.flatMap(({ links }) => links).filter(({ traceId }) => traceId === spans[0]?.traceId);
    expect(linked.length).toBeGreaterThan(0);
    for (const { spanId } of linked) expect([...appends]).toContain(spanId);
    const ranks = new Set(named('run rank').map(({ spanId }) => spanId));
    for (const { links, parentSpanId } of named('write output')) {
      expect([...ranks]).toContain(parentSpanId);
      for (const { spanId } of links) expect([...ranks]).toContain(spanId);
    }
  });

  it('has only names and attributes that are documented', () => {
    const services = Object.values(contracts)
      .flatMap((domain): unknown[] => (typeof domain === 'object' ? Object.values(domain) : []))
      .filter((value): value is DescService => (value as { kind?: unknown } | null)?.kind === 'service');
    const methods = services.flatMap((service) => service.methods.map(({ name }) => `${service.typeName}/${name}`));
    expect(methods.length).toBeGreaterThan(20);
    const known = new Set([...Object.keys(listed), ...methods]);
    expect([...new Set(collector.spans.map(({ name }) => name))].filter((name) => !known.has(name))).toEqual([]);
    const conventions =
      /^(rpc\.(system|service|method|messages_sent|connect_rpc\.error_code)|enduser\.id|messaging\.[a-z_.]+|exception\..*)$/;
    const attributes = new Set(collector.spans.flatMap((span) => Object.keys(span.attributes)));
    expect([...attributes].filter((name) => !(name in spanAttributes) && !conventions.test(name))).toEqual([]);
  });
});

describe('the metrics of a cluster', () => {
  it('are OpenMetrics, all of the catalogue, and tell what happened', async () => {
    const log = await readFile(join(cluster.sandbox.data, 'verbena.log'), 'utf8');
    const url = /"url":"([^"]+)","msg":"health and metrics are served"/.exec(log)?.[1];
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    const { samples, types } = parseOpenMetrics(await response.text());
    const declared = new Set(metricCatalogue.map(({ name }) => name.replace(/_total$/, '')));
    expect([...types.keys()].filter((name) => name.startsWith('verbena_') && !declared.has(name))).toEqual([]);
    const total = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
      samples
        .filter((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0);
    expect(total('verbena_jobs_submitted_total')).toBe(1);
    expect(total('verbena_jobs_ended_total', { cause: 'exited' })).toBe(1);
    expect(total('verbena_jobs', { state: 'completed' })).toBe(1);
    expect(total('verbena_queue_length')).toBe(0);
    expect(total('verbena_vm_boot_seconds_count', { outcome: 'booted' })).toBe(8);
    expect(total('verbena_node_vms', { phase: 'idle' })).toBe(8);
    expect(total('verbena_node_ranks_ended_total', { cause: 'exited' })).toBe(8);
    expect(total('verbena_distributions_total', { outcome: 'completed' })).toBe(1);
    for (const name of [
      'verbena_distribution_bytes_total',
      'verbena_image_cache_bytes',
      'verbena_node_output_bytes_total',
      'verbena_adapter_bytes_total',
    ])
      expect([name, total(name)]).toEqual([name, expect.any(Number)]);
    expect(total('verbena_node_output_bytes_total')).toBeGreaterThan(0);
    expect(total('verbena_rpc_server_seconds_count', { method: 'StartRanks', code: 'ok' })).toBe(4);
    expect(total('verbena_gateway_request_seconds_count', { method: 'SubmitJob', code: 'ok' })).toBe(1);
    expect(total('verbena_events_appended_total')).toBeGreaterThan(20);
    expect(total('verbena_projection_lag_events')).toBe(0);
    expect(total('verbena_postgres_connections')).toBeGreaterThan(0);
    expect(total('verbena_bus_connected')).toBe(1);
  });
});
