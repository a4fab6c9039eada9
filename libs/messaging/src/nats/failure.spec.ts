/** What goes wrong between the two ends of the bus, with a real server in the middle. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bus } from '../bus.ts';
import { echoService } from '../testing/echo.ts';
import { startNatsServer, type TestNatsServer } from '../testing/nats-server.ts';
import { encodeFrame, frameHead } from './frame.ts';
import { createNatsBus, type NatsBusOptions } from './nats-bus.ts';

type Echo = ServiceImpl<typeof echoService>;
const subject = (method: string): string => `verbena.rpc.verbena-testing-Echo.=.${method}.rogue.=`;
const echo = (more: Partial<Echo>): Echo => ({ one: (ping) => ping, ...more }) as Echo;

let server: TestNatsServer;
const toClose: { close(): Promise<void> }[] = [];
beforeEach(async () => void (server = await startNatsServer()));
afterEach(async () => {
  await Promise.all(toClose.splice(0).map((one) => one.close()));
  await server.stop();
});

async function busOf(service: string, more: Partial<NatsBusOptions> = {}): Promise<Bus> {
  const bus = await createNatsBus({ servers: server.url, caller: { service }, drain: { unaryMs: 50, streamMs: 10 }, ...more });
  toClose.push(bus);
  return bus;
}

async function plain(): Promise<NatsConnection> {
  const nc = await connect({ servers: server.url });
  toClose.push(nc);
  return nc;
}

/** Bytes that the garbage collector would keep. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

const failure = (call: Promise<unknown>): Promise<ConnectError> => call.then(() => expect.unreachable('it succeeded'), ConnectError.from);

async function drain(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of stream) count++;
  return count;
}

/** Resolves when a handler's signal aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })));

describe('the NATS server', () => {
  it('killed and started again with nothing it knew: calls under way fail, later ones work', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    const unaryStarted = Promise.withResolvers<void>();
    const unaryLearnt = Promise.withResolvers<void>();
    const streamLearnt = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        one: async (ping, { signal }) => {
          if (ping.text !== 'wait') return ping;
          unaryStarted.resolve();
          await aborted(signal);
          unaryLearnt.resolve();
          return ping;
        },
        async *many(_, { signal }) {
          try {
            yield { text: 'first' };
            await aborted(signal);
          } finally {
            streamLearnt.resolve();
          }
        },
      }),
    );
    const client = near.client(echoService);
    const stream = client.many({})[Symbol.asyncIterator]();
    await stream.next();
    const call = failure(client.one({ text: 'wait' }));
    await unaryStarted.promise;

    await server.kill();
    expect((await call).code).toBe(Code.Unavailable);
    expect((await failure(stream.next())).code).toBe(Code.Unavailable);
    await Promise.all([unaryLearnt.promise, streamLearnt.promise]);
    expect([near.connected(), far.connected()]).toEqual([false, false]);
    expect((await failure(client.one({ text: 'now' }))).code).toBe(Code.Unavailable);
    near.publish('into.the.void', new Uint8Array(1));

    await server.restart();
    await vi.waitFor(() => expect([near.connected(), far.connected()]).toEqual([true, true]), { timeout: 15_000, interval: 10 });
    await vi.waitFor(async () => expect((await client.one({ text: 'again' })).text).toBe('again'), { timeout: 5_000 });
  });

  it('away when a service starts: it says so at once, and works when it is there', async () => {
    const { url } = server;
    await server.kill();
    await expect(createNatsBus({ servers: url, caller: { service: 'early' } })).rejects.toThrow(`no connection to NATS at ${url}`);
    await server.restart();
    const bus = await busOf('early');
    expect(bus.connected()).toBe(true);
  });

  it('there and silent: calls end at their deadline, and others go on when it speaks again', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    await far.serve(echoService, echo({}));
    const client = near.client(echoService);
    server.pause();
    expect((await failure(client.one({}, { timeoutMs: 50 }))).code).toBe(Code.DeadlineExceeded);
    server.resume();
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
  });
});

describe('a service', () => {
  const fast = { limits: { aliveMs: 40 } };

  it('that dies without a word is noticed by its silence', async () => {
    const near = await busOf('near', fast);
    const nc = await plain();
    // It takes calls and never answers, as a process does that was stopped; the stream had begun.
    nc.subscribe('verbena.rpc.verbena-testing-Echo.=.One.*.*', { callback: () => undefined });
    nc.subscribe('verbena.rpc.verbena-testing-Echo.=.Many.*.*', {
      callback: (_, message) =>
        void message.respond(
          encodeFrame({ kind: 'response', status: 200, head: 'content-type:application/connect+proto\n:replica:dead\n' }),
        ),
    });
    await nc.flush();
    const one = await failure(near.client(echoService).one({}));
    expect(one).toMatchObject({ code: Code.Unavailable, rawMessage: 'verbena.testing.Echo did not answer' });
    const many = await failure(drain(near.client(echoService).many({})));
    expect(many).toMatchObject({ code: Code.Unavailable, rawMessage: 'verbena.testing.Echo went silent during the call' });
  });

  it('that takes its time is waited for, in calls and in streams', async () => {
    const [near, far] = await Promise.all([busOf('near', fast), busOf('far', fast)]);
    const serverPeriods = 12;
    await far.serve(
      echoService,
      echo({
        one: async (ping) => {
          await delay(serverPeriods * fast.limits.aliveMs);
          return ping;
        },
        async *many() {
          yield { text: 'first' };
          await delay(serverPeriods * fast.limits.aliveMs);
          yield { text: 'last' };
        },
      }),
    );
    const client = near.client(echoService);
    const [one, many] = await Promise.all([client.one({ text: 'slow' }), drain(client.many({}))]);
    expect([one.text, many]).toEqual(['slow', 2]);
  });

  it('hears of a caller that is gone without having cancelled', async () => {
    const far = await busOf('far', fast);
    const learnt = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        async *many(_, { signal }) {
          yield { text: 'first' };
          await aborted(signal);
          learnt.resolve();
        },
      }),
    );
    const nc = await plain();
    // A message of no bytes in Connect's envelope.
    const request = encodeFrame({
      kind: 'request',
      end: true,
      limit: 16,
      head: 'content-type:application/connect+proto\n',
      body: new Uint8Array(5),
    });
    nc.publish(subject('Many'), request, { reply: 'verbena.re.verbena-testing-Echo.=.rogue.=.connection.1' });
    await learnt.promise;
  });

  it('with two replicas shares its calls among them, and goes on with one when the other stops', async () => {
    const near = await busOf('near');
    const named = async (name: string) => (await busOf(name)).serve(echoService, echo({ one: () => ({ text: name }) }));
    const [first] = await Promise.all([named('first'), named('second')]);
    const ask = async (): Promise<Set<string>> =>
      new Set((await Promise.all(Array.from({ length: 60 }, () => near.client(echoService).one({})))).map(({ text }) => text));
    expect([...(await ask())].toSorted()).toEqual(['first', 'second']);
    const asked = ask();
    await first.stop();
    await asked;
    expect([...(await ask())]).toEqual(['second']);
  });

  it('takes so many calls and no more, of all callers and of one', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far', { limits: { calls: 3, callsOfOne: 2 } })]);
    const other = await busOf('other');
    const finish = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        one: async (ping) => {
          await finish.promise;
          return ping;
        },
      }),
    );
    const ask = (bus: Bus) => bus.client(echoService).one({});
    const under = [ask(near), ask(near)];
    expect(await failure(ask(near))).toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: expect.stringContaining('2 calls of one caller'),
    });
    under.push(ask(other));
    expect(await failure(ask(other))).toMatchObject({
      code: Code.ResourceExhausted,
      rawMessage: expect.stringContaining('3 calls under way'),
    });
    finish.resolve();
    await Promise.all(under);
    await ask(near);
  });
});

describe('what somebody makes up', () => {
  it('is refused as a call, and harms no other', async () => {
    const told: unknown[] = [];
    const [near, far] = await Promise.all([busOf('near'), busOf('far', { onUnexpectedError: (error) => told.push(error) })]);
    await far.serve(echoService, echo({}));
    const nc = await plain();
    const honest = 'verbena.re.verbena-testing-Echo.=.rogue.=.connection';
    const answers: number[] = [];
    nc.subscribe('verbena.re.verbena-testing-Echo.=.rogue.=.connection.*', {
      callback: (_, { data }) => void answers.push(frameHead.get(new DataView(data.buffer, data.byteOffset), 0, 'status')),
    });
    const other = vi.fn();
    nc.subscribe('secret', { callback: other });
    nc.subscribe('verbena.re.verbena-testing-Echo.=.near.=.connection.1', { callback: other });
    const request = encodeFrame({ kind: 'request', end: true, limit: 1 });
    for (const [index, frame] of [
      new Uint8Array(0),
      new Uint8Array(500).fill(255),
      encodeFrame({ kind: 'credit' }),
      request.subarray(0, 10),
    ].entries())
      nc.publish(subject('One'), frame, { reply: `${honest}.${index}` });
    nc.publish(subject('Nothing'), request, { reply: `${honest}.9` });
    // Answers that would go where the caller may not listen: to another's inbox, or to a subject that the service may publish to.
    for (const reply of ['secret', 'verbena.re.verbena-testing-Echo.=.near.=.connection.1', `${honest}`, `${honest}.1.2`])
      nc.publish(subject('One'), request, { reply });
    nc.publish(subject('One'), request);
    nc.publish('verbena.rpc.verbena-testing-Echo.=.One.a=b.=', request, { reply: `${honest}.7` });
    const control = `verbena.ctl.verbena-testing-Echo.=.=.rogue.=.connection`;
    for (const call of ['1', 'alive', 'x']) nc.publish(`${control}.${call}`, new Uint8Array(30).fill(1));
    await nc.flush();
    expect((await near.client(echoService).one({ text: 'hello' })).text).toBe('hello');
    await nc.flush();
    expect(answers.toSorted((a, b) => a - b)).toEqual([
      Code.InvalidArgument,
      Code.InvalidArgument,
      Code.InvalidArgument,
      Code.InvalidArgument,
      Code.Unimplemented,
    ]);
    expect(other).not.toHaveBeenCalled();
    expect(told).toHaveLength(10);
  });

  it('is no answer: the call fails, and the next one works', async () => {
    const told: unknown[] = [];
    const near = await busOf('near', { onUnexpectedError: (error) => told.push(error) });
    const nc = await plain();
    const begun = encodeFrame({ kind: 'response', status: 200, head: ':replica:r\n' });
    for (const answers of [[new Uint8Array(40).fill(255)], [begun, encodeFrame({ kind: 'data', sequence: 3 })]]) {
      const calls = nc.subscribe('verbena.rpc.verbena-testing-Echo.=.One.*.*', {
        callback: (_, message) => {
          for (const answer of answers) message.respond(answer);
        },
      });
      await nc.flush();
      expect((await failure(near.client(echoService).one({}))).code).toBe(Code.Internal);
      calls.unsubscribe();
    }
    const far = await busOf('far');
    await far.serve(echoService, echo({}));
    expect((await near.client(echoService).one({ text: 'hello' })).text).toBe('hello');
    expect(told).toHaveLength(2);
  });
});

describe('much', () => {
  it('of a message is refused with the limit named, on the way there and back', async () => {
    const limits = { messageBytes: 100_000, pieceBytes: 10_000 };
    const [near, far] = await Promise.all([busOf('near', { limits }), busOf('far', { limits })]);
    await far.serve(
      echoService,
      echo({
        one: (ping) => ({ data: new Uint8Array(Number(ping.text)) }),
        async *many() {
          yield { data: new Uint8Array(200_000) };
        },
      }),
    );
    const client = near.client(echoService);
    const tooMuch = { code: Code.ResourceExhausted, rawMessage: expect.stringContaining('100000') };
    expect(await failure(client.one({ data: new Uint8Array(100_001) }))).toMatchObject(tooMuch);
    expect(await failure(client.one({ text: '200000' }))).toMatchObject(tooMuch);
    expect((await failure(drain(client.many({})))).code).toBe(Code.ResourceExhausted);
    expect((await client.one({ text: '99000' })).data).toHaveLength(99_000);
    const generous = await busOf('generous');
    expect(await failure(generous.client(echoService).one({ data: new Uint8Array(4 << 20) }))).toMatchObject(tooMuch);
    expect((await failure(client.one({}, { headers: { big: 'x'.repeat(40_000) } }))).code).toBe(Code.ResourceExhausted);
  });

  it('of a large message crosses in pieces, whole and in both directions', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    await far.serve(echoService, echo({}));
    const data = Buffer.alloc(20 << 20);
    for (let at = 0; at < data.length; at += 4_096) data.writeUInt32LE(at, at);
    const answer = await near.client(echoService).one({ data });
    expect(Buffer.compare(answer.data, data)).toBe(0);
  });

  it('of a stream waits for its reader, who holds up no other', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    const piece = new Uint8Array(32 << 10);
    let sent = 0;
    await far.serve(
      echoService,
      echo({
        async *many(ping) {
          for (let n = 0; n < 400; n++) {
            if (ping.text === 'slow') sent++;
            yield { data: piece };
          }
        },
      }),
    );
    const client = near.client(echoService);
    const slow = client.many({ text: 'slow' })[Symbol.asyncIterator]();
    await slow.next();
    expect(await drain(client.many({}))).toBe(400);
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
    // The window, what Connect holds in its hands, and no more.
    expect(sent).toBeLessThan(24);
    let rest = 1;
    while ((await slow.next()).done !== true) rest++;
    expect([rest, sent]).toEqual([400, 400]);
  });

  it('of patience has an end: a reader that takes nothing loses its stream', async () => {
    const limits = { idleCreditMs: 100 };
    const [near, far] = await Promise.all([busOf('near'), busOf('far', { limits })]);
    const ended = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        async *many() {
          try {
            for (;;) yield { text: 'more' };
          } finally {
            ended.resolve();
          }
        },
      }),
    );
    const reader = near.client(echoService).many({})[Symbol.asyncIterator]();
    await reader.next();
    await ended.promise;
    const error = await failure(
      (async () => {
        while ((await reader.next()).done !== true);
      })(),
    );
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: expect.stringContaining('took nothing') });
  });

  it('of time is bounded, too', async () => {
    const limits = { aliveMs: 20, callMs: 100 };
    const [near, far] = await Promise.all([busOf('near', { limits }), busOf('far', { limits })]);
    await far.serve(echoService, echo({ one: () => new Promise<never>(() => undefined) }));
    expect(await failure(near.client(echoService).one({}))).toMatchObject({
      code: Code.DeadlineExceeded,
      rawMessage: expect.stringContaining('0.1 s'),
    });
  });

  it('of idle streams costs little, and other calls nothing', async () => {
    const streams = 1_000;
    const [near, far] = await Promise.all([busOf('near', { limits: { aliveMs: 500 } }), busOf('far', { limits: { aliveMs: 500 } })]);
    let open = 0;
    await far.serve(
      echoService,
      echo({
        async *many(_, { signal }) {
          open++;
          yield { text: 'first' };
          await aborted(signal);
          open--;
        },
      }),
    );
    const client = near.client(echoService);
    const before = heapInUse();
    const stop = new AbortController();
    const readers = Array.from({ length: streams }, () => client.many({}, { signal: stop.signal })[Symbol.asyncIterator]());
    await Promise.all(readers.map((reader) => reader.next()));
    expect(open).toBe(streams);
    const waiting = readers.map((reader) => reader.next().then(() => undefined, ConnectError.from));
    // They are quiet for several periods, and are kept.
    await delay(2_500);
    expect(open).toBe(streams);
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
    expect((heapInUse() - before) / streams).toBeLessThan(100_000);
    stop.abort();
    expect(new Set((await Promise.all(waiting)).map((error) => error?.code))).toEqual(new Set([Code.Canceled]));
    await vi.waitFor(() => expect(open).toBe(0));
  });
});
