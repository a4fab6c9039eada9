/** SnapshotService: the parts of checkpoints, for node-agents and the migration controller. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { storagev1 } from '@verbena/contracts';
import { edge } from '../errors.ts';
import type { SnapshotStore } from './snapshot-store.ts';

export function snapshotService(snapshots: SnapshotStore): ServiceImpl<typeof storagev1.SnapshotService> {
  return {
    beginPart: edge(async ({ checkpointId, rank, index, chunks }: storagev1.BeginPartRequest) => ({
      missing: [...(await snapshots.begin(checkpointId, rank, { index, chunks }))],
    })),
    putSnapshotChunk: edge(async ({ digest, data }: storagev1.PutSnapshotChunkRequest) => (await snapshots.put(digest, data), {})),
    getPart: edge(({ checkpointId, rank }: storagev1.GetPartRequest) =>
      Promise.resolve().then(() => ({ index: [...snapshots.part(checkpointId, rank).index] })),
    ),
    getSnapshotChunk: edge(async ({ digest }: storagev1.GetSnapshotChunkRequest) => ({ data: await snapshots.chunk(digest) })),
    removeSnapshot: edge(async ({ checkpointId }: storagev1.RemoveSnapshotRequest) => ({
      bytes: BigInt(await snapshots.remove(checkpointId)),
    })),
  };
}
