import type { PositionNotices, RecordedEvent } from '@verbena/event-sourcing';
import { happens, testModels } from '@verbena/event-sourcing/testing';
import { createInProcessBus, eventNotices, eventsAppended } from '@verbena/messaging';
import { seededRandom } from '@verbena/service-kit/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { append, TestDatabase } from './testing.fixture.ts';

let database: TestDatabase;
beforeAll(async () => void (database = await TestDatabase.start()), 60_000);
beforeEach(() => database.empty());
afterEach(() => database.closeStores());
afterAll(() => database.stop());

/** Loses every third notice, repeats every fourth, holds others back, and makes positions up. */
function badNotices(seed: number): PositionNotices {
  const random = seededRandom(seed);
  const handlers = new Set<(position: bigint) => void>();
  const held: bigint[] = [];
  const tell = (position: bigint): void => {
    for (const handler of handlers) handler(position);
  };
  return {
    publish(position) {
      const [chance = 0] = random(1);
      if (chance % 3 === 0) return;
      if (chance % 5 === 0) held.push(position);
      else setImmediate(tell, position);
      if (chance % 4 === 0) setImmediate(tell, position);
      if (chance % 7 === 0) setImmediate(tell, position + 1_000_000n);
      if (chance % 11 === 0) for (const late of held.splice(0).reverse()) setImmediate(tell, late);
    },
    subscribe(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
}

async function follow(store: Awaited<ReturnType<TestDatabase['open']>>, count: number): Promise<RecordedEvent[]> {
  const stop = new AbortController();
  const seen: RecordedEvent[] = [];
  for await (const batch of store.follow({ signal: stop.signal })) {
    seen.push(...batch);
    if (seen.length >= count) stop.abort();
  }
  return seen;
}

describe('notices of new positions', () => {
  it('wake the followers of another process, over the bus and without LISTEN', async () => {
    const bus = createInProcessBus();
    const [writer, reader] = [
      await database.open({ notices: eventNotices(bus), listen: false }),
      await database.open({ notices: eventNotices(bus), listen: false, pollMs: 3_600_000 }),
    ];
    const seen = follow(reader, 20);
    for (let version = 0; version < 20; version++) await append(writer, 'job-1', version);
    expect((await seen).map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    await bus.close();
  });

  it('change nothing when they are lost, repeated, late, out of order or made up', async () => {
    const notices = badNotices(7);
    const stores = await Promise.all(Array.from({ length: 3 }, () => database.open({ notices, listen: false, pollMs: 50 })));
    const [first, second, reader] = stores as [(typeof stores)[0], (typeof stores)[0], (typeof stores)[0]];
    const models = await reader.readModels(testModels);
    const seen = follow(reader, 120);
    await Promise.all(
      [first, second].map(async (store, writer) => {
        for (let n = 0; n < 60; n++) await happens(store, `account-${writer}`, 'Paid');
      }),
    );
    expect((await seen).map(({ position }) => position)).toEqual(Array.from({ length: 120 }, (_, index) => BigInt(index + 1)));
    await models.reached(120n);
    expect((await models.list('accounts', { limit: 9 })).rows.map(({ version }) => version)).toEqual([60, 60]);
  });

  it('that make no sense are not listened to', async () => {
    const bus = createInProcessBus();
    const heard: bigint[] = [];
    eventNotices(bus).subscribe((position) => heard.push(position));
    for (const text of ['', '-1', '1e9', 'x'.repeat(1 << 16), '99999999999999999999', '12']) bus.publish(eventsAppended, Buffer.from(text));
    await expect.poll(() => heard).toEqual([12n]);
    await bus.close();
  });
});
