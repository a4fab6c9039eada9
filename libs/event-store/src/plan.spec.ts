import { createMemoryEventStore, type AppendOptions, type StreamAppend } from '@verbena/event-sourcing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newEventId } from './event-ids.ts';
import { plan, type Current, type Range, type Request, type StreamState } from './plan.ts';

const metadata = { actor: 'ada', tenant: 'physics' };

function request(appends: readonly StreamAppend[], options: AppendOptions): Request {
  const events = appends.flatMap(({ events: added }) =>
    added.map(({ type, data }) => ({ type, schema: 1, data: JSON.stringify(data), id: newEventId() })),
  );
  return { appends, options, events };
}

function current(
  head: bigint,
  streams: ReadonlyMap<string, StreamState>,
  commands: ReadonlyMap<string, Range>,
  committed: ReadonlyMap<Request, Range> = new Map(),
): Current {
  return {
    head,
    stream: (name) => streams.get(name),
    command: (id) => commands.get(id),
    committed: (one) => committed.get(one),
  };
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
        let head = 0n;
        const [streams, commands] = [new Map<string, StreamState>(), new Map<string, Range>()];
        for (const batch of batches) {
          const requests = batch.map(({ streams: names, expected, count, commandId, epoch }) => {
            const events = Array.from({ length: count }, (_, data) => ({ type: 'A', data }));
            const appends = names.map((stream) => ({ stream, expectedVersion: expected, events }));
            const options = {
              metadata: { ...metadata, ...(epoch !== undefined && { epoch }) },
              ...(commandId !== undefined && { commandId }),
            };
            return request(appends, options);
          });
          const planned = plan(requests, current(head, streams, commands));
          for (const [index, { appends, options }] of requests.entries()) {
            const wanted = await model.append(appends, options);
            const outcome = planned.outcomes[index];
            if (!wanted.ok) expect(outcome).toEqual(wanted);
            else {
              expect(outcome).toMatchObject({ ok: true, repeated: wanted.repeated, range: { count: wanted.events.length } });
              if (outcome?.ok === true && wanted.events[0] !== undefined) expect(outcome.range.first).toBe(wanted.events[0].position);
            }
          }
          head = planned.events.at(-1)?.position ?? head;
          for (const [name, state] of planned.streams) streams.set(name, state);
          for (const [id, range] of planned.commands) commands.set(id, range);
        }
        expect(head).toBe(await model.head());
      }),
    );
  });

  it('writes nothing twice when the attempt before was committed after all', () => {
    const lost = request([{ stream: 'a', expectedVersion: 0, events: [{ type: 'A', data: 1 }] }], { metadata, commandId: 'x' });
    const other = request([{ stream: 'b', expectedVersion: 0, events: [{ type: 'B', data: 1 }] }], { metadata });
    const range = { first: 1n, count: 1 };
    const after = current(1n, new Map([['a', { version: 1, epoch: 0 }]]), new Map([['x', range]]), new Map([[lost, range]]));
    const { outcomes, events } = plan([lost, other], after);
    expect(outcomes).toMatchObject([
      { ok: true, range, repeated: false },
      { ok: true, range: { first: 2n, count: 1 }, repeated: false },
    ]);
    expect(events.map(({ stream, position }) => `${stream} ${position}`)).toEqual(['b 2']);
  });
});
