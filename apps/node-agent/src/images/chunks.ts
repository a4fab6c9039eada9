/** The node's chunks on disk, one file each, named by digest; written under another name and renamed, so that a file is whole or not there. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '@verbena/guest-image';
import { Refusal } from '../errors.ts';
import type { Chunks } from './image-cache.ts';

export async function openChunks(dir: string): Promise<Chunks> {
  const incoming = join(dir, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  const pathOf = (digest: string): string => join(dir, digest.slice('sha256:'.length));
  const has = (digest: string): Promise<boolean> =>
    access(pathOf(digest)).then(
      () => true,
      () => false,
    );
  return {
    has,
    async get(digest) {
      try {
        return await readFile(pathOf(digest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async put(digest, data) {
      const found = sha256(data);
      if (found !== digest) throw new Refusal('invalid', `a chunk named ${digest} has digest ${found}`);
      if (await has(digest)) return;
      const part = join(incoming, randomUUID());
      await writeFile(part, data);
      await rename(part, pathOf(digest));
    },
    delete: (digest) => rm(pathOf(digest), { force: true }),
  };
}
