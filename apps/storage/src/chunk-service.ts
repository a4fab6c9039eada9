/** ChunkService: content-addressed chunks for images, input and output. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { ChunkStore } from '@verbena/chunk-store';
import type { storagev1 } from '@verbena/contracts';
import { edge, StorageError } from './errors.ts';

const maximumDigests = 65_536;

export function chunkService(chunks: ChunkStore): ServiceImpl<typeof storagev1.ChunkService> {
  return {
    missingChunks: edge(async ({ digests }: storagev1.MissingChunksRequest) => {
      if (digests.length > maximumDigests)
        throw new StorageError('invalid', `${digests.length} digests at once; at most ${maximumDigests} are taken`);
      return { digests: chunks.missing(digests) };
    }),
    putChunk: edge(async ({ digest, data }: storagev1.PutChunkRequest) => {
      await chunks.put(digest, data);
      return {};
    }),
    getChunk: edge(async ({ digest }: storagev1.GetChunkRequest) => {
      const data = await chunks.get(digest);
      if (data === undefined) throw new StorageError('not-found', `there is no chunk ${digest}`);
      return { data };
    }),
  };
}
