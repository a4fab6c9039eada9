import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { credentials, makeGenericClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { inSpan, startTelemetry } from '@verbena/service-kit';
import { traceProblems } from './check-trace.ts';
import { OtlpCollector } from './collector.ts';
import { otlpTraceDefinitions } from './definitions.ts';
import type { CollectedSpan } from './span.ts';

let collector: OtlpCollector;
beforeEach(async () => {
  collector = await OtlpCollector.start();
});
afterEach(() => collector.stop());

const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const json = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'scheduler' } }] },
      scopeSpans: [{ spans: [{ ...ids, name: 'run job', kind: 1, startTimeUnixNano: '5', endTimeUnixNano: '7' }] }],
    },
  ],
};

describe('the collector', () => {
  it('takes what our exporter sends, by the official definitions', async () => {
    const telemetry = startTelemetry({ serviceName: 'scheduler', instance: 'a', endpoint: collector.endpoint });
    await inSpan(telemetry.tracer, 'run job', { 'verbena.job.id': 'job-1', 'verbena.rank': 3 }, () => undefined);
    await telemetry.stop();
    expect(collector.problems).toEqual([]);
    expect(collector.spans).toMatchObject([
      {
        name: 'run job',
        service: 'scheduler',
        kind: 'internal',
        parentSpanId: '',
        attributes: { 'verbena.job.id': 'job-1', 'verbena.rank': 3 },
        resource: { 'service.namespace': 'verbena', 'service.instance.id': 'a' },
      },
    ]);
    expect(traceProblems(collector.spans)).toEqual([]);
  });

  it('takes JSON', async () => {
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(`${collector.endpoint}/v1/traces`, { method: 'POST', headers, body: JSON.stringify(json) });
    expect([status, collector.spans]).toMatchObject([200, [{ ...ids, name: 'run job', service: 'scheduler', start: 5n, end: 7n }]]);
  });

  it('takes gRPC', async () => {
    const { request, response } = await otlpTraceDefinitions();
    const Client = makeGenericClientConstructor({}, 'TraceService');
    const client = new Client(collector.grpcAddress, credentials.createInsecure());
    const message = request.fromObject({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'boot VM' }] }] }] });
    await new Promise<void>((resolve, reject) => {
      const done = (error: ServiceError | null): void => (error ? reject(error) : resolve());
      client.makeUnaryRequest(
        '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        (sent: typeof message) => Buffer.from(request.encode(sent).finish()),
        (bytes: Buffer) => response.decode(bytes),
        message,
        done,
      );
    });
    client.close();
    expect(collector.spans).toMatchObject([{ name: 'boot VM' }]);
  });

  it('says what it could not decode', async () => {
    const headers = { 'content-type': 'application/x-protobuf' };
    const { status } = await fetch(`${collector.endpoint}/v1/traces`, { method: 'POST', headers, body: new Uint8Array([0xff, 1, 2]) });
    expect([status, collector.problems.length]).toEqual([400, 1]);
  });
});

describe('a trace', () => {
  const span = (over: Partial<CollectedSpan>): CollectedSpan => ({
    ...ids,
    parentSpanId: '',
    name: 'run job',
    kind: 'internal',
    start: 1_000_000_000n,
    end: 2_000_000_000n,
    attributes: {},
    links: [],
    failed: false,
    service: 'scheduler',
    resource: {},
    ...over,
  });
  const child = (over: Partial<CollectedSpan>): CollectedSpan => span({ spanId: 'c7ad6b7169203331', parentSpanId: ids.spanId, ...over });

  it.each([
    ['several roots', [span({}), span({ spanId: 'c7ad6b7169203331' })], /2 roots/],
    ['an orphan', [span({}), child({ parentSpanId: 'ffffffffffffffff' })], /a parent that nobody exported/],
    ['a child before its parent', [span({}), child({ start: 1n })], /begins before its parent/],
    ['a child after its parent', [span({}), child({ start: 9_000_000_000n, end: 9_000_000_001n })], /begins after its parent/],
    ['a span that ends before it begins', [span({ end: 1n })], /ends before it begins/],
    ['an id of zeros', [span({ spanId: '0000000000000000' })], /ids that the specification does not allow/],
    ['a span of nobody', [span({ service: '' })], /no service.name/],
  ])('is not right with %s', (_, spans, problem) => expect(traceProblems(spans).join('\n')).toMatch(problem));

  it('is right when every child begins within its parent', () => expect(traceProblems([span({}), child({})])).toEqual([]));
});
