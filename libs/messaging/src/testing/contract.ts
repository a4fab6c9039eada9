/** What every Bus must do. The suite runs on each implementation. */
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus } from '../bus.ts';
import { callContext, withCallContext } from '../call-context.ts';
import type { Caller } from '../caller.ts';
import { echoService, pingSchema, type Ping } from './echo.ts';

type Echo = ServiceImpl<typeof echoService>;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const caller = { service: 'node-agent', instance: 'node 0.☂' };
const ada = { actor: 'Ada Lovelace ☂', tenant: 'physics', roles: ['operator', 'user'] };

const echo: Echo = {
  one: (ping) => ping,
  async *many(ping) {
    for (let n = 0; n < Number(ping.text); n++) yield { text: `${n}`, data: ping.data };
  },
  async gather(pings) {
    const texts: string[] = [];
    for await (const { text } of pings) texts.push(text);
    return { text: texts.join(' ') };
  },
  async *talk(pings) {
    for await (const { text } of pings) yield { text: `${text}!` };
  },
};

async function* pings(...texts: string[]): AsyncGenerator<{ text: string }> {
  for (const text of texts) yield { text };
}

async function texts(stream: AsyncIterable<Ping>): Promise<string[]> {
  const all: string[] = [];
  for await (const { text } of stream) all.push(text);
  return all;
}

async function failure(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => expect.unreachable('the call succeeded'),
    (error: unknown) => ConnectError.from(error),
  );
}

/** Waits for the call's end as its handler sees it. */
function ended({ signal }: HandlerContext): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Registers the suite. `make` gives a bus that nothing is served on, and that calls under the name it is given. */
export function busContract(name: string, make: (caller: Caller) => Promise<Bus>): void {
  describe(`${name} keeps the contract of a bus`, () => {
    let bus: Bus;
    beforeEach(async () => void (bus = await make(caller)));
    afterEach(() => bus.close());
    carrying(() => bus);
    failing(() => bus);
    cancelling(() => bus);
    serving(() => bus);
    knowing(() => bus);
    notifying(() => bus);
  });
}

function carrying(the: () => Bus): void {
  it('carries calls of every kind', async () => {
    await the().serve(echoService, echo);
    const client = the().client(echoService);
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
    expect(await texts(client.many({ text: '3' }))).toEqual(['0', '1', '2']);
    expect((await client.gather(pings('a', 'b', 'c'))).text).toBe('a b c');
    expect(await texts(client.talk(pings('a', 'b')))).toEqual(['a!', 'b!']);
  });

  it('lets the two sides of a call share no bytes', async () => {
    const seen: Uint8Array[] = [];
    await the().serve(echoService, { ...echo, one: (ping) => (seen.push(ping.data), ping) });
    const sent = new Uint8Array([1, 2, 3]);
    const received = await the().client(echoService).one({ data: sent });
    sent[0] = 9;
    received.data[1] = 9;
    expect([...(seen[0] ?? [])]).toEqual([1, 2, 3]);
  });

  it('carries a megabyte, and headers and trailers in both directions', async () => {
    const one: Echo['one'] = (ping, context) => {
      context.responseHeader.set('x-answer', context.requestHeader.get('x-question') ?? '');
      context.responseTrailer.set('x-late', 'yes');
      return ping;
    };
    await the().serve(echoService, { ...echo, one });
    const data = new Uint8Array(1 << 20).fill(7);
    const got: (string | null)[] = [];
    const answer = await the()
      .client(echoService)
      .one(
        { data },
        {
          headers: { 'x-question': 'why' },
          onHeader: (header) => got.push(header.get('x-answer')),
          onTrailer: (trailer) => got.push(trailer.get('x-late')),
        },
      );
    expect(Buffer.compare(answer.data, data)).toBe(0);
    expect(got).toEqual(['why', 'yes']);
  });
}

function failing(the: () => Bus): void {
  it('carries a refusal with its code, message, metadata and details', async () => {
    const refuse = (): never => {
      const detail = { desc: pingSchema, value: { text: 'detail' } };
      throw new ConnectError('no such thing', Code.NotFound, { 'x-hint': 'look elsewhere' }, [detail]);
    };
    const many: Echo['many'] = async function* () {
      yield { text: 'first' };
      refuse();
    };
    await the().serve(echoService, { ...echo, one: refuse, many });
    const client = the().client(echoService);
    for (const error of [await failure(client.one({})), await failure(texts(client.many({})))]) {
      expect(error).toMatchObject({ code: Code.NotFound, rawMessage: 'no such thing' });
      expect(error.metadata.get('x-hint')).toBe('look elsewhere');
      expect(error.findDetails(pingSchema)).toMatchObject([create(pingSchema, { text: 'detail' })]);
    }
  });

  it('hides what a broken handler threw', async () => {
    const one: Echo['one'] = () => {
      throw new TypeError('secret');
    };
    await the().serve(echoService, { ...echo, one });
    const error = await failure(the().client(echoService).one({}));
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain('secret');
  });
}

