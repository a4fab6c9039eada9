import { OtlpCollector, ProcessCluster, Sandbox, traceProblems, type CollectedSpan } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let collector: OtlpCollector;
let cluster: ProcessCluster;
let sandbox: Sandbox;
let spans: readonly CollectedSpan[];

beforeAll(async () => {
  collector = await OtlpCollector.start();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint };
  cluster = await ProcessCluster.start({ hosts: 2, cores: 2, environment: () => env });
  sandbox = await Sandbox.create();
  const program = await sandbox.file('noop.c', 'int main(void) { return 0; }\n');
  const { code, stderr } = await sandbox.cli(['--endpoint', cluster.url, 'run', '-n', '4', program], { env });
  expect([code, stderr]).toEqual([0, '']);
  const run = await collector.until('of the end of the run', () => collector.spans.find(({ name }) => name === 'verbena run'));
  const own = (name: string): number => collector.trace(run.traceId).filter((span) => span.name === name).length;
  await collector.until('of the end of the job', () => (own('run job') === 1 && own('run rank') === 4 ? true : undefined));
  // What a process still has to send comes within the interval of its exporter.
  await collector
    .until('of every parent', () => (traceProblems(collector.trace(run.traceId)).length === 0 ? true : undefined))
    .catch(() => undefined);
  spans = collector.trace(run.traceId);
});
afterAll(async () => {
  await cluster.stop();
  await sandbox.destroy();
  await collector.stop();
});

describe('the trace of a job whose services are processes of their own', () => {
  it('is one tree', () => {
    expect(collector.problems).toEqual([]);
    expect(traceProblems(spans)).toEqual([]);
    expect(spans.filter(({ parentSpanId }) => parentSpanId === '').map(({ name }) => name)).toEqual(['verbena run']);
  });

  it('has spans of each service, each from a process of its own', () => {
    const processes = new Map(
      spans.map(({ service, resource }) => [`${service} ${String(resource['service.instance.id'])}`, resource['process.pid']]),
    );
    const services = new Set(spans.map(({ service }) => service));
    expect([...services].sort()).toEqual(['frontend-gateway', 'image-manager', 'node-agent', 'scheduler', 'storage', 'verbena-cli']);
    expect(new Set(processes.values()).size).toBe(7);
    expect(processes.size).toBe(7);
  });

  it('follows each call over NATS', () => {
    const calls = spans.filter(({ kind, service }) => kind === 'server' && service !== 'frontend-gateway');
    expect(calls.length).toBeGreaterThan(10);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const call of calls) {
      expect(call.attributes).toMatchObject({ 'rpc.system': 'connect_rpc', 'messaging.system': 'nats' });
      expect(byId.get(call.parentSpanId)).toMatchObject({ kind: 'client', name: call.name });
    }
  });
});
