/** Files of a program as they were when it stood: copied beside it, and read from there while it runs on. */
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProgramFile } from '@verbena/hypervisor';
import { sha256 } from '@verbena/guest-image';
import type { IndexedFile } from '@verbena/live-migration';
import { Refusal } from '../errors.ts';

const chunkBytes = 1 << 20;
const mostFiles = 20_000;

interface Copy {
  readonly entry: Omit<ProgramFile, 'content'>;
  readonly at: string;
}

export class Spool {
  readonly #dir: string;
  readonly #copies: Copy[] = [];
  /** Where a chunk lies. */
  readonly #places = new Map<string, { readonly at: string; readonly offset: number; readonly length: number }>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** @throws {Refusal} when there are too many */
  async take(files: AsyncIterable<ProgramFile>): Promise<void> {
    for await (const { content, ...entry } of files) {
      if (this.#copies.length >= mostFiles) throw new Refusal('not-movable', `the program has more than ${String(mostFiles)} files`);
      const at = join(this.#dir, String(this.#copies.length));
      this.#copies.push({ entry, at });
      if (entry.kind !== 'file') continue;
      await mkdir(this.#dir, { recursive: true });
      const handle = await open(at, 'w');
      try {
        for await (const piece of content()) await handle.writeFile(piece);
      } finally {
        await handle.close();
      }
    }
  }

  /** The files with the digests of what is in them. */
  async indexed(): Promise<readonly IndexedFile[]> {
    const files: IndexedFile[] = [];
    for (const { entry, at } of this.#copies) {
      const { place, path, kind, size, modifiedMs } = entry;
      const chunks = kind === 'file' ? await this.#digests(at) : [];
      files.push({ place, path, kind, size, modifiedMs, chunks });
    }
    return files;
  }

  /** A chunk that `indexed` has named. */
  has(digest: string): boolean {
    return this.#places.has(digest);
  }

  async chunk(digest: string): Promise<Uint8Array> {
    const place = this.#places.get(digest);
    if (place === undefined) throw new Error(`no file has the chunk ${digest}`);
    return within(place.at, (handle) => read(handle, place.offset, place.length));
  }

  get bytes(): number {
    return this.#copies.reduce((sum, { entry }) => sum + entry.size, 0);
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  #digests(at: string): Promise<readonly string[]> {
    return within(at, async (handle) => {
      const { size } = await handle.stat();
      const digests: string[] = [];
      for (let offset = 0; offset < size; offset += chunkBytes) {
        const length = Math.min(chunkBytes, size - offset);
        const digest = sha256(await read(handle, offset, length));
        this.#places.set(digest, { at, offset, length });
        digests.push(digest);
      }
      return digests;
    });
  }
}

async function within<T>(path: string, run: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, 'r');
  try {
    return await run(handle);
  } finally {
    await handle.close();
  }
}

async function read(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  if (bytesRead !== length) throw new Error('a file of the spool is shorter than it was');
  return bytes;
}
