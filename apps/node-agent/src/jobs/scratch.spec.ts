import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { defaultBounds, isInside, keepFiles, prepareScratch, removeEmpty, removeScratch, type KeptFile } from './scratch.ts';

let root: string;
let dir: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'verbena-scratch-'));
  dir = join(root, 'job', '0');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const chunks = new Map([
  ['sha256:a', new TextEncoder().encode('hello ')],
  ['sha256:b', new TextEncoder().encode('world')],
]);
const fetchChunk = (digest: string): Promise<Uint8Array> => Promise.resolve(chunks.get(digest) ?? new Uint8Array());

async function keep(
  inputs: ReadonlyMap<string, string>,
  bounds = defaultBounds,
): Promise<{ files: KeptFile[]; stored: Map<string, Uint8Array>; note: string }> {
  const files: KeptFile[] = [];
  const stored = new Map<string, Uint8Array>();
  const { note } = await keepFiles({
    dir,
    inputs,
    bounds,
    putChunk: (digest, data) => Promise.resolve(void stored.set(digest, data.slice())),
    putFile: (file) => Promise.resolve(void files.push(file)),
  });
  return { files, stored, note };
}

describe('scratch directory', () => {
  it('holds the input files, in their folders', async () => {
    await prepareScratch(dir, [{ path: 'in/data.txt', size: 11n, chunks: ['sha256:a', 'sha256:b'] }], fetchChunk);
    expect(await readFile(join(dir, 'in/data.txt'), 'utf8')).toBe('hello world');
  });

  it('is removed at once when there is nothing in it, and with all that is in it when asked', async () => {
    await mkdir(join(dir, 'below'), { recursive: true });
    expect(await removeEmpty(dir)).toBe(false);
    expect(await removeEmpty(join(dir, 'below'))).toBe(true);
    await writeFile(join(dir, 'result'), 'x');
    expect(await removeEmpty(dir)).toBe(false);
    await removeScratch(dir);
    await removeScratch(dir);
    await expect(readFile(join(dir, 'result'))).rejects.toThrow('ENOENT');
  });

  it('starts empty, whatever an earlier run left', async () => {
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'old'), 'x');
    await prepareScratch(dir, [], fetchChunk);
    expect((await keep(new Map())).files).toEqual([]);
  });

  it.each(['../out', '/etc/passwd', 'a/../../b', '', 'a//b', 'a\\b', './a', 'a\0'])('refuses the input path %j', async (path) => {
    expect(isInside(path)).toBe(false);
    await expect(prepareScratch(dir, [{ path, size: 0n, chunks: [] }], fetchChunk)).rejects.toThrow('inside the working directory');
  });

  it('refuses an input whose chunks do not give its size', async () => {
    await expect(prepareScratch(dir, [{ path: 'x', size: 3n, chunks: ['sha256:a'] }], fetchChunk)).rejects.toThrow(
      'its chunks hold 6 bytes',
    );
  });

  it('keeps what the program wrote and not what it was given', async () => {
    const inputs = await prepareScratch(dir, [{ path: 'given', size: 6n, chunks: ['sha256:a'] }], fetchChunk);
    await mkdir(join(dir, 'out'));
    await writeFile(join(dir, 'out/result.txt'), 'forty-two');
    const { files, stored } = await keep(inputs);
    expect(files.map(({ path, size }) => [path, size])).toEqual([['out/result.txt', 9n]]);
    expect(new TextDecoder().decode(stored.get(files[0]?.chunks[0] ?? ''))).toBe('forty-two');
  });

  it('keeps a given file that the program changed', async () => {
    const inputs = await prepareScratch(dir, [{ path: 'given', size: 6n, chunks: ['sha256:a'] }], fetchChunk);
    await writeFile(join(dir, 'given'), 'changed by the program');
    expect((await keep(inputs)).files.map(({ path }) => path)).toEqual(['given']);
  });

  it('cuts a large file into chunks of 1 MiB', async () => {
    await prepareScratch(dir, [], fetchChunk);
    await writeFile(join(dir, 'large'), new Uint8Array((2 << 20) + 5));
    const { files } = await keep(new Map());
    expect(files[0]?.chunks).toHaveLength(3);
    expect(files[0]?.size).toBe(BigInt((2 << 20) + 5));
  });

  it('ignores links, which could name files of the host', async () => {
    await prepareScratch(dir, [], fetchChunk);
    await writeFile(join(root, 'secret'), 'secret');
    await symlink(join(root, 'secret'), join(dir, 'link'));
    await symlink(root, join(dir, 'up'));
    expect((await keep(new Map())).files).toEqual([]);
  });

  it('says how many files it left behind', async () => {
    await prepareScratch(dir, [], fetchChunk);
    for (const name of ['a', 'b', 'c']) await writeFile(join(dir, name), 'x');
    const { files, note } = await keep(new Map(), { maxFiles: 2, maxBytes: 1 << 20 });
    expect(files).toHaveLength(2);
    expect(note).toBe('files of the working directory that were not kept: 1 (at most 2 files and 1 MiB are kept for each rank)');
  });
});
