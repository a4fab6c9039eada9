import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { jobv1, rpcerrors } from '@verbena/contracts';
import { manualClock } from '@verbena/service-kit/testing';
import { describe, expect, it } from 'vitest';
import { fakeBus, fakeContext } from './gateway.fixture.ts';
import { startGateway } from './gateway.ts';
import type { Caller } from './identity.ts';
import { RateLimit } from './rate-limit.ts';

const caller = (actor: string): Caller => ({ actor, tenant: 'physics', role: 'user' });

/** How many of so many requests get through. */
function through(limit: RateLimit, actor: string, requests: number): number {
  let taken = 0;
  for (let request = 0; request < requests; request++)
    try {
      limit.take(caller(actor));
      taken++;
    } catch (error) {
      expect(error).toMatchObject({ code: Code.ResourceExhausted });
    }
  return taken;
}

describe('the rate of a token', () => {
  it('is a burst after a rest, and the rate on the long run; others have their own', async () => {
    const clock = manualClock();
    const limit = new RateLimit({ clock, perSecond: 10, burst: 20 });
    expect(through(limit, 'ada', 50)).toBe(20);
    expect(through(limit, 'bob', 50)).toBe(20);
    await clock.advance(500);
    expect(through(limit, 'ada', 50)).toBe(5);
    await clock.advance(60_000);
    expect(through(limit, 'ada', 50)).toBe(20);
  });

  it('says when to come again', async () => {
    const clock = manualClock();
    const limit = new RateLimit({ clock, perSecond: 4, burst: 1 });
    limit.take(caller('ada'));
    await clock.advance(50);
    const refusal = (() => {
      try {
        limit.take(caller('ada'));
      } catch (error) {
        return ConnectError.from(error);
      }
      return undefined;
    })();
    expect(refusal?.findDetails(rpcerrors.RetryInfoSchema)).toMatchObject([{ retryDelay: { nanos: 200_000_000 } }]);
    await clock.advance(200);
    limit.take(caller('ada'));
  });

  it('is kept for no more tokens than it may', () => {
    const limit = new RateLimit({ clock: manualClock(), perSecond: 1, burst: 1, maximumTokens: 2 });
    for (const actor of ['ada', 'bob', 'cyd']) expect(through(limit, actor, 2)).toBe(1);
    expect(through(limit, 'cyd', 1)).toBe(0);
    expect(through(limit, 'ada', 1)).toBe(1);
  });
});

it('a gateway with a limit turns away who asks too often, and nobody else', async () => {
  const bus = fakeBus();
  bus.fake(jobv1.JobService, { getJob: ({ id }) => ({ job: { id } }) });
  const facts = { version: '0', startedAt: new Date(0), dataDirectory: '', services: () => [] };
  const gateway = await startGateway({ ...fakeContext(bus), clock: manualClock() }, { facts, requestsPerSecond: 0.5 });
  const jobs = createClient(jobv1.JobService, createGrpcTransport({ baseUrl: gateway.url }));
  const get = (user: string) => jobs.getJob({ id: 'job-1' }, { headers: { 'verbena-user': user } });
  for (let request = 0; request < 5; request++) await get('ada');
  await expect(get('ada')).rejects.toMatchObject({ code: Code.ResourceExhausted });
  expect((await get('bob')).job?.id).toBe('job-1');
  await gateway.stop();
});
