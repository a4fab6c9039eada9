import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SpanKind } from '@opentelemetry/api';
import { createInProcessBus, currentTraceparent, withCallContext } from '@verbena/messaging';
import { echoService } from '@verbena/messaging/testing';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { configFromEnvironment, processVariables } from './config.ts';
import { createLogger } from './logging.ts';
import { createMetrics } from './metrics/metrics.ts';
import { prettyLine } from './pretty.ts';
import { createShutdown } from './shutdown.ts';
import { inSpan } from './tracing/span.ts';
import { startTelemetry } from './tracing/telemetry.ts';
import { manualClock } from './testing/manual-clock.ts';
import { testTelemetry, type TestTelemetry } from './testing/test-telemetry.ts';

const silent = pino({ level: 'silent' });

describe('configuration', () => {
  it('has defaults and takes an empty variable for unset', () => {
    expect(configFromEnvironment(processVariables, { VERBENA_LOG_LEVEL: '', OTHER: 'x' })).toEqual({ VERBENA_LOG_LEVEL: 'info' });
  });

  it('names each wrong variable, and never its value', () => {
    const schema = z.object({ PORT: z.coerce.number().int(), TOKEN: z.string().min(20) });
    const read = (): unknown => configFromEnvironment(schema, { PORT: 'http', TOKEN: 'hunter2' });
    expect(read).toThrow(/PORT: .*\n {2}TOKEN: /);
    expect(read).not.toThrow('hunter2');
  });
});

describe('logging', () => {
  const logged = (pretty: boolean, write: (log: ReturnType<typeof createLogger>) => void): string => {
    let text = '';
    write(createLogger({ name: 'scheduler', pretty, destination: { write: (line) => void (text += line) } }));
    return text;
  };

  it('writes JSON with the active trace, and no secrets', async () => {
    const telemetry = testTelemetry();
    const line = await inSpan(telemetry.tracer, 'submit job', {}, (span) => {
      const { traceId } = span.spanContext();
      return [
        logged(false, (log) => log.info({ job: 'job-1', password: 'x1y2', config: { token: 'x1y2', DATABASE_URL: 'x1y2' } }, 'placed')),
        traceId,
      ];
    });
    expect(line[0]).not.toContain('x1y2');
    expect(JSON.parse(line[0]!)).toMatchObject({
      name: 'scheduler',
      msg: 'placed',
      job: 'job-1',
      password: '[Redacted]',
      trace_id: line[1],
    });
    await telemetry.stop();
  });

  it('writes a line for people, from which a guest’s bytes cannot drive the terminal', () => {
    const text = logged(true, (log) => log.warn({ job: 'job-1', said: '\u001b[2Jhi', err: new Error('no\nroom') }, 'odd\u0007'));
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}scheduler: odd\\x07 \(no\\x0aroom\) job=job-1 said="\\u001b\[2Jhi"\n$/);
    expect(prettyLine('not json\u001b')).toBe('not json\\x1b');
  });
});

