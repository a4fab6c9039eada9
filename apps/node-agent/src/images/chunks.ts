/** The node's chunks on disk, behind the port that the image cache asks for. */
import { ChunkError, openChunkStore, type ChunkStore } from '@verbena/chunk-store';
import { Refusal } from '../errors.ts';
import type { Chunks } from './image-cache.ts';

/**
 * Chunks of complete images are pinned by the image cache, which holds them to its own quota. The rest, left by distributions that did not
 * finish, may take a quarter more and goes first.
 */
export async function openChunks(directory: string, quotaBytes: number): Promise<Chunks> {
  const store = await openChunkStore({ directory, quotaBytes: Math.ceil(quotaBytes * 1.25), whenFull: 'evict', durable: false });
  return {
    missing: (digests) => store.missing(digests),
    pin: (digests) => store.pin(digests),
    get: (digest) => store.get(digest),
    put: (digest, data) => put(store, digest, data),
    delete: (digest) => store.delete(digest),
  };
}

async function put(store: ChunkStore, digest: string, data: Uint8Array): Promise<void> {
  try {
    await store.put(digest, data);
  } catch (error) {
    if (!(error instanceof ChunkError)) throw error;
    const full = error.problem === 'quota' || error.problem === 'no-space';
    throw new Refusal(full ? 'no-capacity' : 'invalid', error.message, { cause: error });
  }
}
