/**
 *   none --Created--> booting --Booted--> idle <--Idle-- running
 *                        |                 | --Started--> ^  |
 *                        +-------+---------+--------------+--+
 *                                v
 *                    shut-down | crashed | lost
 *
 * HandedOver changes the node of a running VM, Stayed only remembers that a migration is off.
 */
import type { AdapterShare, PartitionMember, VmEvent } from './events.ts';

interface Created {
  readonly nodeId: string;
  readonly imageDigest: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly tenant: string;
  /** The job that it boots for, runs, or ran last. */
  readonly jobId: string;
  /** The last migration that moved it, and the epoch that its node had then; absent before the first. */
  readonly movedBy?: string;
  readonly nodeEpoch?: number;
  /** The last migration that its owner has called off. */
  readonly stayed?: string;
}

export type VmState =
  | { readonly status: 'none' }
  | (Created & { readonly status: 'booting' | 'idle' })
  | (Created & {
      readonly status: 'running';
      readonly rank: number;
      readonly share?: AdapterShare;
      readonly detached?: boolean;
      readonly partitions?: readonly PartitionMember[];
    })
  | (Created & { readonly status: 'shut-down' | 'crashed' | 'lost'; readonly reason: string });

export type LiveVm = Extract<VmState, { status: 'booting' | 'idle' | 'running' }>;
export type EndedVm = Extract<VmState, { status: 'shut-down' | 'crashed' | 'lost' }>;

export const noVm: VmState = { status: 'none' };

export function isLive(state: VmState): state is LiveVm {
  return state.status === 'booting' || state.status === 'idle' || state.status === 'running';
}

export function evolveVm(state: VmState, event: VmEvent): VmState {
  if (event.type === 'VmCreated') return { status: 'booting', ...event.data };
  if (state.status === 'none') return state;
  const { nodeId, imageDigest, memoryBytes, vcpus, tenant, jobId, movedBy, nodeEpoch, stayed } = state;
  const created: Created = {
    nodeId,
    imageDigest,
    memoryBytes,
    vcpus,
    tenant,
    jobId,
    ...(movedBy !== undefined && { movedBy }),
    ...(nodeEpoch !== undefined && { nodeEpoch }),
    ...(stayed !== undefined && { stayed }),
  };
  switch (event.type) {
    case 'VmBooted':
      return { ...created, status: 'idle' };
    case 'VmStarted':
      return { ...created, status: 'running', jobId: event.data.jobId, rank: event.data.rank };
    case 'VmIdle':
      return { ...created, status: 'idle', jobId: event.data.jobId };
    case 'VmCrashed':
      return { ...created, status: 'crashed', reason: event.data.detail };
    case 'VmShutDown':
      return { ...created, status: 'shut-down', reason: event.data.reason };
    case 'VmLost':
      return { ...created, status: 'lost', reason: event.data.reason };
    case 'VmHandedOver':
      return { ...state, nodeId: event.data.nodeId, movedBy: event.data.migrationId, nodeEpoch: event.data.nodeEpoch };
    case 'VmShareSet': {
      const { weight, bytesPerSecond } = event.data;
      return state.status === 'running' ? { ...state, share: { weight, bytesPerSecond } } : state;
    }
    case 'VmFunctionDetached':
    case 'VmFunctionAttached':
      return state.status === 'running' ? { ...state, detached: event.type === 'VmFunctionDetached' } : state;
    case 'VmPartitionSet': {
      if (state.status !== 'running') return state;
      const { partition, membership } = event.data;
      const others = (state.partitions ?? []).filter((each) => each.partition !== partition);
      return { ...state, partitions: membership === 'none' ? others : [...others, { partition, membership }] };
    }
    case 'VmStayed':
      return { ...state, stayed: event.data.migrationId };
    default:
      return event satisfies never;
  }
}
