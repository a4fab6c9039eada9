import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChunkIndex } from './chunk-index.ts';
import { digestOf, openChunkStore, type ChunkStoreOptions } from './chunk-store.ts';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'verbena-chunks-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const open = (options: Partial<ChunkStoreOptions> = {}) => openChunkStore({ directory, ...options });
const chunk = (text: string) => {
  const data = new TextEncoder().encode(text);
  return { data, digest: digestOf(data) };
};
const [a, b, c, d] = [chunk('aaaa'), chunk('bbbb'), chunk('cccc'), chunk('dddd')];
const pathOf = ({ digest }: { digest: string }): string => join(directory, digest.slice(7, 9), digest.slice(7));

describe('a chunk store', () => {
  it('gives back what was put, also after it is opened again', async () => {
    const store = await open();
    await Promise.all([store.put(a.digest, a.data), store.put(a.digest, a.data), store.put(b.digest, b.data)]);
    await store.put(a.digest, a.data);
    const again = await open();
    expect(Buffer.from((await again.get(a.digest))!).toString()).toBe('aaaa');
    expect(again.list().sort()).toEqual([a.digest, b.digest].sort());
    expect(again.bytes).toBe(8);
    expect(again.missing([c.digest, a.digest, c.digest])).toEqual([c.digest]);
    expect(await again.get(c.digest)).toBeUndefined();
    await again.delete(a.digest);
    expect(again.has(a.digest)).toBe(false);
    expect((await open()).has(a.digest)).toBe(false);
  });

  it('keeps chunks that need not be durable, too', async () => {
    const store = await open({ durable: false });
    await store.put(a.digest, a.data);
    expect((await open()).list()).toEqual([a.digest]);
  });

  it('takes nothing under a name that is not its own, and no name that could be a path', async () => {
    const store = await open();
    await expect(store.put(a.digest, b.data)).rejects.toMatchObject({ problem: 'mismatch' });
    for (const name of ['', 'sha256:', `sha256:${'A'.repeat(64)}`, `sha256:../../${'a'.repeat(58)}`, `md5:${'a'.repeat(64)}`]) {
      await expect(store.put(name, a.data)).rejects.toMatchObject({ problem: 'invalid-digest' });
      await expect(store.get(name)).rejects.toMatchObject({ problem: 'invalid-digest' });
      expect(() => store.missing([name])).toThrow('looks like sha256:');
    }
    const large = new Uint8Array((1 << 20) + 1);
    await expect(store.put(digestOf(large), large)).rejects.toMatchObject({ problem: 'too-large' });
    expect(store.list()).toEqual([]);
  });

  it('never gives what has changed on the disk, and takes it anew', async () => {
    const store = await open();
    await store.put(a.digest, a.data);
    await writeFile(pathOf(a), 'aaab');
    await expect(store.get(a.digest)).rejects.toMatchObject({ problem: 'corrupt' });
    expect(store.missing([a.digest])).toEqual([a.digest]);
    await store.put(a.digest, a.data);
    expect(await store.get(a.digest)).toBeDefined();
    await rm(pathOf(a));
    expect(await store.get(a.digest)).toBeUndefined();
    expect(store.has(a.digest)).toBe(false);
  });

  it('removes what a crash left half-written, and takes no stranger for a chunk', async () => {
    const store = await open();
    await store.put(a.digest, a.data);
    await writeFile(join(directory, 'incoming', 'torn'), 'half');
    await writeFile(join(directory, 'README'), 'not ours');
    expect((await open()).list()).toEqual([a.digest]);
    expect(await readdir(join(directory, 'incoming'))).toEqual([]);
  });

  it('refuses what does not fit into the quota, counting what is on its way', async () => {
    const store = await open({ quotaBytes: 10 });
    const puts = await Promise.allSettled([a, b, c].map(({ digest, data }) => store.put(digest, data)));
    expect(puts.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    await expect(store.put(c.digest, c.data)).rejects.toMatchObject({ problem: 'quota' });
    await store.delete(a.digest);
    await store.put(c.digest, c.data);
  });

  it('evicts the least recently used that nobody has pinned', async () => {
    const store = await open({ quotaBytes: 12, whenFull: 'evict' });
    for (const { digest, data } of [a, b, c]) await store.put(digest, data);
    const unpin = store.pin([b.digest]);
    await store.get(a.digest);
    await store.put(d.digest, d.data);
    expect(store.list()).toEqual([b.digest, a.digest, d.digest]);
    const unpinAll = store.pin(store.list());
    await expect(store.put(c.digest, c.data)).rejects.toMatchObject({ problem: 'quota' });
    unpinAll();
    unpin();
    unpin();
    await store.put(c.digest, c.data);
    expect(store.list()).toEqual([a.digest, d.digest, c.digest]);
    expect((await open()).list().sort()).toEqual(store.list().sort());
  });

  it('says that the disk is full, and goes on when it is not any more', async () => {
    let full = true;
    const real = (await import('./durable-write.ts')).durableWrite;
    const store = await open({
      write: (...all) => (full ? Promise.reject(Object.assign(new Error('write'), { code: 'ENOSPC' })) : real(...all)),
    });
    await expect(store.put(a.digest, a.data)).rejects.toMatchObject({ problem: 'no-space' });
    expect(store.has(a.digest)).toBe(false);
    full = false;
    await store.put(a.digest, a.data);
    expect(await store.get(a.digest)).toBeDefined();
  });
});

describe('the index of a chunk store', () => {
  it('never counts wrong and never names a pinned chunk for eviction', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
    const step = fc.oneof(
      fc.tuple(fc.constant('add' as const), name, fc.nat(9)),
      fc.tuple(fc.constantFrom('remove' as const, 'touch' as const, 'pin' as const), name, fc.constant(0)),
    );
    fc.assert(
      fc.property(fc.array(step), fc.nat(30), (steps, wanted) => {
        const index = new ChunkIndex();
        const model = new Map<string, number>();
        const pinned = new Set<string>();
        for (const [what, digest, size] of steps) {
          if (what === 'pin') {
            index.pin([digest]);
            pinned.add(digest);
          } else if (what === 'add') {
            index.add(digest, size);
            model.set(digest, size);
          } else if (what === 'remove') {
            index.remove(digest);
            model.delete(digest);
          } else index.touch(digest);
        }
        const free = [...model].filter(([digest]) => !pinned.has(digest)).reduce((sum, [, size]) => sum + size, 0);
        const victims = index.victims(wanted);
        expect(index.bytes).toBe([...model.values()].reduce((sum, size) => sum + size, 0));
        expect(victims !== undefined).toBe(free >= wanted);
        for (const victim of victims ?? []) expect(pinned.has(victim)).toBe(false);
      }),
    );
  });
});
