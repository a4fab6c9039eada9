import { createMemoryEventStore, type AppendOptions, type StreamAppend } from '@verbena/event-sourcing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan, type Current, type Request } from './plan.ts';

const nothing: Current = { head: 0n, streams: new Map(), commands: new Map(), committed: new Map() };
const metadata = { actor: 'ada', tenant: 'physics' };
const time = new Date(0);

function request(n: number, appends: readonly StreamAppend[], options: AppendOptions): Request {
  const payloads = appends.flatMap(({ events }) => events.map(({ data }) => JSON.stringify(data)));
  return { appends, options, payloads, ids: payloads.map((_, index) => `id-${n}-${index}`) };
}

const one = fc.record({
  streams: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 2 }),
  expected: fc.constantFrom<number | 'any'>(0, 1, 2, 'any'),
  count: fc.nat(2),
  commandId: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
  epoch: fc.option(fc.nat(2), { nil: undefined }),
});

describe('a batch of appends', () => {
  it('comes to what its appends would have come to one after another, however they are cut into batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(one, { maxLength: 6 }), { maxLength: 5 }), async (batches) => {
        const model = createMemoryEventStore();
        let current = nothing;
        let n = 0;
        for (const batch of batches) {
          const requests = batch.map(({ streams, expected, count, commandId, epoch }) => {
            const events = Array.from({ length: count }, (_, data) => ({ type: 'A', data }));
            const appends = streams.map((stream) => ({ stream, expectedVersion: expected, events }));
            const options = {
              metadata: { ...metadata, ...(epoch !== undefined && { epoch }) },
              ...(commandId !== undefined && { commandId }),
            };
            return request(n++, appends, options);
          });
          const planned = plan(requests, current, time);
          for (const [index, { appends, options }] of requests.entries()) {
            const wanted = await model.append(appends, options);
            const outcome = planned.outcomes[index];
            if (!wanted.ok) expect(outcome).toEqual(wanted);
            else {
              expect(outcome).toMatchObject({ ok: true, repeated: wanted.repeated, range: { count: wanted.events.length } });
              if (outcome?.ok === true && wanted.events[0] !== undefined) expect(outcome.range.first).toBe(wanted.events[0].position);
            }
          }
          current = {
            head: planned.events.at(-1)?.position ?? current.head,
            streams: new Map([...current.streams, ...planned.streams]),
            commands: new Map([...current.commands, ...planned.commands]),
            committed: new Map(),
          };
        }
        expect(current.head).toBe(await model.head());
      }),
    );
  });

  it('writes nothing twice when the attempt before was committed after all', () => {
    const lost = request(1, [{ stream: 'a', expectedVersion: 0, events: [{ type: 'A', data: 1 }] }], { metadata, commandId: 'x' });
    const other = request(2, [{ stream: 'b', expectedVersion: 0, events: [{ type: 'B', data: 1 }] }], { metadata });
    const after: Current = {
      head: 1n,
      streams: new Map([['a', { version: 1, epoch: 0 }]]),
      commands: new Map([['x', { first: 1n, count: 1 }]]),
      committed: new Map([['id-1-0', { first: 1n, count: 1 }]]),
    };
    const { outcomes, events } = plan([lost, other], after, time);
    expect(outcomes).toEqual([
      { ok: true, range: { first: 1n, count: 1 }, repeated: false },
      { ok: true, range: { first: 2n, count: 1 }, repeated: false },
    ]);
    expect(events.map(({ stream, position }) => `${stream} ${position}`)).toEqual(['b 2']);
  });
});
