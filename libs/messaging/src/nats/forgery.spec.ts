/** What somebody makes up who may publish what he likes: what the server's permissions do not keep away is refused here. */
import { Code } from '@connectrpc/connect';
import { describe, expect, it, vi } from 'vitest';
import { echoService } from '../testing/echo.ts';
import { encodeFrame, frameHead } from './frame.ts';
import { echo, failure, subjectOf, wired } from './nats.fixture.ts';

const { busOf, plain } = wired();

describe('what somebody makes up', () => {
  it('is refused as a call, and harms no other', async () => {
    const told: unknown[] = [];
    const [near, far] = await Promise.all([busOf('near'), busOf('far', { onUnexpectedError: (error) => told.push(error) })]);
    await far.serve(echoService, echo());
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
      nc.publish(subjectOf('One'), frame, { reply: `${honest}.${index}` });
    nc.publish(subjectOf('Nothing'), request, { reply: `${honest}.9` });
    // Answers that would go where the caller may not listen: to another's inbox, or to a subject that the service may publish to.
    for (const reply of ['secret', 'verbena.re.verbena-testing-Echo.=.near.=.connection.1', `${honest}`, `${honest}.1.2`])
      nc.publish(subjectOf('One'), request, { reply });
    nc.publish(subjectOf('One'), request);
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

  it('is no answer when it comes from another service than the one that was called', async () => {
    const [near, far] = await Promise.all([busOf('near'), busOf('far')]);
    const called = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    await far.serve(
      echoService,
      echo({
        one: async (ping) => {
          called.resolve();
          await finish.promise;
          return ping;
        },
      }),
    );
    // Somebody who hears the calls knows where they are answered; he may publish as his own service only.
    const nc = await plain();
    const replies: string[] = [];
    nc.subscribe('verbena.rpc.>', { callback: (_, { reply }) => void replies.push(reply ?? '') });
    await nc.flush();
    const call = near.client(echoService).one({ text: 'honest' });
    await called.promise;
    await vi.waitFor(() => expect(replies).toHaveLength(1), { timeout: 20_000 });
    const [reply = ''] = replies;
    const forged = encodeFrame({ kind: 'reset', status: Code.Internal });
    nc.publish(reply.replace('verbena-testing-Echo', 'verbena-testing-Other'), forged);
    nc.publish(reply.replace('.=.', '.another.'), forged);
    await nc.flush();
    finish.resolve();
    expect((await call).text).toBe('honest');
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
    await far.serve(echoService, echo());
    expect((await near.client(echoService).one({ text: 'hello' })).text).toBe('hello');
    expect(told).toHaveLength(2);
  });
});
