import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Disk, type OpenRequest } from './disk.ts';
import { errno, errnoOf } from './errno.ts';
import { Directory } from './directory.ts';
import { ImageTree } from './image-tree.ts';
import { openFlag } from './layouts.ts';
import { inodeBytes } from './quota.ts';

const readWrite: OpenRequest = { flags: openFlag.create, fdFlags: 0, read: true, write: true };

/** The error number of what `run` throws; 0 when it throws nothing. */
function failure(run: () => unknown): number | undefined {
  try {
    run();
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

describe('the virtual disk', () => {
  let outside: string;
  let disk: Disk;
  let temporaryAsked: number;
  const open = (path: string, request = readWrite) => disk.open(disk.resolve([], path), request);
  beforeEach(() => {
    outside = mkdtempSync(join(tmpdir(), 'verbena-disk-'));
    mkdirSync(join(outside, 'root'));
    temporaryAsked = 0;
    disk = new Disk({
      root: join(outside, 'root'),
      temporary: join(outside, 'temporary'),
      limitBytes: 100_000,
      onTemporary: () => temporaryAsked++,
      device: () => undefined,
      image: new ImageTree([
        { path: 'data/table.txt', content: new TextEncoder().encode('one two') },
        { path: 'readme', content: new Uint8Array() },
      ]),
    });
  });
  afterEach(() => rmSync(outside, { recursive: true, force: true }));

  it('brings every path to names without "." and "..", never above the root', () => {
    expect(disk.resolve(['a', 'b'], '../c/./d')).toEqual(['a', 'c', 'd']);
    expect(disk.resolve(['a'], '../../../etc/passwd')).toEqual(['etc', 'passwd']);
    expect(disk.resolve(['a'], '/x//y/')).toEqual(['x', 'y']);
    const segment = fc.oneof(fc.constantFrom('..', '.', '', 'a'), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(segment), (segments) => {
        const path = segments.join('/');
        if (path === '' || path.includes('\0')) return;
        for (const name of disk.resolve(['x'], path)) expect(['', '.', '..'].includes(name) || name.includes('/')).toBe(false);
      }),
    );
  });

  it('refuses paths that are too long, too deep, empty, or hold a NUL', () => {
    expect(failure(() => disk.resolve([], 'x'.repeat(256)))).toBe(errno.nametoolong);
    expect(failure(() => disk.resolve([], 'd/'.repeat(200)))).toBe(errno.nametoolong);
    expect(failure(() => disk.resolve([], ''))).toBe(errno.noent);
    expect(failure(() => disk.resolve([], 'a\0b'))).toBe(errno.ilseq);
  });

  it('follows no symbolic link, at the end or on the way', () => {
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(join(outside, 'secret'), join(outside, 'root', 'file-link'));
    symlinkSync(outside, join(outside, 'root', 'directory-link'));
    expect(failure(() => open('file-link'))).toBe(errno.loop);
    expect(failure(() => open('directory-link/secret'))).toBe(errno.loop);
    expect(failure(() => disk.unlink(['directory-link', 'secret']))).toBe(errno.loop);
    expect(failure(() => disk.rename(['directory-link', 'secret'], ['mine']))).toBe(errno.loop);
    expect(existsSync(join(outside, 'secret'))).toBe(true);
  });

  it('counts what is written, and gives it back when the last descriptor of a deleted file closes', () => {
    const file = open('data');
    expect(file.write(new Uint8Array(50_000), 'current')).toBe(50_000);
    expect(disk.quota.used).toBe(50_000 + inodeBytes);
    expect(file.write(new Uint8Array(50_000), 0), 'writing over costs nothing').toBe(50_000);
    expect(failure(() => file.write(new Uint8Array(60_000), 'current'))).toBe(errno.nospc);
    expect(disk.quota.used).toBe(50_000 + inodeBytes);
    disk.unlink(['data']);
    expect(disk.quota.used).toBe(50_000 + inodeBytes);
    file.close();
    expect(disk.quota.used).toBe(0);
  });

  it('gives back what a rename replaces and a truncation cuts', () => {
    const [one, two] = [open('one'), open('two')];
    one.write(new Uint8Array(1000), 'current');
    two.write(new Uint8Array(2000), 'current');
    two.truncate(500);
    expect(disk.quota.used).toBe(1500 + 2 * inodeBytes);
    one.close();
    two.close();
    disk.rename(['one'], ['two']);
    expect(disk.quota.used).toBe(1000 + inodeBytes);
    open('two', { ...readWrite, flags: openFlag.truncate }).close();
    expect(disk.quota.used).toBe(inodeBytes);
  });

  it('keeps /tmp apart, unless the root holds a directory of that name', () => {
    open('/tmp/scratch').close();
    expect(temporaryAsked).toBe(1);
    expect(existsSync(join(outside, 'temporary', 'scratch'))).toBe(true);
    expect(existsSync(join(outside, 'root', 'tmp'))).toBe(false);
    mkdirSync(join(outside, 'root', 'tmp'));
    open('/tmp/own').close();
    expect(existsSync(join(outside, 'root', 'tmp', 'own'))).toBe(true);
  });

  it('shows what came with the program under /image, and lets nobody change it', () => {
    const readOnly: OpenRequest = { flags: 0, fdFlags: 0, read: true, write: false };
    const file = open('/image/data/table.txt', readOnly);
    const into = new Uint8Array(16);
    expect([file.read(into, 'current'), file.read(into, 'current'), file.read(into, 4)]).toEqual([7, 0, 3]);
    expect([file.seek(-3, 2), file.read(into, 'current'), file.facts().size]).toEqual([4, 3, 7n]);
    expect(failure(() => file.seek(-1, 0))).toBe(errno.inval);
    expect(failure(() => file.write(into, 'current'))).toBe(errno.badf);
    const listing = open('/image', { ...readOnly, flags: openFlag.directory });
    const names = listing instanceof Directory ? listing.entriesFrom(0).map(({ name }) => new TextDecoder().decode(name)) : [];
    expect(names).toEqual(['.', '..', 'data', 'readme']);
    expect(disk.facts(['image', 'data']).fileType).toBe(listing.type);
    expect(failure(() => open('/image/data/table.txt'))).toBe(errno.rofs);
    expect(failure(() => open('/image/new'))).toBe(errno.rofs);
    expect(failure(() => open('/image/nothing', readOnly))).toBe(errno.noent);
    expect(failure(() => open('/image/readme/below', readOnly))).toBe(errno.notdir);
    for (const change of [disk.unlink, disk.createDirectory, disk.removeDirectory, disk.existing])
      expect(failure(() => change.call(disk, ['image', 'readme']))).toBe(errno.rofs);
    expect(failure(() => disk.rename(['image', 'readme'], ['mine']))).toBe(errno.rofs);
  });

  it('cannot lose its root or /tmp', () => {
    expect(failure(() => disk.removeDirectory([]))).toBe(errno.busy);
    expect(failure(() => disk.rename(['tmp'], ['other']))).toBe(errno.busy);
  });
});