describe('telemetry', () => {
  let telemetry: TestTelemetry | undefined;
  afterEach(() => telemetry?.stop());

  it('nests spans, and records what was thrown', async () => {
    telemetry = testTelemetry();
    const { tracer } = telemetry;
    const failing = inSpan(tracer, 'run job', { 'verbena.job.id': 'job-1' }, () =>
      inSpan(tracer, 'boot VMs', {}, () => Promise.reject(new Error('no'))),
    );
    await expect(failing).rejects.toThrow('no');
    const [inner, outer] = telemetry.spans();
    expect(inner).toMatchObject({
      name: 'boot VMs',
      status: { message: 'no' },
      attributes: { 'error.type': 'Error' },
      parentSpanContext: outer?.spanContext(),
    });
    expect(outer).toMatchObject({ name: 'run job', attributes: { 'verbena.job.id': 'job-1' } });
  });

  it('follows a call over the bus into the handler', async () => {
    telemetry = testTelemetry();
    const { tracer } = telemetry;
    const bus = createInProcessBus({ tracer });
    const one = (): { text: string } => ({ text: currentTraceparent() ?? '' });
    await bus.serve(echoService, { one } as never);
    const client = bus.client(echoService);
    const [answer, traceId] = await inSpan(tracer, 'submit job', {}, async (span) => [await client.one({}), span.spanContext().traceId]);
    const [served] = telemetry.spans();
    expect(served).toMatchObject({ name: 'verbena.testing.Echo/One', kind: SpanKind.SERVER });
    expect(served?.attributes).toEqual({ 'rpc.system': 'connect_rpc', 'rpc.service': 'verbena.testing.Echo', 'rpc.method': 'One' });
    const [, called] = telemetry.spans();
    expect(called).toMatchObject({ name: 'verbena.testing.Echo/One', kind: SpanKind.CLIENT });
    expect(served?.parentSpanContext?.spanId).toBe(called?.spanContext().spanId);
    expect(answer.text).toBe(`00-${traceId}-${served?.spanContext().spanId}-01`);
    expect((await client.one({})).text).toBe('');
    const elsewhere = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    await withCallContext({ actor: 'ada', tenant: 'physics', traceparent: elsewhere }, () => client.one({}));
    expect(telemetry.spans().at(-1)?.spanContext().traceId).toBe('a'.repeat(32));
    await bus.close();
  });

  it('exports to a collector when there is one, and stops in time when it does not answer', async () => {
    const exported: string[] = [];
    const traced = startTelemetry({
      serviceName: 'verbena',
      flushMs: 50,
      exporter: {
        export: (spans, done) => {
          exported.push(...spans.map(({ name, resource }) => `${String(resource.attributes['service.name'])} ${name}`));
          done({ code: 0 });
        },
        shutdown: () => new Promise(() => undefined),
      },
    });
    await inSpan(traced.tracer, 'verbena run', {}, () => undefined);
    await inSpan(traced.tracerFor('scheduler'), 'run job', {}, () => undefined);
    await traced.stop();
    expect(exported).toEqual(['verbena verbena run', 'scheduler run job']);
  });

  it('speaks OTLP: protobuf, posted to /v1/traces of the endpoint', async () => {
    const requests: string[] = [];
    const collector = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { method, url, headers } = request;
        const body = Buffer.concat(parts).toString('latin1');
        const found = ['image-manager', 'distribute'].filter((name) => body.includes(name));
        requests.push([method, url, headers['content-type'], ...found].join(' '));
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as AddressInfo;
    const traced = startTelemetry({ serviceName: 'image-manager', endpoint: `http://127.0.0.1:${port}/` });
    await inSpan(traced.tracer, 'distribute', {}, () => undefined);
    await traced.stop();
    expect(requests).toEqual(['POST /v1/traces application/x-protobuf image-manager distribute']);
    collector.closeAllConnections();
    collector.close();
  });

  it('logs once when the collector does not answer, and once when it does again', async () => {
    const logged: string[] = [];
    let fails = true;
    const metrics = createMetrics();
    const traced = startTelemetry({
      serviceName: 'scheduler',
      metrics,
      log: {
        warn: (_: object, text: string) => void logged.push(text),
        info: (_: object, text: string) => void logged.push(text),
      } as never,
      exporter: {
        export: (_spans, done) => done(fails ? { code: 1, error: new Error('refused') } : { code: 0 }),
        shutdown: () => Promise.resolve(),
      },
    });
    const flush = async (): Promise<void> => {
      await inSpan(traced.tracer, 'run job', {}, () => undefined);
      await traced.flush();
    };
    for (let time = 0; time < 3; time++) await flush();
    fails = false;
    for (let time = 0; time < 3; time++) await flush();
    await traced.stop();
    expect(logged).toEqual([
      'traces are not taken by the collector; they are dropped until it answers',
      'traces are taken by the collector again',
    ]);
    expect((await metrics.render()).body).toContain('verbena_telemetry_spans_dropped_total{reason="export-failed"} 3');
  });

  it('gives spans an identity when nothing is exported', async () => {
    const quiet = startTelemetry({ serviceName: 'verbena' });
    expect(await inSpan(quiet.tracer, 'run job', {}, () => currentTraceparent())).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    await quiet.stop();
  });
});

describe('shutdown', () => {
  it('stops the last first, whatever fails or hangs', async () => {
    const order: string[] = [];
    const shutdown = createShutdown(silent);
    shutdown.add('store', () => void order.push('store'));
    shutdown.add('hangs', () => new Promise(() => undefined), 10);
    shutdown.add('fails', () => Promise.reject(new Error('no')));
    shutdown.add('gateway', () => void order.push('gateway'));
    const [first, again] = await Promise.all([shutdown.run(), shutdown.run()]);
    expect(order).toEqual(['gateway', 'store']);
    expect(first).toEqual(['fails', 'hangs']);
    expect(again).toBe(first);
  });
});

describe('the manual clock', () => {
  it('wakes sleepers in order, and those that sleep again within the same step', async () => {
    const clock = manualClock();
    const woken: string[] = [];
    void clock.sleep(20).then(() => woken.push(`b ${clock.monotonic()}`));
    void clock.sleep(10).then(async () => {
      woken.push(`a ${clock.monotonic()}`);
      await clock.sleep(15);
      woken.push(`c ${clock.monotonic()}`);
    });
    await clock.advance(24);
    expect(woken).toEqual(['a 10', 'b 20']);
    await clock.untilSleeping();
    await clock.advance(1);
    expect(woken).toEqual(['a 10', 'b 20', 'c 25']);
    expect(clock.now()).toEqual(new Date(Date.UTC(2000, 0, 1) + 25));
    const stop = new AbortController();
    const sleep = expect(clock.sleep(5, stop.signal)).rejects.toThrow('stop');
    stop.abort(new Error('stop'));
    await sleep;
    expect(clock.sleepers).toBe(0);
  });
});