function cancelling(the: () => Bus): void {
  it('ends a call at its deadline, and the handler learns of it', async () => {
    const { promise: learnt, resolve } = Promise.withResolvers<void>();
    const one: Echo['one'] = async (ping, context) => {
      await ended(context);
      resolve();
      return ping;
    };
    await the().serve(echoService, { ...echo, one });
    expect((await failure(the().client(echoService).one({}, { timeoutMs: 20 }))).code).toBe(Code.DeadlineExceeded);
    await learnt;
  });

  it('holds nobody up who has a deadline, though the handler ignores its signal', async () => {
    await the().serve(echoService, { ...echo, one: () => new Promise<never>(() => undefined) });
    expect((await failure(the().client(echoService).one({}, { timeoutMs: 20 }))).code).toBe(Code.DeadlineExceeded);
  });

  it('cancels a unary call when the caller’s signal aborts', async () => {
    const called = Promise.withResolvers<void>();
    const learnt = Promise.withResolvers<void>();
    const one: Echo['one'] = async (ping, context) => {
      called.resolve();
      await ended(context);
      learnt.resolve();
      return ping;
    };
    await the().serve(echoService, { ...echo, one });
    const stop = new AbortController();
    const call = failure(the().client(echoService).one({}, { signal: stop.signal }));
    await called.promise;
    stop.abort();
    expect((await call).code).toBe(Code.Canceled);
    await learnt.promise;
  });

  for (const how of ['leaves the loop', 'throws in the loop', 'aborts its signal'] as const) {
    it(`cancels the server’s stream when the reader ${how}`, async () => {
      const cleaned = Promise.withResolvers<void>();
      const many: Echo['many'] = async function* (_, context) {
        try {
          yield { text: 'first' };
          await ended(context);
        } finally {
          cleaned.resolve();
        }
      };
      await the().serve(echoService, { ...echo, many });
      const stop = new AbortController();
      const reading = (async () => {
        for await (const _ of the().client(echoService).many({}, { signal: stop.signal })) {
          if (how === 'leaves the loop') break;
          if (how === 'throws in the loop') throw new ConnectError('enough', Code.OutOfRange);
          stop.abort();
        }
      })();
      const outcome = await reading.then(() => undefined, ConnectError.from);
      expect(outcome?.code).toBe(
        { 'leaves the loop': undefined, 'throws in the loop': Code.OutOfRange, 'aborts its signal': Code.Canceled }[how],
      );
      await cleaned.promise;
    });
  }

  it('runs the finally of a generator that never waits for its signal', async () => {
    const cleaned = Promise.withResolvers<void>();
    const many: Echo['many'] = async function* () {
      try {
        for (;;) yield { text: 'more' };
      } finally {
        cleaned.resolve();
      }
    };
    await the().serve(echoService, { ...echo, many });
    for await (const _ of the().client(echoService).many({})) break;
    await cleaned.promise;
  });

  it('sends no faster than the reader reads', async () => {
    let sent = 0;
    const many: Echo['many'] = async function* () {
      for (;;) yield { text: `${sent++}` };
    };
    await the().serve(echoService, { ...echo, many });
    let read = 0;
    for await (const _ of the().client(echoService).many({})) {
      await new Promise(setImmediate);
      if (++read === 20) break;
    }
    expect(sent).toBeLessThan(100);
  });
}

