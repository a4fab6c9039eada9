/** A migration as it is told over the wire. */
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { migrationv1 } from '@verbena/contracts';
import {
  isKnownMigration,
  usualTransfer,
  type Copied,
  type MigrationMode,
  type MigrationState,
  type TransferPlan,
} from '@verbena/domain-migration';

const { MigrationDesign, MigrationMode: Wire, MigrationTransport: Transport, WhenTooFast } = migrationv1;

const modes: Readonly<Record<MigrationMode, migrationv1.MigrationMode>> = { precopy: Wire.PRECOPY, stopcopy: Wire.STOPCOPY };

const pageBytes = 4_096;

export function modeOf(mode: migrationv1.MigrationMode): MigrationMode {
  return mode === Wire.STOPCOPY ? 'stopcopy' : 'precopy';
}

/** @throws {RangeError} for a cluster that is no number of pages */
export function transferOf(wire: migrationv1.MigrationTransfer | undefined): TransferPlan {
  if (wire === undefined) return usualTransfer;
  const { transport, clusterBytes, compression, whenTooFast, design } = wire;
  if (clusterBytes % pageBytes !== 0)
    throw new RangeError(`clusters of ${String(clusterBytes)} bytes: give a multiple of ${String(pageBytes)}, which is one page`);
  const policies = new Map<migrationv1.WhenTooFast, TransferPlan['whenTooFast']>([
    [WhenTooFast.THROTTLE, 'throttle'],
    [WhenTooFast.GIVE_UP, 'give-up'],
  ]);
  return {
    transport: transport === Transport.RDMA ? 'rdma' : 'tcp',
    clusterBytes: clusterBytes || usualTransfer.clusterBytes,
    compression,
    whenTooFast: policies.get(whenTooFast) ?? 'suspend',
    design: design === MigrationDesign.PE ? 'pe' : 'mt',
  };
}

export function transferOnWire({ transport, clusterBytes, compression, whenTooFast, design }: TransferPlan) {
  const policies = { suspend: WhenTooFast.SUSPEND, throttle: WhenTooFast.THROTTLE, 'give-up': WhenTooFast.GIVE_UP } as const;
  return {
    transport: transport === 'rdma' ? Transport.RDMA : Transport.TCP,
    clusterBytes,
    compression,
    whenTooFast: policies[whenTooFast],
    design: design === 'pe' ? MigrationDesign.PE : MigrationDesign.MT,
  };
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
    transfer: transferOnWire(state.transfer ?? usualTransfer),
  });
}

function round({ pages, bytes, ms, left = 0 }: Copied & { readonly left?: number }) {
  return { pages: BigInt(pages), bytes: BigInt(bytes), duration: durationFromMs(Math.round(ms)), left: BigInt(left) };
}
