/** What every keeper of read models must do. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntityModel } from '../entity.ts';
import type { EventStore, RecordedEvent } from '../event-store.ts';
import type { EventDatabase, ReadModels } from '../read-model.ts';

interface Account {
  readonly owner: string;
  readonly balance: number;
  readonly closed?: boolean | undefined;
}

/** An account as a map would not survive JSON without its encoding. */
export const accounts: EntityModel<Account> = {
  name: 'accounts',
  version: 1,
  prefix: 'account-',
  initial: { owner: '', balance: 0 },
  evolve(state, { event }) {
    const { amount, owner } = event.data as { amount: number; owner?: string };
    if (event.type === 'Poison') throw new Error('nobody can fold this');
    if (event.type === 'Closed') return { ...state, closed: true };
    return { ...state, owner: owner ?? state.owner, balance: state.balance + amount };
  },
  describe: ({ owner, closed }) => ({ status: closed ? 'closed' : 'open', name: owner, jobId: '', nodeId: '', ended: closed === true }),
  encode: (state) => ({ kept: state }),
  decode: (kept) => (kept as { kept: Account }).kept,
};

const doors: EntityModel<number> = {
  name: 'doors',
  version: 1,
  prefix: 'door-',
  initial: 0,
  evolve: (count) => count + 1,
  describe: (count) => ({ status: count % 2 === 1 ? 'open' : 'shut', name: '', jobId: 'job-1', nodeId: '', ended: false }),
  encode: (count) => count,
  decode: (kept) => kept as number,
};

export const testModels: readonly EntityModel[] = [accounts, doors];
const metadata = { actor: 'ada', tenant: 'physics' };

/** Appends one event; any version will do. */
export async function happens(store: EventStore, stream: string, type: string, data: unknown = { amount: 1 }): Promise<bigint> {
  const result = await store.append([{ stream, expectedVersion: 'any', events: [{ type, data }] }], { metadata });
  if (!result.ok) throw new Error(result.reason);
  return (result.events.at(-1) as RecordedEvent).position;
}

export function readModelsContract(name: string, make: () => Promise<{ store: EventDatabase; dispose(): Promise<void> }>): void {
  describe(`${name} keeps read models`, () => {
    let store: EventDatabase;
    let models: ReadModels;
    let dispose: () => Promise<void>;

    beforeEach(async () => {
      const made = await make();
      store = made.store;
      dispose = () => made.dispose();
    });
    afterEach(async () => {
      await models.stop();
      await dispose();
    });

    const open = async (): Promise<void> => {
      models = await store.readModels(testModels);
      await models.reached(await store.head());
    };

    it('that hold what was there, then what comes, newest first and in pages', async () => {
      await happens(store, 'account-1', 'Paid', { amount: 5, owner: 'ada' });
      await happens(store, 'account-2', 'Paid', { amount: 7, owner: 'bob\u0000' });
      await happens(store, 'stranger-1', 'Paid');
      await open();
      await happens(store, 'account-1', 'Paid', { amount: 2 });
      await models.reached(await happens(store, 'account-3', 'Paid', { amount: 1 }));
      const first = await models.list('accounts', { limit: 2 });
      expect(first.rows.map(({ id }) => id)).toEqual(['account-3', 'account-2']);
      const second = await models.list('accounts', { limit: 2, before: first.next ?? 0n });
      expect(second).toMatchObject({
        rows: [
          {
            id: 'account-1',
            status: 'open',
            name: 'ada',
            tenant: 'physics',
            version: 2,
            createdPosition: 1n,
            position: 4n,
            state: '{"kept":{"balance":7,"owner":"ada"}}',
          },
        ],
        next: undefined,
      });
      expect(second.rows[0]?.changedAt).toBe((await store.readStream('account-1'))[1]?.time.getTime());
    });

    it('that can be searched', async () => {
      await happens(store, 'account-1', 'Paid');
      await happens(store, 'account-2', 'Closed');
      await happens(store, 'door-1', 'Opened');
      await open();
      const ids = async (model: string, query: object): Promise<string[]> =>
        (await models.list(model, { limit: 10, ...query })).rows.map(({ id }) => id);
      expect(await ids('accounts', { status: 'closed' })).toEqual(['account-2']);
      expect(await ids('accounts', { ended: false })).toEqual(['account-1']);
      expect(await ids('accounts', { tenant: 'chemistry' })).toEqual([]);
      expect(await ids('doors', { jobId: 'job-1', status: 'open' })).toEqual(['door-1']);
      expect(await ids('doors', { nodeId: 'node-1' })).toEqual([]);
      expect(await models.find('accounts', 'account-2')).toMatchObject({ status: 'closed' });
      expect(await models.find('accounts', 'account-9')).toBeUndefined();
      await expect(models.list('cats', { limit: 1 })).rejects.toThrow('there is no read model "cats"; there are accounts, doors');
      expect((await models.status()).slice(0, 2)).toMatchObject([
        { name: 'accounts', position: 3n, rows: 2n, problem: undefined },
        { name: 'doors', position: 3n, rows: 1n },
      ]);
    });

    it('that come out the same when they are built again, whatever happened', async () => {
      const step = fc.record({
        stream: fc.constantFrom('account-1', 'account-2', 'door-1', 'stranger-1'),
        type: fc.constantFrom('Paid', 'Paid', 'Closed'),
        amount: fc.integer({ min: -5, max: 5 }),
        owner: fc.option(fc.string({ unit: 'binary', maxLength: 3 }), { nil: undefined }),
      });
      await open();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
          let last = 0n;
          for (const { stream, type, amount, owner } of steps)
            last = await happens(store, stream, type, { amount, ...(owner !== undefined && { owner }) });
          await models.reached(last);
          for (const { name: model } of await models.status()) {
            const { liveHash, rebuiltHash, swapped } = await models.replay(model);
            expect([rebuiltHash, swapped]).toEqual([liveHash, true]);
          }
        }),
        { numRuns: 5 },
      );
      // What was swapped in goes on from where it stands.
      await models.reached(await happens(store, 'account-1', 'Paid', { amount: 100, owner: 'eve' }));
      expect(await models.find('accounts', 'account-1')).toMatchObject({ name: 'eve' });
    });

    it('that are compared and left alone when a replay only checks', async () => {
      await happens(store, 'account-1', 'Paid');
      await open();
      const outcome = await models.replay('accounts', { check: true });
      expect(outcome).toMatchObject({
        name: 'accounts',
        position: 1n,
        events: 1n,
        rows: 1n,
        swapped: false,
        rebuiltHash: outcome.liveHash,
      });
      await expect(models.replay('accounts', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
      await expect(models.replay('cats')).rejects.toThrow('there is no read model "cats"');
    });
  });
}
