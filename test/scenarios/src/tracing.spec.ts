import type { DescService } from '@bufbuild/protobuf';
import { example, OtlpCollector, traceProblems, type CollectedSpan } from '@verbena/framework';
import { spanAttributes, spans as listed } from '@verbena/service-kit';
import * as contracts from '@verbena/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

let collector: OtlpCollector;
let cluster: StoryCluster;
let spans: readonly CollectedSpan[];
let jobId = '';

beforeAll(async () => {
  collector = await OtlpCollector.start();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  cluster = await StoryCluster.up({ env });
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
    for (const name of ['submit job', 'run job', 'wait in queue', 'distribute image', 'boot VMs', 'run ranks', 'end job', 'distribute'])
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
