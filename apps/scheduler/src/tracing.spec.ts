import { jobv1 } from '@verbena/contracts';
import { currentTraceparent } from '@verbena/messaging';
import { inSpan } from '@verbena/service-kit';
import { testTelemetry, type TestTelemetry } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testCluster, type TestCluster } from './testing/cluster.ts';

let telemetry: TestTelemetry;
let cluster: TestCluster;
beforeEach(() => (telemetry = testTelemetry()));
afterEach(async () => {
  await cluster.stop();
  await telemetry.stop();
});

it('one trace holds a job from whoever submitted it to its end, in spans and in events', async () => {
  cluster = await testCluster([2], {}, telemetry.tracer);
  let job: jobv1.Job | undefined;
  let wanted = '';
  await inSpan(telemetry.tracer, 'verbena run', {}, async () => {
    wanted = currentTraceparent()?.split('-')[1] ?? '';
    job = await cluster.submit();
  });
  const id = job?.id ?? '';
  expect((await cluster.finish(id)).traceId).toBe(wanted);
  await cluster.eventually('the run is over', () => telemetry.spans().some(({ name }) => name === 'run job'));
  const spans = telemetry.spans().filter((span) => span.spanContext().traceId === wanted);
  for (const name of ['submit job', 'run job', 'wait in queue', 'distribute image', 'boot VMs', 'run ranks']) {
    expect(spans.map((span) => span.name)).toContain(name);
  }
  // A job that ends well leaves no failed span.
  expect(spans.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual([]);
  const own = (await cluster.store.readStream(id)).map(({ event, metadata }) => [event.type, metadata.traceparent?.split('-')[1]]);
  expect(own.filter(([type, traceId]) => type !== 'RankExited' && traceId !== wanted)).toEqual([]);
});

it('goes on after a restart of the scheduler in the trace that the log names', async () => {
  cluster = await testCluster([2], {}, telemetry.tracer);
  const first = await cluster.submit();
  await cluster.until(first.id, jobv1.JobState.RUNNING);
  let second: jobv1.Job | undefined;
  let wanted = '';
  await inSpan(telemetry.tracer, 'verbena submit', {}, async () => {
    wanted = currentTraceparent()?.split('-')[1] ?? '';
    second = await cluster.submit();
  });
  const id = second?.id ?? '';
  await cluster.restart();
  await cluster.agent(0).register();
  expect((await cluster.finish(id)).traceId).toBe(wanted);
  const lives = (): readonly string[] =>
    telemetry
      .spans()
      .filter(({ name, attributes }) => name === 'run job' && attributes['verbena.job.id'] === id)
      .map((span) => span.spanContext().traceId);
  await cluster.eventually('both lives are over', () => lives().length === 2);
  expect(lives()).toEqual([wanted, wanted]);
});
