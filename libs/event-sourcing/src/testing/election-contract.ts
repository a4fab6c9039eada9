/** What every LeaderElection does: the same stories for each implementation. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.ts';
import { fencedStore, type LeaderElection } from '../leader.ts';

export interface ElectionUnderTest {
  readonly store: EventStore;
  /** Two candidates may be in different processes: each has its own. */
  readonly candidates: readonly [LeaderElection, LeaderElection];
  /** What happens to a leader that is killed. */
  crash(index: 0 | 1): Promise<void>;
  dispose(): Promise<void>;
}

export function electionContract(name: string, make: () => Promise<ElectionUnderTest>): void {
  describe(name, () => {
    let under: ElectionUnderTest;
    beforeEach(async () => void (under = await make()));
    afterEach(() => under.dispose());
    const never = new AbortController().signal;
    const write = (store: EventStore, stream: string) =>
      store.append([{ stream, expectedVersion: 'any', events: [{ type: 'Done', data: {} }] }], { metadata: { actor: 'a', tenant: 't' } });

    it('has one leader at a time, and the next takes over with a higher term when it resigns', async () => {
      const [one, two] = under.candidates;
      const first = await one.campaign('cook', 'one', never);
      const standing = Promise.withResolvers<void>();
      let leads = false;
      const second = two
        .campaign('cook', 'two', never, () => standing.resolve())
        .then((lead) => {
          leads = true;
          return lead;
        });
      await standing.promise;
      expect(leads).toBe(false);
      await first.resign();
      expect(first.lost.aborted).toBe(true);
      expect((await second).term).toBeGreaterThan(first.term);
      await (await second).resign();
    });

    it('goes on with another when the leader is killed', async () => {
      const [one, two] = under.candidates;
      const first = await one.campaign('cook', 'one', never);
      const second = two.campaign('cook', 'two', never);
      await under.crash(0);
      expect((await second).term).toBeGreaterThan(first.term);
      await (await second).resign();
    });

    it('refuses what a leader of an earlier term writes, whatever it writes to, and tells it', async () => {
      const [one, two] = under.candidates;
      const first = await one.campaign('cook', 'one', never);
      const old = fencedStore(under.store, 'cook', first);
      expect((await write(old, 'dish-1')).ok).toBe(true);
      const second = two.campaign('cook', 'two', never);
      await under.crash(0);
      const present = fencedStore(under.store, 'cook', await second);
      for (const stream of ['dish-1', 'dish-that-nobody-knows'])
        expect(await write(old, stream)).toMatchObject({ ok: false, reason: 'stale-epoch', stream: 'leader-cook' });
      expect(first.lost.aborted).toBe(true);
      expect((await write(present, 'dish-1')).ok).toBe(true);
      await (await second).resign();
    });

    it('has a leader for each role, and stops waiting when it is told to', async () => {
      const [one, two] = under.candidates;
      const cook = await one.campaign('cook', 'one', never);
      const baker = await two.campaign('baker', 'two', never);
      const stop = new AbortController();
      const waiting = two.campaign('cook', 'two', stop.signal);
      stop.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      await Promise.all([cook.resign(), baker.resign()]);
    });
  });
}
