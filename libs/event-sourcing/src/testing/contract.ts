/** What every EventStore must do. The suite runs on the store in memory and on the one on Postgres. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventCatalogue } from '../catalogue.ts';
import type { EventMetadata, EventStore, RecordedEvent, StreamAppend } from '../event-store.ts';
import type { EventDatabase } from '../read-model.ts';

export interface StoreUnderTest {
  readonly store: EventDatabase;
  dispose(): Promise<void>;
}

/** Shapes that the suite's events have had. */
const catalogue: EventCatalogue = {
  Renamed: [
    (data) => ({ name: (data as { title: string }).title }),
    (data) => ({ ...(data as object), length: (data as { name: string }).name.length }),
  ],
};

const metadata: EventMetadata = { actor: 'ada', tenant: 'physics' };
const to = (stream: string, expectedVersion: number | 'any', ...types: string[]): StreamAppend => ({
  stream,
  expectedVersion,
  events: types.map((type) => ({ type, data: { type } })),
});
const names = (events: readonly RecordedEvent[]): string[] =>
  events.map(({ stream, version, event }) => `${stream}@${version} ${event.type}`);

/** Registers the suite. `make` gives an empty store that knows the shapes of the catalogue. */
export function eventStoreContract(name: string, make: (catalogue: EventCatalogue) => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of an event store`, () => {
    let store: EventStore;
    let dispose: () => Promise<void>;

    beforeEach(
      async () => ({ store, dispose } = await make(catalogue).then((made) => ({ store: made.store, dispose: () => made.dispose() }))),
    );
    afterEach(() => dispose());

    appending(() => store);
    fencing(() => store);
    reading(() => store);
    following(() => store);
    upcasting(() => store);
  });
}

function appending(the: () => EventStore): void {
  it('numbers the events of a stream from 1 and gives back what was appended', async () => {
    const data = { nested: [1, 'two', null, { 'a"b': '\u0000\ud800 ü' }] };
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const full = { ...metadata, correlationId: 'job-1', causationId: 'cmd-1', traceparent, epoch: 3 };
    const appended = await the().append([{ stream: 'job-1', expectedVersion: 0, events: [{ type: 'JobSubmitted', data }] }], {
      metadata: full,
    });
    const read = await the().readStream('job-1');
    expect(read).toMatchObject([{ stream: 'job-1', version: 1, event: { type: 'JobSubmitted', data }, metadata: full }]);
    expect(appended).toEqual({ ok: true, events: read, repeated: false });
    expect(read[0]?.time).toBeInstanceOf(Date);
    expect(await the().head()).toBe(read[0]?.position);
  });

  it('leaves out what the writer left out', async () => {
    await the().append([to('job-1', 0, 'A')], { metadata });
    expect((await the().readStream('job-1'))[0]?.metadata).toEqual(metadata);
  });

  it('refuses a version that is not the stream’s and writes nothing', async () => {
    await the().append([to('job-1', 0, 'A', 'B')], { metadata });
    for (const expected of [0, 1, 3]) {
      const refused = await the().append([to('job-1', expected, 'C')], { metadata });
      expect(refused).toEqual({ ok: false, reason: 'version-conflict', stream: 'job-1', expected, actual: 2 });
    }
    expect(await the().append([to('job-1', 'any', 'C')], { metadata })).toMatchObject({ ok: true });
    expect(names(await the().readStream('job-1'))).toEqual(['job-1@1 A', 'job-1@2 B', 'job-1@3 C']);
  });

  it('appends to several streams or to none', async () => {
    await the().append([to('vm-1', 0, 'A')], { metadata });
    const refused = await the().append([to('job-1', 0, 'B'), to('vm-1', 0, 'B')], { metadata });
    expect(refused).toMatchObject({ ok: false, stream: 'vm-1', actual: 1 });
    expect(await the().readStream('job-1')).toEqual([]);
    await the().append([to('job-1', 0, 'B', 'C'), to('vm-1', 1, 'D')], { metadata });
    expect(names(await the().readAll())).toEqual(['vm-1@1 A', 'job-1@1 B', 'job-1@2 C', 'vm-1@2 D']);
  });

  it('lets one of many writers of a version win', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => the().append([to('job-1', 0, `W${n}`)], { metadata })));
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(await the().readStream('job-1')).toHaveLength(1);
  });

  it('does a command once, also when its repeats arrive together', async () => {
    const options = { metadata, commandId: 'cmd-1' };
    const results = await Promise.all(Array.from({ length: 8 }, () => the().append([to('job-1', 0, 'A', 'B')], options)));
    const later = await the().append([to('job-1', 0, 'A', 'B')], options);
    const events = await the().readStream('job-1');
    for (const result of [...results, later]) expect(result).toMatchObject({ ok: true, events });
    expect([...results, later].filter((result) => result.ok && !result.repeated)).toHaveLength(1);
    expect(await the().findCommand('cmd-1')).toEqual(events);
    expect(await the().findCommand('cmd-2')).toBeUndefined();
  });

  it('remembers a command that wrote no event, and forgets one that was refused', async () => {
    expect(await the().append([to('job-1', 0)], { metadata, commandId: 'nothing' })).toMatchObject({ ok: true, events: [] });
    expect(await the().findCommand('nothing')).toEqual([]);
    expect(await the().append([to('job-1', 9, 'A')], { metadata, commandId: 'again' })).toMatchObject({ ok: false });
    expect(await the().append([to('job-1', 0, 'A')], { metadata, commandId: 'again' })).toMatchObject({ ok: true, repeated: false });
  });

  it('throws on appends that make no sense and writes nothing', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    for (const append of [
      to('', 0, 'A'),
      to('a\u0000b', 0, 'A'),
      to('\ud800', 0, 'A'),
      to('job-*', 0, 'A'),
      to('job-1', -1, 'A'),
      to('job-1', 0, ''),
    ]) {
      await expect(the().append([append], { metadata })).rejects.toThrow(TypeError);
    }
    await expect(the().append([to('job-1', 0, 'A'), to('job-1', 1, 'B')], { metadata })).rejects.toThrow('twice');
    const unspeakable = {
      stream: 'job-1',
      expectedVersion: 0,
      events: [
        { type: 'A', data: 1 },
        { type: 'B', data: cyclic },
      ],
    };
    await expect(the().append([unspeakable], { metadata })).rejects.toThrow(TypeError);
    expect(await the().readAll()).toEqual([]);
    expect(await the().head()).toBe(0n);
  });
}

function fencing(the: () => EventStore): void {
  it('refuses a writer whose epoch is behind the stream’s', async () => {
    const at = (epoch: number) => ({ metadata: { ...metadata, epoch } });
    await the().append([to('vm-1', 0, 'A')], at(1));
    await the().append([to('vm-1', 1, 'B')], at(2));
    const stale = { ok: false, reason: 'stale-epoch', stream: 'vm-1', current: 2 };
    expect(await the().append([to('vm-1', 2, 'C')], at(1))).toEqual({ ...stale, epoch: 1 });
    expect(await the().append([to('vm-1', 'any', 'C')], { metadata })).toEqual({ ...stale, epoch: 0 });
    expect(await the().append([to('vm-1', 2, 'C')], at(2))).toMatchObject({ ok: true });
    expect(await the().append([to('vm-2', 0, 'A')], at(1))).toMatchObject({ ok: true });
  });
}

function reading(the: () => EventStore): void {
  const times: Date[] = [];
  const fill = async (): Promise<void> => {
    times.length = 0;
    const trace = (digit: string) => `00-${digit.repeat(32)}-b7ad6b7169203331-01`;
    const write = async (append: StreamAppend, extra: Partial<EventMetadata>): Promise<void> => {
      const result = await the().append([append], { metadata: { ...metadata, ...extra } });
      if (result.ok) times.push(...result.events.map(({ time }) => time));
      await new Promise((resolve) => setTimeout(resolve, 3));
    };
    await write(to('job-1', 0, 'Submitted'), { correlationId: 'job-1', traceparent: trace('a') });
    await write(to('job-2', 0, 'Submitted'), { correlationId: 'job-2', traceparent: trace('b') });
    await write(to('vm-1', 0, 'Booted'), { correlationId: 'job-1', traceparent: trace('a') });
    await write(to('job-1', 1, 'Completed'), { correlationId: 'job-1' });
    await write(to('job_1', 0, 'Odd'), {});
  };
  const all = ['job-1@1 Submitted', 'job-2@1 Submitted', 'vm-1@1 Booted', 'job-1@2 Completed', 'job_1@1 Odd'];

  it('reads the whole log in order, in pages, in both directions', async () => {
    await fill();
    const read = await the().readAll();
    expect(names(read)).toEqual(all);
    expect(names(await the().readAll({ descending: true }))).toEqual([...all].reverse());
    const [first, second, third] = await the().readAll({ limit: 3 });
    expect(names(await the().readAll({ after: third?.position ?? 0n }))).toEqual(all.slice(3));
    expect(names(await the().readAll({ after: third?.position ?? 0n, descending: true }))).toEqual(names([second!, first!]));
    expect(await the().readAll({ after: 1_000_000n })).toEqual([]);
    expect(await the().readAll({ limit: 0 })).toEqual([]);
    for (const [index, recorded] of read.entries()) expect(recorded.position > (read[index - 1]?.position ?? 0n)).toBe(true);
  });

  it('reads a stream from a version on', async () => {
    await fill();
    expect(names(await the().readStream('job-1', 2))).toEqual(['job-1@2 Completed']);
    expect(await the().readStream('job-1', 3)).toEqual([]);
    expect(await the().readStream('job-9')).toEqual([]);
  });

  it('filters by stream, prefix, type, correlation, trace and time', async () => {
    await fill();
    const found = async (filter: Parameters<EventStore['readAll']>[0] & object): Promise<string[]> => names(await the().readAll(filter));
    expect(await found({ filter: { stream: 'job-1' } })).toEqual([all[0], all[3]]);
    expect(await found({ filter: { stream: 'job-*' } })).toEqual([all[0], all[1], all[3]]);
    expect(await found({ filter: { stream: 'job_*' } })).toEqual([all[4]]);
    expect(await found({ filter: { stream: '%' } })).toEqual([]);
    expect(await found({ filter: { stream: '*' } })).toEqual(all);
    expect(await found({ filter: { types: ['Submitted', 'Odd'] } })).toEqual([all[0], all[1], all[4]]);
    expect(await found({ filter: { types: [] } })).toEqual([]);
    expect(await found({ filter: { correlationId: 'job-1' } })).toEqual([all[0], all[2], all[3]]);
    expect(await found({ filter: { tenant: 'physics' } })).toEqual(all);
    expect(await found({ filter: { tenant: 'biology' } })).toEqual([]);
    expect(await found({ filter: { traceId: 'a'.repeat(32) } })).toEqual([all[0], all[2]]);
    expect(await found({ filter: { correlationId: 'job-1', types: ['Booted'] } })).toEqual([all[2]]);
    expect(await found({ filter: { subject: 'job-1' } })).toEqual([all[0], all[2], all[3]]);
    expect(await found({ filter: { subject: 'vm-1' } })).toEqual([all[2]]);
    expect(await found({ filter: { subject: 'job-1' }, limit: 2, descending: true })).toEqual([all[3], all[2]]);
    expect(await found({ filter: { since: times[1]!, until: times[3]! } })).toEqual([all[1], all[2]]);
    expect(await found({ filter: { stream: 'job-*' }, limit: 1, descending: true })).toEqual([all[3]]);
  });
}

function following(the: () => EventStore): void {
  const collect = async (after: bigint, count: number, filter?: { stream: string }): Promise<string[]> => {
    const stop = new AbortController();
    const seen: RecordedEvent[] = [];
    for await (const batch of the().follow({ after, signal: stop.signal, ...(filter && { filter }) })) {
      seen.push(...batch);
      if (seen.length >= count) stop.abort();
    }
    return names(seen);
  };

  it('follows from a position: what is there, then what comes', async () => {
    await the().append([to('job-1', 0, 'A', 'B')], { metadata });
    const [first] = await the().readAll();
    const seen = collect(first?.position ?? 0n, 3);
    const filtered = collect(0n, 1, { stream: 'vm-*' });
    await the().append([to('vm-1', 0, 'C')], { metadata });
    await the().append([to('job-1', 2, 'D')], { metadata });
    expect(await seen).toEqual(['job-1@2 B', 'vm-1@1 C', 'job-1@3 D']);
    expect(await filtered).toEqual(['vm-1@1 C']);
  });

  it('ends without an error when the signal aborts or the reader leaves', async () => {
    const stop = new AbortController();
    const ended = (async () => {
      for await (const _ of the().follow({ signal: stop.signal }));
      return 'ended';
    })();
    stop.abort();
    expect(await ended).toBe('ended');
    await the().append([to('job-1', 0, 'A')], { metadata });
    for await (const batch of the().follow({ signal: new AbortController().signal })) {
      expect(batch).toHaveLength(1);
      break;
    }
    for await (const _ of the().follow({ signal: AbortSignal.abort() })) expect.unreachable();
  });

  it('shows every event to a follower while many write', async () => {
    const writers = 8;
    const each = 15;
    const seen = collect(0n, writers * each);
    await Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        for (let version = 0; version < each; version++) await the().append([to(`job-${writer}`, version, 'A')], { metadata });
      }),
    );
    const order = await seen;
    expect(order).toHaveLength(writers * each);
    for (let writer = 0; writer < writers; writer++) {
      const own = order.filter((name) => name.startsWith(`job-${writer}@`));
      expect(own).toEqual(Array.from({ length: each }, (_, version) => `job-${writer}@${version + 1} A`));
    }
  });
}

function upcasting(the: () => EventStore): void {
  it('reads events of every age as they would be written today', async () => {
    const events = [
      { type: 'Renamed', schema: 1, data: { title: 'first' } },
      { type: 'Renamed', schema: 2, data: { name: 'second' } },
      { type: 'Renamed', data: { name: 'third', length: 5 } },
      { type: 'Plain', data: { title: 'as it was' } },
    ];
    const appended = await the().append([{ stream: 'job-1', expectedVersion: 0, events }], { metadata });
    const read = await the().readStream('job-1');
    expect(read.map(({ event }) => event)).toEqual([
      { type: 'Renamed', data: { name: 'first', length: 5 } },
      { type: 'Renamed', data: { name: 'second', length: 6 } },
      { type: 'Renamed', data: { name: 'third', length: 5 } },
      { type: 'Plain', data: { title: 'as it was' } },
    ]);
    expect(await the().readAll()).toEqual(read);
    expect(appended).toEqual({ ok: true, events: read, repeated: false });
  });

  it('refuses to guess what a newer version of the program meant', async () => {
    const events = [{ type: 'Renamed', schema: 4, data: {} }];
    const newer = the().append([{ stream: 'job-1', expectedVersion: 0, events }], { metadata });
    await expect(newer.then(() => the().readStream('job-1'))).rejects.toThrow('written by a newer version');
  });
}
