/** A guest's memory is captured again and again, stored in chunks by their content, and made anew from them. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BadStream,
  CapturedMemory,
  chunksOf,
  decodeIndex,
  encodeIndex,
  longestList,
  pageBytes,
  regionBytes,
  restoreRegions,
} from './index.ts';
import type { RegionLists } from './index.ts';

const pages = 400;
const guest = (): Uint8Array => new Uint8Array(pages * pageBytes);

/** Comparing element by element would take longer than all else here. */
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What storage does: keeps each chunk once. */
class Chunks {
  readonly kept = new Map<string, Uint8Array>();
  put(captured: CapturedMemory): { readonly lists: RegionLists; readonly newBytes: number } {
    const { lists, fresh } = captured.increment();
    let newBytes = 0;
    for (const [digest, encode] of fresh) {
      if (this.kept.has(digest)) continue;
      const chunk = encode();
      this.kept.set(digest, chunk);
      newBytes += chunk.length;
    }
    return { lists, newBytes };
  }
  async made(lists: RegionLists): Promise<Uint8Array> {
    const memory = guest();
    const fetch = (digest: string): Promise<Uint8Array> => Promise.resolve(this.kept.get(digest) ?? new Uint8Array());
    await restoreRegions(lists, fetch, () => memory, memory.length);
    return memory;
  }
}

async function saved(captured: CapturedMemory, memory: Uint8Array, chunks: Chunks) {
  await captured.capture(memory);
  const put = chunks.put(captured);
  captured.stored(put.lists);
  return put;
}

describe('memory that is captured', () => {
  it('costs nothing where it was never written, and a second time only what has changed', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    expect((await saved(captured, memory, chunks)).newBytes).toBe(0);
    memory.fill(1, 0, 100 * pageBytes);
    expect((await saved(captured, memory, chunks)).newBytes).toBeLessThan(100.1 * pageBytes);
    for (const page of [3, 4, 50, 399]) memory[page * pageBytes + 7] = 9;
    const { newBytes, lists } = await saved(captured, memory, chunks);
    expect(newBytes).toBeGreaterThan(4 * pageBytes);
    expect(newBytes).toBeLessThan(4.1 * pageBytes);
    expect(same(await chunks.made(lists), memory)).toBe(true);
  });

  it('stores little more than the pages that have changed, wherever they are', async () => {
    const [memory, captured, chunks] = [new Uint8Array(16 << 20), new CapturedMemory(), new Chunks()];
    const words = new Uint32Array(memory.buffer);
    let number = 7;
    const next = (): number => (number = (Math.imul(number, 1664525) + 1013904223) >>> 0);
    for (let word = 0; word < words.length; word += 256) words[word] = next();
    await saved(captured, memory, chunks);
    for (let increment = 1; increment <= 2; increment++) {
      const changed = new Set(Array.from({ length: 500 }, () => next() % (memory.length / pageBytes)));
      for (const page of changed) words[page * 1024 + 5] = next();
      const { lists, newBytes } = await saved(captured, memory, chunks);
      const index = encodeIndex({ fields: {}, regions: lists, files: [] }).length;
      expect(newBytes + index).toBeLessThan(1.05 * changed.size * pageBytes);
    }
  });

  it('may change as soon as it is captured: what is stored is what it was', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    memory.fill(1);
    await captured.capture(memory);
    memory.fill(2);
    expect(same(await chunks.made(chunks.put(captured).lists), guest().fill(1))).toBe(true);
  });

  it('that could not be stored is part of the next increment', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    await saved(captured, memory, chunks);
    memory[0] = 1;
    await captured.capture(memory);
    memory[pageBytes] = 2;
    const { lists } = await saved(captured, memory, chunks);
    expect(same(await chunks.made(lists), memory)).toBe(true);
  });

  it('shares what is the same with another guest, and with itself when nothing is known of it any more', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    memory.fill(7);
    await saved(captured, memory, chunks);
    expect((await saved(new CapturedMemory(), memory, chunks)).newBytes).toBe(0);
    captured.forgetStored();
    expect((await saved(captured, memory, chunks)).newBytes).toBe(0);
  });

  it('that becomes zero again is zero again', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    memory.fill(7);
    await saved(captured, memory, chunks);
    memory.fill(0, 0, 2 * regionBytes);
    const { lists, newBytes } = await saved(captured, memory, chunks);
    expect(newBytes).toBeLessThan(2 * pageBytes);
    expect(same(await chunks.made(lists), memory)).toBe(true);
  });

  it('has short lists, however often it is saved', async () => {
    const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
    for (let round = 1; round <= 3 * longestList; round++) {
      memory[round * pageBytes] = round;
      const { lists } = await saved(captured, memory, chunks);
      expect(Math.max(...lists.map((list) => list.length))).toBeLessThanOrEqual(longestList);
      expect(same(await chunks.made(lists), memory)).toBe(true);
    }
  });

  it('comes back as it was, whatever was written', async () => {
    const write = fc.record({ page: fc.nat(pages - 1), value: fc.nat(255), length: fc.integer({ min: 1, max: 3 * pageBytes }) });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(write, { maxLength: 6 }), { minLength: 1, maxLength: 12 }), async (rounds) => {
        const [memory, captured, chunks] = [guest(), new CapturedMemory(), new Chunks()];
        for (const writes of rounds) {
          for (const { page, value, length } of writes) memory.fill(value, page * pageBytes, page * pageBytes + length);
          const { lists } = await saved(captured, memory, chunks);
          expect(same(await chunks.made(lists), memory)).toBe(true);
        }
      }),
      { numRuns: 20, seed: 7 },
    );
  });
});

