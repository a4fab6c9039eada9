/** Two replicas of a service on one log, of which one leads. */
import { createMemoryElection, createMemoryEventStore, fencedStore, type EventStore, type Leadership } from '@verbena/event-sourcing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startReplica } from './replica.ts';
import type { RunningService } from './service.ts';
import { testContext, type TestContext } from './testing/index.ts';

let context: TestContext;
let store: EventStore;
const running: RunningService[] = [];
/** What happened, in order: "first leads", "first stops". */
let story: string[];
let leads: Map<string, Leadership>;

beforeEach(async () => {
  context = await testContext();
  store = createMemoryEventStore();
  story = [];
  leads = new Map();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
  await context.dispose();
});

describe('replicas of a service', () => {
  const election = () => createMemoryElection(store);
  function replica(name: string, common: ReturnType<typeof election>, fails: () => boolean = () => false): RunningService {
    const service = startReplica(context, {
      role: 'counter',
      candidate: name,
      election: common,
      start: (lead) => {
        if (fails()) return Promise.reject(new Error('the disk is full'));
        story.push(`${name} leads`);
        leads.set(name, lead);
        return Promise.resolve({
          name,
          notReady: () => Promise.resolve(undefined),
          stop: () => Promise.resolve(void story.push(`${name} stops`)),
        });
      },
    });
    running.push(service);
    return service;
  }
  const is = (...lines: string[]): Promise<void> => vi.waitFor(() => expect(story).toEqual(lines), { timeout: 30_000 });
  const count = (lead: Leadership) =>
    fencedStore(store, 'counter', lead).append([{ stream: 'counter', expectedVersion: 'any', events: [{ type: 'Counted', data: {} }] }], {
      metadata: { actor: 'a replica', tenant: 'default' },
    });

  it('lead one at a time, and all of them are ready', async () => {
    const common = election();
    const first = replica('first', common);
    await is('first leads');
    const second = replica('second', common);
    await vi.waitFor(async () => expect(await second.notReady()).toBeUndefined(), { timeout: 20_000 });
    expect(await first.notReady()).toBeUndefined();
    await first.stop();
    await is('first leads', 'first stops', 'second leads');
  });

  it('take the lead from one that has lost it, which may write nothing more and stands by for the next turn', async () => {
    const common = election();
    replica('first', common);
    await is('first leads');
    const old = leads.get('first');
    replica('second', common);
    expect(await count(old!)).toMatchObject({ ok: true });
    old!.depose('the connection that held the lock is lost');
    await is('first leads', 'first stops', 'second leads');
    expect(await count(old!)).toMatchObject({ ok: false, reason: 'stale-epoch' });
    expect(await count(leads.get('second')!)).toMatchObject({ ok: true });
    expect(leads.get('second')!.term).toBe(old!.term + 1);
    leads.get('second')!.depose('its lock is lost, too');
    await context.clock.sleep(600, AbortSignal.timeout(5_000));
    await is('first leads', 'first stops', 'second leads', 'second stops', 'first leads');
  });

  it('that cannot start leave the lead to another, and say why', async () => {
    const common = election();
    let broken = true;
    const first = replica('first', common, () => broken);
    await vi.waitFor(async () => expect(await first.notReady()).toBe('cannot lead: the disk is full'), { timeout: 20_000 });
    replica('second', common);
    await is('second leads');
    broken = false;
    await running[1]?.stop();
    await vi.waitFor(() => expect(story.at(-1)).toBe('first leads'), { timeout: 30_000 });
  });
});
