import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accept, refuse, type Decider } from './decider.ts';
import type { EventStore } from './event-store.ts';
import { handle } from './handle.ts';
import { createMemoryEventStore } from './memory-store.ts';
import { runProjection } from './projection.ts';
import { given } from './testing/given.ts';

type Command = { type: 'Deposit'; amount: number } | { type: 'Withdraw'; amount: number };
type Event = { type: 'Deposited'; data: { amount: number } } | { type: 'Withdrawn'; data: { amount: number } };

const account: Decider<Command, Event, number, 'too-little'> = {
  initial: 0,
  decide(command, balance) {
    if (command.type === 'Deposit') return accept({ type: 'Deposited', data: { amount: command.amount } });
    if (command.amount > balance) return refuse('too-little', `${balance} is less than ${command.amount}`);
    return accept({ type: 'Withdrawn', data: { amount: command.amount } });
  },
  evolve: (balance, { type, data }) => (type === 'Deposited' ? balance + data.amount : balance - data.amount),
};
const metadata = { actor: 'ada', tenant: 'physics' };
const byName = (id: string): string => `account-${id}`;

describe('a decider', () => {
  it('is tested with given, when, then', () => {
    const rich = given(account, [{ type: 'Deposited', data: { amount: 10 } }]);
    rich.when({ type: 'Withdraw', amount: 4 }).then({ type: 'Withdrawn', data: { amount: 4 } });
    rich.when({ type: 'Withdraw', amount: 4 }).thenState((balance) => expect(balance).toBe(6));
    given(account).when({ type: 'Withdraw', amount: 4 }).thenRefused('too-little');
  });
});

describe('a command handler', () => {
  it('folds, decides and appends', async () => {
    const accounts = handle(createMemoryEventStore(), account, byName);
    expect(await accounts.load('a')).toEqual({ state: 0, version: 0 });
    expect(await accounts.execute('a', { type: 'Deposit', amount: 5 }, { metadata })).toMatchObject({ ok: true, state: 5, version: 1 });
    expect(await accounts.execute('a', { type: 'Withdraw', amount: 9 }, { metadata })).toMatchObject({ ok: false, reason: 'too-little' });
    expect(await accounts.load('a')).toEqual({ state: 5, version: 1 });
  });

  it('decides again on what is true by then when somebody was faster', async () => {
    const accounts = handle(createMemoryEventStore(), account, byName);
    await accounts.execute('a', { type: 'Deposit', amount: 5 }, { metadata });
    const withdrawals = Array.from({ length: 4 }, () => accounts.execute('a', { type: 'Withdraw', amount: 2 }, { metadata }));
    const results = await Promise.all(withdrawals);
    expect(results.filter(({ ok }) => ok)).toHaveLength(2);
    expect(await accounts.load('a')).toEqual({ state: 1, version: 3 });
  });

  it('gives up after a bounded number of conflicts', async () => {
    const store = createMemoryEventStore();
    let appends = 0;
    const contended: EventStore = Object.assign(Object.create(store) as EventStore, {
      readStream: () => Promise.resolve([]),
      append: (...all: Parameters<EventStore['append']>) => (appends++, store.append(...all)),
    });
    await store.append([{ stream: 'account-a', expectedVersion: 0, events: [{ type: 'Deposited', data: { amount: 1 } }] }], { metadata });
    const result = await handle(contended, account, byName).execute('a', { type: 'Deposit', amount: 1 }, { metadata });
    expect(result).toMatchObject({ ok: false, reason: 'version-conflict' });
    expect(appends).toBe(10);
  });

  it('answers a repeated command as it answered the first, though the state would now refuse it', async () => {
    const accounts = handle(createMemoryEventStore(), account, byName);
    await accounts.execute('a', { type: 'Deposit', amount: 5 }, { metadata });
    const options = { metadata, commandId: 'cmd-1' };
    const first = await accounts.execute('a', { type: 'Withdraw', amount: 5 }, options);
    const again = await accounts.execute('a', { type: 'Withdraw', amount: 5 }, options);
    expect(first).toMatchObject({ ok: true, state: 0, repeated: false });
    expect(again).toMatchObject({ ok: true, state: 0, repeated: true, events: first.ok ? first.events : [] });
  });

  it('says who owns a fenced stream', async () => {
    const accounts = handle(createMemoryEventStore(), account, byName);
    await accounts.execute('a', { type: 'Deposit', amount: 5 }, { metadata: { ...metadata, epoch: 2 } });
    const stale = await accounts.execute('a', { type: 'Deposit', amount: 5 }, { metadata: { ...metadata, epoch: 1 } });
    expect(stale).toMatchObject({ ok: false, reason: 'stale-epoch', detail: expect.stringContaining('epoch 2') as string });
  });

  it('never loses or invents money, whatever the commands', async () => {
    const command = fc.oneof(
      fc.record({ type: fc.constant('Deposit' as const), amount: fc.nat(100) }),
      fc.record({ type: fc.constant('Withdraw' as const), amount: fc.nat(100) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom('a', 'b'), command), { maxLength: 40 }), async (commands) => {
        const store = createMemoryEventStore();
        const accounts = handle(store, account, byName);
        const totals = await runProjection(store, {
          name: 'total',
          initial: 0,
          evolve: (total, { event }) => account.evolve(total, event as Event),
        });
        await Promise.all(commands.map(([id, one]) => accounts.execute(id, one, { metadata })));
        await totals.reached(await store.head());
        const [a, b] = [await accounts.load('a'), await accounts.load('b')];
        expect(a.state).toBeGreaterThanOrEqual(0);
        expect(b.state).toBeGreaterThanOrEqual(0);
        expect(totals.state).toBe(a.state + b.state);
        await totals.stop();
      }),
      { numRuns: 30 },
    );
  });
});
