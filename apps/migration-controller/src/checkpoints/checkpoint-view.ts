/** A checkpoint as it is told over the wire. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { migrationv1 } from '@verbena/contracts';
import type { KnownCheckpoint } from '@verbena/domain-checkpoint';

/** `waits`: why it waits now; empty when it does not. */
export function checkpointView(id: string, state: KnownCheckpoint, waits = ''): migrationv1.Checkpoint {
  const { jobId, number, status, ranks, attempt, base, startedAt, reason } = state;
  const endedAt = 'storedAt' in state ? state.storedAt : 'endedAt' in state ? state.endedAt : undefined;
  return create(migrationv1.CheckpointSchema, {
    ...{ id, jobId, number, phase: status, ranks, attempt, base, reason },
    startedAt: timestampFromMs(startedAt),
    ...(endedAt !== undefined && { endedAt: timestampFromMs(endedAt) }),
    ...('pauseMs' in state && { pause: durationFromMs(state.pauseMs) }),
    ...('bytes' in state && {
      bytes: BigInt(state.bytes),
      newBytes: BigInt(state.newBytes),
      changedPages: BigInt(state.changedPages),
    }),
    saved: rankViews(state),
    detail: 'why' in state ? state.why : waits,
  });
}

function rankViews(state: KnownCheckpoint) {
  if (!('stood' in state)) return [];
  const saved = new Map('saved' in state ? state.saved.map((rank) => [rank.rank, rank]) : []);
  return state.stood
    .map(({ rank, ms }) => {
      const { bytes = 0, newBytes = 0, changedPages = 0 } = saved.get(rank) ?? {};
      return {
        rank,
        stood: durationFromMs(Math.round(ms)),
        ...{ bytes: BigInt(bytes), newBytes: BigInt(newBytes), changedPages: BigInt(changedPages) },
      };
    })
    .sort((a, b) => a.rank - b.rank);
}
