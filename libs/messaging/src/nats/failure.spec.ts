/** What goes wrong between the two ends of the bus, with a real server in the middle. */
import { setTimeout as delay } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import type { Bus } from '../bus.ts';
import { echoService } from '../testing/echo.ts';
import { encodeFrame } from './frame.ts';
import { createNatsBus } from './create-nats-bus.ts';
import { aborted, cuttable, drained, echo, failure, subjectOf, wired, type Echo } from './nats.fixture.ts';

const { server, busOf, plain } = wired();

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

    await server().kill();
    expect((await call).code).toBe(Code.Unavailable);
    expect((await failure(stream.next())).code).toBe(Code.Unavailable);
    await Promise.all([unaryLearnt.promise, streamLearnt.promise]);
    expect([near.connected(), far.connected()]).toEqual([false, false]);
    expect((await failure(client.one({ text: 'now' }))).code).toBe(Code.Unavailable);
    near.publish('into.the.void', new Uint8Array(1));

    await server().restart();
    await vi.waitFor(() => expect([near.connected(), far.connected()]).toEqual([true, true]), { timeout: 30_000, interval: 10 });
    await vi.waitFor(async () => expect((await client.one({ text: 'again' })).text).toBe('again'), { timeout: 30_000 });
  });

  it('away when a service starts: it says so at once, and works when it is there', async () => {
    const { url } = server();
    await server().kill();
    await expect(createNatsBus({ servers: url, caller: { service: 'early' } })).rejects.toThrow(`no connection to NATS at ${url}`);
    await server().restart();
    const bus = await busOf('early');
    expect(bus.connected()).toBe(true);
  });

  it('away, or silent, when a service starts to serve or ends: neither waits for it', async () => {
    const [away, silent, near] = await Promise.all([busOf('away'), busOf('silent'), busOf('near')]);
    await silent.serve(echoService, echo());
    server().pause();
    await silent.close();
    server().resume();
    await server().kill();
    await vi.waitFor(() => expect(near.connected()).toBe(false), { timeout: 20_000 });
    await near.serve(echoService, echo());
    await away.close();
    await server().restart();
    const client = (await busOf('later')).client(echoService);
    await vi.waitFor(async () => expect((await client.one({ text: 'hello' })).text).toBe('hello'), { timeout: 30_000 });
  });

  it('there and silent: calls end at their deadline, and others go on when it speaks again', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    await far.serve(echoService, echo());
    const client = near.client(echoService);
    server().pause();
    expect((await failure(client.one({}, { timeoutMs: 50 }))).code).toBe(Code.DeadlineExceeded);
    server().resume();
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
  });
});

describe('a connection', () => {
  const limits = { aliveMs: 40 };
  const watched = () => {
    const learnt = Promise.withResolvers<void>();
    const many: Echo['many'] = async function* (_, { signal }) {
      yield { text: 'first' };
      await aborted(signal);
      learnt.resolve();
    };
    return { learnt: learnt.promise, many };
  };

  for (const whose of ['caller', 'service'] as const)
    it(`of the ${whose} alone that is lost ends its calls on both sides, while later ones go on`, async () => {
      const way = await cuttable(server().port);
      const through = { limits, servers: way.url };
      const [near, far] = await Promise.all([
        busOf('near', whose === 'caller' ? through : { limits }),
        busOf('far', whose === 'service' ? through : { limits }),
      ]);
      const { learnt, many } = watched();
      await far.serve(echoService, echo({ many }));
      const client = near.client(echoService);
      const stream = client.many({})[Symbol.asyncIterator]();
      await stream.next();
      const next = failure(stream.next());
      way.cut();
      expect((await next).code).toBe(Code.Unavailable);
      await vi.waitFor(async () => expect((await client.one({ text: 'again' })).text).toBe('again'), { timeout: 30_000 });
      // A stream beside the lost one keeps the two in touch; it must not keep the lost one.
      const other = client.many({})[Symbol.asyncIterator]();
      await other.next();
      await learnt;
      await Promise.all([near.close(), far.close(), way.close()]);
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
    const many = await failure(drained(near.client(echoService).many({})));
    expect(many).toMatchObject({ code: Code.Unavailable, rawMessage: 'verbena.testing.Echo went silent during the call' });
  });

  it('that dies during a call is known to be gone, though another has taken its place', async () => {
    const way = await cuttable(server().port);
    const quick = { limits: { probeMs: 20 } };
    const [near, far] = await Promise.all([busOf('near', quick), busOf('far', { ...quick, servers: way.url })]);
    const started = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        one: async (ping) => {
          if (ping.text === '') return ping;
          started.resolve();
          return new Promise<never>(() => undefined);
        },
      }),
    );
    await near.client(echoService).one({});
    const call = failure(near.client(echoService).one({ text: 'wait' }));
    await started.promise;
    way.cut();
    await way.close();
    const successor = await busOf('far', quick);
    await successor.serve(echoService, echo());
    expect(await call).toMatchObject({ code: Code.Unavailable, rawMessage: 'verbena.testing.Echo died during the call' });
    expect((await near.client(echoService).one({ text: 'again' })).text).toBe('again');
  });

  it('that is only busy is not taken for dead, until it is', async () => {
    const near = await busOf('near', { limits: { probeMs: 20 } });
    const nc = await plain();
    nc.subscribe('verbena.rpc.verbena-testing-Echo.=.One.*.*', {
      callback: (_, message) => void message.respond(encodeFrame({ kind: 'accept', head: ':replica:busy\n' })),
    });
    const asked = Promise.withResolvers<void>();
    let times = 0;
    nc.subscribe('verbena.ctl.verbena-testing-Echo.=.busy.*.*.*.*', { callback: () => void (++times === 10 && asked.resolve()) });
    await nc.flush();
    let over = false;
    const call = failure(near.client(echoService).one({})).finally(() => (over = true));
    await asked.promise;
    expect(over).toBe(false);
    await nc.close();
    expect((await call).rawMessage).toBe('verbena.testing.Echo died during the call');
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
    const [one, many] = await Promise.all([client.one({ text: 'slow' }), drained(client.many({}))]);
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
    nc.publish(subjectOf('Many'), request, { reply: 'verbena.re.verbena-testing-Echo.=.rogue.=.connection.1' });
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