describe('the index of a snapshot', () => {
  const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
  const index = {
    fields: { rank: 1, cpuNs: 5n, stdin: new Uint8Array([1, 2]) },
    regions: [[digest('a')], [], [digest('b'), digest('c')]],
    files: [{ place: 'scratch', path: ['out', 'u.dat'], kind: 'file', size: 3, modifiedMs: 5.5, chunks: [digest('d')] }],
  };

  it('names what it was made of', () => {
    const read = decodeIndex(encodeIndex(index));
    expect(JSON.parse(JSON.stringify(read.files))).toEqual(index.files);
    expect(read.regions).toEqual(index.regions);
    expect({ ...(read.fields as object) }).toEqual(index.fields);
    expect(chunksOf(read)).toEqual(['a', 'b', 'c', 'd'].map(digest));
  });

  it('of another version is refused by name', () => {
    const bytes = Buffer.from(encodeIndex(index));
    bytes.writeUInt32LE(9, 8);
    expect(() => decodeIndex(bytes)).toThrow(/has the version 9: this program reads version 1/);
    bytes.writeUInt32LE(1, 8);
    bytes.writeUInt32LE(1, 12);
    expect(() => decodeIndex(bytes)).toThrow(/of the kind 1, not an index/);
  });

  it('that was changed anywhere, or cut off, is refused and nothing else happens', () => {
    const whole = encodeIndex(index);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length - 1), (at, flip, length) => {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(() => decodeIndex(changed)).toThrow(BadStream);
        expect(() => decodeIndex(whole.subarray(0, length))).toThrow(BadStream);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it.each([
    ['regions that name more than there is', { lists: [2], digests: new Uint8Array(32) }, /more chunks than there are/],
    ['regions that name less', { lists: [1], digests: new Uint8Array(64) }, /more chunks than they name/],
    ['an endless region', { lists: [longestList + 1], digests: new Uint8Array(32 * (longestList + 1)) }, /impossible number/],
    ['a file without a size', { lists: [], digests: new Uint8Array(), files: [{ place: 'scratch', path: ['a'] }] }, /not described/],
    ['regions of another size', { regionBytes: 4096, lists: [], digests: new Uint8Array() }, /4096 bytes/],
  ])('with %s is refused', (_what, wrong, why) => {
    expect(() => decodeIndex(sealed({ regionBytes, files: [], ...wrong }))).toThrow(why);
  });
});

/** An index with these fields and a digest that matches: whoever writes one may write anything. */
function sealed(fields: Record<string, unknown>): Uint8Array {
  const tagged = (_key: string, value: unknown): unknown =>
    value instanceof Uint8Array ? { $b: Buffer.from(value).toString('base64') } : value;
  const payload = Buffer.from(JSON.stringify(fields, tagged));
  const head = Buffer.from(encodeIndex({ fields: {}, regions: [], files: [] }).subarray(0, 16));
  const frame = (kind: number, content: Uint8Array): Buffer => {
    const start = Buffer.alloc(8);
    start.writeUInt32LE(kind, 0);
    start.writeUInt32LE(content.length, 4);
    return Buffer.concat([start, content]);
  };
  const body = Buffer.concat([head, frame(1, payload)]);
  return Buffer.concat([body, frame(5, createHash('sha256').update(body).digest())]);
}
