/** Chunks of checkpoints are here as long as a checkpoint names them, and no longer. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@verbena/chunk-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnapshotStore } from './snapshot-store.ts';

let directory: string;
let store: SnapshotStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'snapshots-'));
  store = await SnapshotStore.open({ directory });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const chunk = (text: string): Uint8Array => Buffer.from(text.repeat(100));
const named = (...texts: readonly string[]): string[] => texts.map((text) => digestOf(chunk(text)));

async function save(id: string, rank: number, index: string, ...chunks: readonly string[]): Promise<readonly string[]> {
  const missing = await store.begin(id, rank, { index: named(index), chunks: named(...chunks) });
  for (const text of [index, ...chunks]) if (missing.includes(digestOf(chunk(text)))) await store.put(digestOf(chunk(text)), chunk(text));
  return missing;
}

describe('the chunks of checkpoints', () => {
  it('are kept once, whoever names them', async () => {
    expect(await save('ckpt-1', 0, 'i', 'a', 'b')).toHaveLength(3);
    expect(await save('ckpt-2', 0, 'j', 'a', 'b', 'c')).toEqual(named('j', 'c'));
    expect(store.bytes).toBe(500);
    expect(store.part('ckpt-2', 0).index).toEqual(named('j'));
    expect(await store.chunk(digestOf(chunk('a')))).toEqual(chunk('a'));
  });

  it('go with the last checkpoint that names them', async () => {
    await save('ckpt-1', 0, 'i', 'a', 'b');
    await save('ckpt-2', 0, 'j', 'b', 'c');
    expect(await store.remove('ckpt-1')).toBe(200);
    expect(() => store.part('ckpt-1', 0)).toThrow('is not here');
    await expect(store.chunk(digestOf(chunk('a')))).rejects.toThrow('there is no chunk');
    expect(await store.chunk(digestOf(chunk('b')))).toEqual(chunk('b'));
    expect(await store.remove('ckpt-1')).toBe(0);
    await store.remove('ckpt-2');
    expect([store.bytes, store.ids()]).toEqual([0, []]);
    expect(await readdir(join(directory, 'parts'))).toEqual([]);
  });

  it('are not let go under one who was told that they are here', async () => {
    await save('ckpt-1', 0, 'i', 'a');
    expect(await store.begin('ckpt-2', 0, { index: named('j'), chunks: named('a') })).toEqual(named('j'));
    await store.remove('ckpt-1');
    expect(await store.chunk(digestOf(chunk('a')))).toEqual(chunk('a'));
  });

  it('are there again after a start, without those that nobody names', async () => {
    await save('ckpt-1', 0, 'i', 'a');
    await save('ckpt-1', 1, 'j', 'a', 'b');
    await rm(join(directory, 'parts', 'ckpt-1', '1.json'));
    store = await SnapshotStore.open({ directory });
    expect(store.part('ckpt-1', 0)).toEqual({ index: named('i'), chunks: named('a') });
    expect(store.bytes).toBe(200);
    await store.remove('ckpt-1');
    expect(store.bytes).toBe(0);
  });

  it('come for a part that was begun anew, and those of the first try go', async () => {
    await save('ckpt-1', 0, 'i', 'a');
    await save('ckpt-1', 0, 'j', 'b');
    expect(store.bytes).toBe(200);
    await expect(store.put(digestOf(chunk('z')), chunk('z'))).rejects.toThrow('no checkpoint names');
  });

  it('beyond the bound are refused, and what is there stays', async () => {
    store = await SnapshotStore.open({ directory, quotaBytes: 250 });
    await expect(save('ckpt-1', 0, 'i', 'a', 'b')).rejects.toThrow(/there is no room/);
    await store.remove('ckpt-1');
    await save('ckpt-2', 0, 'i', 'a');
    expect(store.bytes).toBe(200);
  });

  it('of a name that is none are refused before anything is made of it', async () => {
    await expect(async () => store.begin('../../etc', 0, { index: [], chunks: [] })).rejects.toThrow('is not a checkpoint id');
  });
});
