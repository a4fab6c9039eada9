/** A migration as it is told over the wire. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { migrationv1 } from '@verbena/contracts';
import { isKnownMigration, type Copied, type MigrationMode, type MigrationState } from '@verbena/domain-migration';

const { MigrationMode: Wire } = migrationv1;

const modes: Readonly<Record<MigrationMode, migrationv1.MigrationMode>> = { precopy: Wire.PRECOPY, stopcopy: Wire.STOPCOPY };

export function modeOf(mode: migrationv1.MigrationMode): MigrationMode {
  return mode === Wire.STOPCOPY ? 'stopcopy' : 'precopy';
}

/** `waits`: why it waits now; empty when it does not. */
export function migrationView(id: string, state: MigrationState, waits = ''): migrationv1.Migration {
  if (state.status === 'none') return create(migrationv1.MigrationSchema, { id });
  const { vmId, sourceNodeId, targetNodeId, status } = state;
  const route = { id, vmId, sourceNodeId, targetNodeId, phase: status };
  if (status === 'refused') return create(migrationv1.MigrationSchema, { ...route, detail: state.obstacles.join('; ') });
  if (!isKnownMigration(state)) return create(migrationv1.MigrationSchema, route);
  return create(migrationv1.MigrationSchema, {
    ...route,
    jobId: state.jobId,
    rank: state.rank,
    mode: modes[state.mode],
    limitBytesPerSecond: BigInt(state.limitBytesPerSecond),
    rounds: state.rounds.map(round),
    ...(state.last !== undefined && { last: round(state.last) }),
    memoryBytes: BigInt(state.memoryBytes),
    startedAt: timestampFromMs(state.startedAt),
    ...('endedAt' in state && { endedAt: timestampFromMs(state.endedAt) }),
    ...('downtimeMs' in state && { downtime: durationFromMs(state.downtimeMs), pause: durationFromMs(state.pauseMs) }),
    reason: state.reason,
    detail: 'why' in state ? state.why : waits,
    fence: BigInt(state.fence),
  });
}

function round({ pages, bytes, ms, left = 0 }: Copied & { readonly left?: number }) {
  return { pages: BigInt(pages), bytes: BigInt(bytes), duration: durationFromMs(Math.round(ms)), left: BigInt(left) };
}
