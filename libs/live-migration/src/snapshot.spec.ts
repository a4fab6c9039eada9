import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadStream, encodeSnapshot, pageBytes, SnapshotReader, type SnapshotFile } from './index.ts';

const fields = { rank: 3, name: 'ä', none: null, big: -(2n ** 63n), bytes: new Uint8Array([1, 2, 255]), list: [1n, { deep: 'x' }] };

async function* pieces(...list: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const piece of list) yield await Promise.resolve(piece);
}

async function* files(): AsyncGenerator<SnapshotFile> {
  const directory = { place: 'scratch', path: ['sub'], kind: 'directory', size: 0, modifiedMs: 1, content: () => pieces() };
  yield await Promise.resolve(directory);
  yield {
    ...directory,
    path: ['sub', 'file'],
    kind: 'file',
    size: 5,
    content: () => pieces(new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])),
  };
}

const memory = new Uint8Array(16 * pageBytes);
memory.fill(7, 3 * pageBytes, 5 * pageBytes + 9);

async function snapshot(compression = 0): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of encodeSnapshot(fields, memory, files(), compression)) all.push(piece);
  return Buffer.concat(all);
}

interface Read {
  fields: unknown;
  memory: Uint8Array;
  entries: unknown[];
  data: number[];
}

async function read(stream: Iterable<Uint8Array>): Promise<Read> {
  const got: Read = { fields: undefined, memory: new Uint8Array(memory.length), entries: [], data: [] };
  const reader = new SnapshotReader({
    fields: (value) => {
      got.fields = value;
      return Promise.resolve({ grow: () => got.memory, limitBytes: got.memory.length });
    },
    file: (entry) => Promise.resolve(void got.entries.push(entry)),
    data: (piece) => Promise.resolve(void got.data.push(...piece)),
  });
  for (const piece of stream) await reader.push(piece);
  reader.end();
  return got;
}

describe('a snapshot', () => {
  it('gives back what was put in, in whatever pieces it is read', async () => {
    for (const whole of [await snapshot(), await snapshot(1)]) {
      for (const size of [1, 7, 4096, whole.length]) {
        const cut = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size));
        const got = await read(cut);
        expect(got.fields).toEqual(fields);
        expect(Buffer.compare(got.memory, memory)).toBe(0);
        expect(got.entries).toMatchObject([{ path: ['sub'] }, { path: ['sub', 'file'], size: 5 }]);
        expect(got.data).toEqual([1, 2, 3, 4, 5]);
      }
    }
  });

  it('leaves out pages of zeroes', async () => {
    expect((await snapshot()).length).toBeLessThan(4 * pageBytes);
  });

  it('of another version is refused by name', async () => {
    const other = await snapshot();
    other.writeUInt32LE(2, 8);
    await expect(read([other])).rejects.toThrow('this snapshot has the version 2: this program reads version 1');
  });

  it('that was cut off, changed anywhere, or continued is refused', async () => {
    const whole = await snapshot(1);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ change;
        await expect(read([changed])).rejects.toBeInstanceOf(BadStream);
        await expect(read([whole.subarray(0, at)])).rejects.toBeInstanceOf(BadStream);
      }),
      { numRuns: 400 },
    );
    await expect(read([whole, new Uint8Array(1)])).rejects.toThrow('something follows');
  });

  it('of random bytes behind a good head is refused, and nothing large is allocated for it', async () => {
    const head = (await snapshot()).subarray(0, 16);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (rest) => {
        await expect(read([head, rest])).rejects.toBeInstanceOf(BadStream);
      }),
      { numRuns: 500 },
    );
  });
});