function serving(the: () => Bus): void {
  it('refuses calls to what is not served, until it is', async () => {
    const client = the().client(echoService);
    expect((await failure(client.one({}))).code).toBe(Code.Unavailable);
    expect((await failure(texts(client.many({})))).code).toBe(Code.Unavailable);
    const served = await the().serve(echoService, echo);
    expect((await client.one({ text: 'now' })).text).toBe('now');
    await served.stop();
    await served.stop();
    expect((await failure(client.one({}))).code).toBe(Code.Unavailable);
    await the().serve(echoService, echo);
    expect((await client.one({ text: 'again' })).text).toBe('again');
  });

  it('lets a stream that nobody reads harm nobody', async () => {
    const unread = the().client(echoService).many({});
    await new Promise(setImmediate);
    await the().serve(echoService, echo);
    expect(await texts(unread)).toEqual([]);
  });

  it('tells instances apart by address', async () => {
    const named = (name: string): Echo => ({ ...echo, one: () => ({ text: name }) });
    await the().serve(echoService, named('zero'), 'node-0');
    await the().serve(echoService, named('one'), 'node-1');
    expect((await the().client(echoService, 'node-0').one({})).text).toBe('zero');
    expect((await the().client(echoService, 'node-1').one({})).text).toBe('one');
    expect((await failure(the().client(echoService, 'node-2').one({}))).code).toBe(Code.Unavailable);
    await expect(the().serve(echoService, echo, 'node-1')).rejects.toThrow('already served');
  });

  it('says that a method is not implemented', async () => {
    await the().serve(echoService, { one: echo.one! } as Echo);
    expect((await failure(the().client(echoService).gather(pings('a')))).code).toBe(Code.Unimplemented);
  });

  it('lets calls under way finish when it stops, and ends streams that would not', async () => {
    const called = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const one: Echo['one'] = async () => {
      called.resolve();
      await finish.promise;
      return { text: 'done' };
    };
    const many: Echo['many'] = async function* (_, context) {
      yield { text: 'first' };
      await ended(context);
    };
    const served = await the().serve(echoService, { ...echo, one, many });
    const answer = the().client(echoService).one({});
    const stream = failure(texts(the().client(echoService).many({})));
    await called.promise;
    const stopped = served.stop();
    finish.resolve();
    expect((await answer).text).toBe('done');
    expect((await stream).code).toBe(Code.Unavailable);
    await stopped;
  });
}

function knowing(the: () => Bus): void {
  const whoAmI: Echo = {
    ...echo,
    one: () => ({ text: JSON.stringify(callContext()) }),
    async *many() {
      yield { text: JSON.stringify(callContext()) };
      await new Promise(setImmediate);
      yield { text: JSON.stringify(callContext()) };
    },
  };

  it('tells a handler on whose behalf it runs, also through a service in between', async () => {
    await the().serve(echoService, whoAmI, 'far');
    const far = the().client(echoService, 'far');
    await the().serve(echoService, { ...echo, one: () => far.one({}) }, 'near');
    const near = the().client(echoService, 'near');
    const context = { ...ada, traceparent };
    const seen = { ...context, caller };
    expect(JSON.parse((await withCallContext(context, () => near.one({}))).text)).toEqual(seen);
    for (const text of await withCallContext(context, () => texts(far.many({})))) expect(JSON.parse(text)).toEqual(seen);
    expect(JSON.parse((await near.one({})).text)).toEqual({ actor: 'system', tenant: 'default', roles: [], caller });
  });

  it('keeps the context of the caller out of the handler, but for what the headers say', async () => {
    await the().serve(echoService, whoAmI);
    const client = the().client(echoService);
    const headers = { 'verbena-actor': 'bob', 'verbena-tenant': 'biology' };
    const bob = { actor: 'bob', tenant: 'biology', roles: ada.roles, caller };
    const answer = await withCallContext(ada, async () => {
      const seen = await client.one({}, { headers });
      expect(callContext()).toEqual(ada);
      return seen;
    });
    expect(JSON.parse(answer.text)).toEqual(bob);
  });
}

function notifying(the: () => Bus): void {
  it('notifies the subscribers of a subject, each with bytes of its own', async () => {
    const seen: string[] = [];
    const { promise: finished, resolve } = Promise.withResolvers<void>();
    const hear = (name: string) => (payload: Uint8Array) => {
      seen.push(`${name} ${new TextDecoder().decode(payload)}`);
      payload.fill(0);
    };
    const leave = the().subscribe('job.changed', hear('gone'));
    leave();
    the().subscribe('job.changed', () => {
      throw new Error('a broken subscriber');
    });
    the().subscribe('job.changed', hear('exact'));
    the().subscribe('job.*', hear('token'));
    the().subscribe('>', hear('all'));
    the().subscribe('job', hear('shorter'));
    the().subscribe('end', () => resolve());
    the().publish('job.changed', new TextEncoder().encode('job-1'));
    expect(seen).toEqual([]);
    the().publish('end', new Uint8Array());
    await finished;
    expect(seen.filter((line) => !line.endsWith(' ')).toSorted()).toEqual(['all job-1', 'exact job-1', 'token job-1']);
  });
}
