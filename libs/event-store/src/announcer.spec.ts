import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Announcer } from './announcer.ts';

/** A pool that answers when it is told to, and keeps what it was asked. */
function manualPool() {
  const told: string[] = [];
  let answer: { resolve: (value: never) => void; reject: (error: Error) => void } | undefined;
  const query = (text: string): Promise<never> => {
    told.push(/pg_notify\('verbena_events', '(\d+)'\)/.exec(text)?.[1] ?? text);
    return new Promise((resolve, reject) => (answer = { resolve, reject }));
  };
  return {
    told,
    pool: { query: query as never },
    succeed: () => answer?.resolve(undefined as never),
    fail: (error: Error) => answer?.reject(error),
  };
}

describe('those who are on no bus', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('are told at once where the log ends, and then of the last of what came meanwhile', async () => {
    const { told, pool, succeed } = manualPool();
    const announcer = new Announcer({ pool, onFailure: () => expect.unreachable() });
    for (const head of [1n, 2n, 3n]) announcer.announce(head);
    expect(told).toEqual(['1']);
    succeed();
    await vi.advanceTimersByTimeAsync(5);
    announcer.announce(9n);
    announcer.announce(7n);
    expect(told).toEqual(['1']);
    await vi.advanceTimersByTimeAsync(50);
    expect(told).toEqual(['1', '9']);
    succeed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual(['1', '9']);
    await announcer.close();
  });

  it('are told of the next position when one could not be told', async () => {
    const { told, pool, fail } = manualPool();
    const failures: unknown[] = [];
    const announcer = new Announcer({ pool, onFailure: (error) => failures.push(error) });
    announcer.announce(1n);
    const away = new Error('the server is away');
    fail(away);
    await vi.advanceTimersByTimeAsync(50);
    expect([told, failures]).toEqual([['1'], [away]]);
    announcer.announce(2n);
    expect(told).toEqual(['1', '2']);
    fail(away);
    await announcer.close();
  });

  it('are told nothing any more by a store that closes, which waits for what is on its way', async () => {
    const { told, pool, succeed } = manualPool();
    const announcer = new Announcer({ pool, onFailure: () => expect.unreachable() });
    announcer.announce(1n);
    announcer.announce(2n);
    let closed = false;
    const closing = announcer.close().then(() => (closed = true));
    await vi.advanceTimersByTimeAsync(50);
    expect(closed).toBe(false);
    succeed();
    await closing;
    announcer.announce(3n);
    await vi.advanceTimersByTimeAsync(50);
    expect(told).toEqual(['1']);
  });
});
