/**
 * Content-addressed chunks on disk. A chunk's name is the SHA-256 of its bytes, checked when it comes and when it goes; a file is whole and
 * durable, or it is not there.
 *
 *   <directory>/ab/abcdef...    a chunk, by its digest's digits
 *   <directory>/incoming/       half-written ones, removed at the start
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChunkError } from './chunk-error.ts';
import { ChunkIndex } from './chunk-index.ts';
import { durableWrite, quickWrite, syncDirectory } from './durable-write.ts';

export interface ChunkStoreOptions {
  readonly directory: string;
  /** Most bytes of chunks; no bound but the disk when absent. */
  readonly quotaBytes?: number;
  /** What happens when the quota is reached: the new chunk is refused (the default), or the least recently used ones that are not pinned go. */
  readonly whenFull?: 'refuse' | 'evict';
  /** 1 MiB unless given. */
  readonly maximumChunkBytes?: number;
  /** False for a cache, whose chunks can be fetched again: they are then not synced to the disk one by one. */
  readonly durable?: boolean;
  /** How bytes reach the disk; for tests of disks that are full. */
  readonly write?: typeof durableWrite;
}

export interface ChunkStore {
  /**
   * Keeps a chunk; durable when it resolves, unless this is a cache. Again is harmless.
   * @throws {ChunkError} invalid-digest, mismatch, too-large, quota, no-space
   */
  put(digest: string, data: Uint8Array): Promise<void>;
  /**
   * A chunk's bytes, verified; undefined when it is not here.
   * @throws {ChunkError} corrupt, after which it is not here any more
   */
  get(digest: string): Promise<Uint8Array | undefined>;
  has(digest: string): boolean;
  /** Bytes of a chunk; undefined when it is not here. */
  sizeOf(digest: string): number | undefined;
  /** Those that are not here, each once, in the order given. @throws {ChunkError} invalid-digest */
  missing(digests: Iterable<string>): string[];
  /** Least recently used first. */
  list(): string[];
  delete(digest: string): Promise<void>;
  /** Keeps these from being evicted, whether they are here yet or not, until the returned function is called. */
  pin(digests: Iterable<string>): () => void;
  /** Of all chunks together. */
  readonly bytes: number;
}

const megabyte = 1 << 20;
const hexName = /^[0-9a-f]{64}$/;

/** "sha256:<hex>" of some bytes. */
export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}

/** Opens the directory, made when it does not exist: finds the chunks that are there, oldest first, and removes what was half-written. */
export async function openChunkStore(options: ChunkStoreOptions): Promise<ChunkStore> {
  const incoming = join(options.directory, 'incoming');
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true });
  const index = new ChunkIndex();
  for (const { digest, size } of await scan(options.directory)) index.add(digest, size);
  return new DiskChunkStore(options, incoming, index);
}

async function scan(directory: string): Promise<{ digest: string; size: number; used: number }[]> {
  const found: { digest: string; size: number; used: number }[] = [];
  for (const shelf of await readdir(directory)) {
    if (!/^[0-9a-f]{2}$/.test(shelf)) continue;
    for (const name of await readdir(join(directory, shelf))) {
      if (!hexName.test(name)) continue;
      const { size, mtimeMs } = await stat(join(directory, shelf, name));
      found.push({ digest: `sha256:${name}`, size, used: mtimeMs });
    }
  }
  return found.sort((a, b) => a.used - b.used);
}

