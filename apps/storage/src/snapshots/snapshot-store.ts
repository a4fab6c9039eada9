/**
 * The checkpoints of jobs on disk: of each a directory with a file for each rank, which names its chunks; and the chunks of all, each once.
 *
 *   <directory>/parts/ckpt-.../3.json     what rank 3 needs
 *   <directory>/chunks/                   see libs/chunk-store
 *
 * A part is written down before its chunks come, so a chunk that somebody needs is never let go; what nobody names is removed with the last part that did,
 * or at the next start. Whether a checkpoint is whole is not known here: the log says it.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { durableWrite, openChunkStore, syncDirectory, type ChunkStore } from '@verbena/chunk-store';
import { checkpointId } from '@verbena/ids';
import { parsed, StorageError } from '../errors.ts';

export interface Part {
  readonly index: readonly string[];
  readonly chunks: readonly string[];
}

export interface SnapshotStoreOptions {
  readonly directory: string;
  /** Most bytes of chunks; no bound but the disk when absent. */
  readonly quotaBytes?: number;
}

export class SnapshotStore {
  readonly #directory: string;
  readonly #chunks: ChunkStore;
  /** By checkpoint and rank. */
  readonly #parts = new Map<string, Map<number, Part>>();
  /** How many parts name a chunk. */
  readonly #named = new Map<string, number>();
  /** Whoever counts and whoever lets go come one after another. */
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, chunks: ChunkStore) {
    this.#directory = directory;
    this.#chunks = chunks;
  }

  /** What was kept there before is there again, without chunks that nobody names. */
  static async open({ directory, quotaBytes }: SnapshotStoreOptions): Promise<SnapshotStore> {
    await mkdir(join(directory, 'parts'), { recursive: true });
    const chunks = await openChunkStore({ directory: join(directory, 'chunks'), ...(quotaBytes !== undefined && { quotaBytes }) });
    const store = new SnapshotStore(directory, chunks);
    for (const id of await readdir(join(directory, 'parts'))) {
      for (const name of await readdir(join(directory, 'parts', id))) {
        const [, rank] = /^(\d+)\.json$/.exec(name) ?? [];
        const path = join(directory, 'parts', id, name);
        if (rank === undefined) await rm(path, { force: true });
        else store.#remember(id, Number(rank), JSON.parse(await readFile(path, 'utf8')) as Part);
      }
    }
    for (const digest of chunks.list()) if (!store.#named.has(digest)) await chunks.delete(digest);
    return store;
  }

  /** Of all chunks together. */
  get bytes(): number {
    return this.#chunks.bytes;
  }

  /** Checkpoints of which a part is here. */
  ids(): readonly string[] {
    return [...this.#parts.keys()];
  }

  /** Writes down what a part needs; durable when it resolves. @returns what is missing of it. @throws {StorageError} invalid */
  begin(id: string, rank: number, part: Part): Promise<readonly string[]> {
    parsed(checkpointId, id);
    return this.#inTurn(async () => {
      const missing = this.#chunks.missing([...part.index, ...part.chunks]);
      const directory = join(this.#directory, 'parts', id);
      await mkdir(directory, { recursive: true });
      await durableWrite(join(directory, `${rank}.json`), join(directory, `${randomUUID()}.tmp`), Buffer.from(JSON.stringify(part)));
      await syncDirectory(join(this.#directory, 'parts'));
      const before = this.#parts.get(id)?.get(rank);
      this.#remember(id, rank, part);
      if (before !== undefined) await this.#letGo(before);
      return missing;
    });
  }

  /** @throws {StorageError} invalid, for a chunk that no part names; ChunkError */
  async put(digest: string, data: Uint8Array): Promise<void> {
    if (!this.#named.has(digest)) throw new StorageError('invalid', `no checkpoint names the chunk ${digest.slice(0, 80)}`);
    await this.#chunks.put(digest, data);
  }

  /** @throws {StorageError} not-found */
  part(id: string, rank: number): Part {
    const part = this.#parts.get(id)?.get(rank);
    if (part === undefined)
      throw new StorageError('not-found', `rank ${rank} of checkpoint ${JSON.stringify(id.slice(0, 80))} is not here`);
    return part;
  }

  /** @throws {StorageError} not-found; ChunkError corrupt */
  async chunk(digest: string): Promise<Uint8Array> {
    const data = await this.#chunks.get(digest);
    if (data === undefined) throw new StorageError('not-found', `there is no chunk ${digest} of a checkpoint`);
    return data;
  }

  /** @returns bytes that were freed; 0 for one that is not here */
  remove(id: string): Promise<number> {
    parsed(checkpointId, id);
    return this.#inTurn(async () => {
      const before = this.bytes;
      const parts = [...(this.#parts.get(id)?.values() ?? [])];
      await rm(join(this.#directory, 'parts', id), { recursive: true, force: true });
      this.#parts.delete(id);
      for (const part of parts) await this.#letGo(part);
      return before - this.bytes;
    });
  }

  #remember(id: string, rank: number, part: Part): void {
    const parts = this.#parts.get(id) ?? new Map<number, Part>();
    this.#parts.set(id, parts.set(rank, part));
    for (const digest of namesOf(part)) this.#named.set(digest, (this.#named.get(digest) ?? 0) + 1);
  }

  async #letGo(part: Part): Promise<void> {
    for (const digest of namesOf(part)) {
      const left = (this.#named.get(digest) ?? 1) - 1;
      if (left > 0) this.#named.set(digest, left);
      else {
        this.#named.delete(digest);
        await this.#chunks.delete(digest);
      }
    }
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(run);
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}

function namesOf({ index, chunks }: Part): ReadonlySet<string> {
  return new Set([...index, ...chunks]);
}
