import { describe, expect, it } from 'vitest';
import { LocalRendezvous } from './rendezvous.ts';

const card = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

/** Two nodes meet at a scheduler that waits for all cards. */
function scheduler(size: number): (generation: number, cards: ReadonlyMap<number, Uint8Array>) => Promise<ReadonlyMap<number, Uint8Array>> {
  const meetings = new Map<number, { cards: Map<number, Uint8Array>; all: PromiseWithResolvers<ReadonlyMap<number, Uint8Array>> }>();
  return (generation, cards) => {
    const meeting = meetings.get(generation) ?? {
      cards: new Map<number, Uint8Array>(),
      all: Promise.withResolvers<ReadonlyMap<number, Uint8Array>>(),
    };
    meetings.set(generation, meeting);
    for (const [rank, bytes] of cards) meeting.cards.set(rank, bytes);
    if (meeting.cards.size === size) meeting.all.resolve(meeting.cards);
    return meeting.all.promise;
  };
}

describe('local rendezvous', () => {
  it('gives every rank of every node all cards, in the order of ranks', async () => {
    const exchange = scheduler(4);
    const even = new LocalRendezvous([0, 2], 4, exchange);
    const odd = new LocalRendezvous([1, 3], 4, exchange);
    const all = await Promise.all([
      odd.join(3, 0, card(3, 33)),
      even.join(2, 0, card(2, 22)),
      even.join(0, 0, card(0, 11)),
      odd.join(1, 0, card(1, 12)),
    ]);
    for (const cards of all) expect([...cards]).toEqual([0, 11, 1, 12, 2, 22, 3, 33]);
  });

  it('keeps generations apart', async () => {
    const one = new LocalRendezvous([0], 1, scheduler(1));
    expect([...(await one.join(0, 0, card(1)))]).toEqual([1]);
    expect([...(await one.join(0, 1, card(2)))]).toEqual([2]);
  });

  it('fails those that wait for a rank that has ended, and says who', async () => {
    const meeting = new LocalRendezvous([0, 1], 2, () => new Promise(() => undefined));
    const waiting = meeting.join(0, 0, card(1));
    meeting.ended(1, 'exited with code 0');
    await expect(waiting).rejects.toThrow('rank 1 exited with code 0 before it called MPI_Init');
  });

  it('fails the one that comes after the other has ended', async () => {
    const meeting = new LocalRendezvous([0, 1], 2, () => new Promise(() => undefined));
    meeting.ended(1, 'ended (trapped)');
    await expect(meeting.join(0, 0, card(1))).rejects.toThrow('rank 1 ended (trapped)');
  });

  it('refuses cards of different lengths, and a rank that comes twice', () => {
    const meeting = new LocalRendezvous([0, 1, 2], 3, () => new Promise(() => undefined));
    void meeting.join(0, 0, card(1, 2));
    expect(() => meeting.join(1, 0, card(1))).toThrow('1 bytes');
    expect(() => meeting.join(0, 0, card(1, 2))).toThrow('twice');
  });

  it('goes on without a rank that has moved to another node, though the others came before it was known', async () => {
    const exchange = scheduler(3);
    const from = new LocalRendezvous([0, 1], 3, exchange);
    const to = new LocalRendezvous([2], 3, exchange);
    to.enter(1);
    const cards = [from.join(0, 1, card(0)), to.join(2, 1, card(2)), to.join(1, 1, card(1))];
    from.leave(1);
    for (const all of await Promise.all(cards)) expect([...all]).toEqual([0, 1, 2]);
    const next = [from.join(0, 2, card(5)), to.join(1, 2, card(6)), to.join(2, 2, card(7))];
    for (const all of await Promise.all(next)) expect([...all]).toEqual([5, 6, 7]);
  });

  it('passes on why the scheduler could not bring everyone together', async () => {
    const meeting = new LocalRendezvous([0], 2, () => Promise.reject(new Error('node-1 was lost')));
    await expect(meeting.join(0, 0, card(1))).rejects.toThrow('node-1 was lost');
  });
});