class DiskChunkStore implements ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #incoming: string;
  readonly #index: ChunkIndex;
  readonly #writing = new Map<string, Promise<void>>();
  readonly #shelves = new Set<string>();
  /** Bytes on their way to the disk, which the quota counts already. */
  #reserved = 0;

  constructor(options: ChunkStoreOptions, incoming: string, index: ChunkIndex) {
    this.#options = options;
    this.#incoming = incoming;
    this.#index = index;
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  async put(digest: string, data: Uint8Array): Promise<void> {
    checkDigest(digest);
    const { maximumChunkBytes = megabyte } = this.#options;
    if (data.length > maximumChunkBytes) {
      throw new ChunkError('too-large', `the chunk ${digest} has ${data.length} bytes; at most ${maximumChunkBytes} are taken`);
    }
    const actual = digestOf(data);
    if (actual !== digest) throw new ChunkError('mismatch', `a chunk that is called ${digest} has the digest ${actual}: send it again`);
    if (this.#index.has(digest)) return this.#index.touch(digest);
    const writing = this.#writing.get(digest) ?? this.#write(digest, data).finally(() => this.#writing.delete(digest));
    this.#writing.set(digest, writing);
    return writing;
  }

  async get(digest: string): Promise<Uint8Array | undefined> {
    checkDigest(digest);
    if (!this.#index.has(digest)) return undefined;
    const data = await readFile(this.#pathOf(digest)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (data === undefined) {
      this.#index.remove(digest);
      return undefined;
    }
    if (digestOf(data) !== digest) {
      await this.delete(digest);
      throw new ChunkError('corrupt', `the chunk ${digest} had changed on the disk of ${this.#options.directory} and was removed`);
    }
    this.#index.touch(digest);
    return data;
  }

  has(digest: string): boolean {
    return this.#index.has(digest);
  }

  sizeOf(digest: string): number | undefined {
    return this.#index.sizeOf(digest);
  }

  missing(digests: Iterable<string>): string[] {
    const wanted = [...new Set(digests)];
    wanted.forEach(checkDigest);
    return wanted.filter((digest) => !this.#index.has(digest));
  }

  list(): string[] {
    return this.#index.digests();
  }

  async delete(digest: string): Promise<void> {
    checkDigest(digest);
    this.#index.remove(digest);
    await rm(this.#pathOf(digest), { force: true });
  }

  pin(digests: Iterable<string>): () => void {
    return this.#index.pin(digests);
  }

  async #write(digest: string, data: Uint8Array): Promise<void> {
    const { durable = true, write = durable ? durableWrite : quickWrite } = this.#options;
    // Counted before anything is awaited, so that puts at the same time cannot share the last free bytes.
    const victims = this.#room(digest, data.length);
    this.#reserved += data.length;
    try {
      await Promise.all(victims.map((victim) => this.delete(victim)));
      await this.#makeShelf(digest);
      await write(this.#pathOf(digest), join(this.#incoming, randomUUID()), data);
      this.#index.add(digest, data.length);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      const message = `no space is left on the disk of ${this.#options.directory} for a chunk of ${data.length} bytes`;
      throw new ChunkError('no-space', message, { cause: error });
    } finally {
      this.#reserved -= data.length;
    }
  }

  /** Which chunks must go for one to come; they leave the index at once. */
  #room(digest: string, bytes: number): string[] {
    const { quotaBytes = Infinity, whenFull = 'refuse', directory } = this.#options;
    const excess = this.#index.bytes + this.#reserved + bytes - quotaBytes;
    if (excess <= 0) return [];
    const victims = whenFull === 'evict' ? this.#index.victims(excess) : undefined;
    if (victims === undefined) {
      throw new ChunkError('quota', `there is no room for the chunk ${digest}: ${directory} holds at most ${quotaBytes} bytes, all in use`);
    }
    for (const victim of victims) this.#index.remove(victim);
    return victims;
  }

  async #makeShelf(digest: string): Promise<void> {
    const shelf = digest.slice('sha256:'.length, 'sha256:'.length + 2);
    if (this.#shelves.has(shelf)) return;
    if ((await mkdir(join(this.#options.directory, shelf), { recursive: true })) !== undefined)
      await syncDirectory(this.#options.directory);
    this.#shelves.add(shelf);
  }

  #pathOf(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.#options.directory, hex.slice(0, 2), hex);
  }
}

/** A digest becomes a path, so nothing else may pass for one. */
function checkDigest(digest: string): void {
  if (!digest.startsWith('sha256:') || !hexName.test(digest.slice('sha256:'.length))) {
    const shown = JSON.stringify(digest.slice(0, 80));
    throw new ChunkError('invalid-digest', `${shown} is not a chunk's digest; one looks like sha256:<64 hexadecimal digits>`);
  }
}
