import type { EventCatalogue } from '@verbena/event-sourcing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newEventId } from './event-ids.ts';
import type { PlannedEvent } from './plan.ts';
import { Recent } from './recent.ts';

const catalogue: EventCatalogue = { Counted: [] };
const time = new Date(0);

function planned(position: number, padding = 0): PlannedEvent {
  const event = { type: 'Counted', schema: 1, data: JSON.stringify({ position, padding: 'x'.repeat(padding) }), id: newEventId() };
  return { position: BigInt(position), stream: 'counter', version: position, metadata: { actor: 'ada', tenant: 'default' }, event };
}
const positions = (events: readonly { readonly position: bigint }[] | undefined) => events?.map(({ position }) => Number(position));

describe('what a process has just written', () => {
  it('is given to whoever is behind it by no more than is kept, decoded once', () => {
    const recent = new Recent(catalogue);
    recent.add([planned(5), planned(6)], time);
    recent.add([planned(7)], time);
    expect(positions(recent.after(4n, 10))).toEqual([5, 6, 7]);
    expect(positions(recent.after(5n, 1))).toEqual([6]);
    expect(recent.after(3n, 10)).toBeUndefined();
    expect(recent.after(7n, 10)).toBeUndefined();
    expect(recent.after(6n, 1)?.[0]).toBe(recent.after(6n, 1)?.[0]);
    expect(recent.after(6n, 1)?.[0]).toMatchObject({ stream: 'counter', version: 7, event: { type: 'Counted', data: { position: 7 } } });
  });

  it('is bounded in number and in bytes', () => {
    const recent = new Recent(catalogue);
    for (let position = 1; position <= 5_000; position++) recent.add([planned(position)], time);
    expect(recent.after(4_999n - 4_096n, 10)).toBeUndefined();
    expect(positions(recent.after(5_000n - 4_096n, 1))).toEqual([5_000 - 4_095]);
    for (let position = 5_001; position <= 5_010; position++) recent.add([planned(position, 2 << 20)], time);
    expect(recent.after(5_000n, 10)).toBeUndefined();
    expect(positions(recent.after(5_008n, 10))).toEqual([5_009, 5_010]);
  });

  it('has no holes, whatever others write in between', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ others: fc.nat(2), own: fc.integer({ min: 1, max: 5 }) }), { maxLength: 40 }),
        fc.nat(120),
        (turns, from) => {
          const recent = new Recent(catalogue);
          const own = new Set<number>();
          let head = 0;
          for (const { others, own: count } of turns) {
            head += others;
            recent.add(
              Array.from({ length: count }, () => {
                own.add(++head);
                return planned(head);
              }),
              time,
            );
          }
          const given = positions(recent.after(BigInt(from), 1_000));
          // All that follows, or nothing.
          if (given !== undefined) expect(given).toEqual(Array.from({ length: head - from }, (_, index) => from + 1 + index));
          for (const position of given ?? []) expect(own.has(position)).toBe(true);
        },
      ),
    );
  });
});
