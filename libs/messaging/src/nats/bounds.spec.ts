/** Much of everything: messages, streams, readers that read nothing, calls that never end. */
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { echoService } from '../testing/echo.ts';
import { aborted, drained, echo, failure, wired } from './nats.fixture.ts';

const { busOf } = wired();

/** Bytes that the garbage collector would keep. */
function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

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
    expect((await failure(drained(client.many({})))).code).toBe(Code.ResourceExhausted);
    expect((await client.one({ text: '99000' })).data).toHaveLength(99_000);
    const generous = await busOf('generous');
    expect(await failure(generous.client(echoService).one({ data: new Uint8Array(4 << 20) }))).toMatchObject(tooMuch);
    expect((await failure(client.one({}, { headers: { big: 'x'.repeat(40_000) } }))).code).toBe(Code.ResourceExhausted);
  });

  it('of a large message crosses in pieces, whole and in both directions', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    await far.serve(echoService, echo());
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
    expect(await drained(client.many({}))).toBe(400);
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
    const readers: AsyncIterator<unknown>[] = [];
    while (readers.length < streams) {
      const some = Array.from({ length: 50 }, () => client.many({}, { signal: stop.signal })[Symbol.asyncIterator]());
      await Promise.all(some.map((reader) => reader.next()));
      readers.push(...some);
    }
    expect(open).toBe(streams);
    const waiting = readers.map((reader) => reader.next().then(() => undefined, ConnectError.from));
    // They are quiet for several periods, and are kept.
    await delay(2_500);
    expect(open).toBe(streams);
    expect((await client.one({ text: 'hello' })).text).toBe('hello');
    expect((heapInUse() - before) / streams).toBeLessThan(100_000);
    stop.abort();
    expect(new Set((await Promise.all(waiting)).map((error) => error?.code))).toEqual(new Set([Code.Canceled]));
    await vi.waitFor(() => expect(open).toBe(0), { timeout: 20_000 });
  });
});
