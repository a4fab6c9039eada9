/** ChunkService: content-addressed chunks for images, input and output. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { ChunkStore } from '@verbena/chunk-store';
import type { storagev1 } from '@verbena/contracts';
import { callContext, seesEverything } from '@verbena/messaging';
import type { ChunkOwners } from './chunk-owners.ts';
import { edge, StorageError } from './errors.ts';

const maximumDigests = 65_536;

/** The tenant of a caller from outside, who may know only of its own chunks; undefined for services, and for admins. */
function confinedTo(): string | undefined {
  const caller = callContext();
  return caller.roles.length === 0 || seesEverything(caller) ? undefined : caller.tenant;
}

export function chunkService(chunks: ChunkStore, owners: ChunkOwners): ServiceImpl<typeof storagev1.ChunkService> {
  return {
    missingChunks: edge(async ({ digests }: storagev1.MissingChunksRequest) => {
      if (digests.length > maximumDigests)
        throw new StorageError('invalid', `${digests.length} digests at once; at most ${maximumDigests} are taken`);
      const absent = chunks.missing(digests);
      const tenant = confinedTo();
      if (tenant === undefined) return { digests: absent };
      const lacking = new Set(absent);
      return { digests: digests.filter((digest) => lacking.has(digest) || !owners.has(tenant, digest)) };
    }),
    putChunk: edge(async ({ digest, data }: storagev1.PutChunkRequest) => {
      await chunks.put(digest, data);
      const { tenant, roles } = callContext();
      if (roles.length > 0) await owners.add(tenant, digest);
      return {};
    }),
    getChunk: edge(async ({ digest }: storagev1.GetChunkRequest) => {
      const data = await chunks.get(digest);
      if (data === undefined) throw new StorageError('not-found', `there is no chunk ${digest}`);
      return { data };
    }),
  };
}
