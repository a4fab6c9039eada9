/**
 *   none --Created--> booting --Booted--> idle <--Idle-- running
 *                        |                 | --Started--> ^  |
 *                        +-------+---------+--------------+--+
 *                                v
 *                    shut-down | crashed | lost
 */
import type { VmEvent } from './events.ts';

interface Created {
  readonly nodeId: string;
  readonly imageDigest: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly tenant: string;
  /** The job that it boots for, runs, or ran last. */
  readonly jobId: string;
}

export type VmState =
  | { readonly status: 'none' }
  | (Created & { readonly status: 'booting' | 'idle' })
  | (Created & { readonly status: 'running'; readonly rank: number })
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
  const { nodeId, imageDigest, memoryBytes, vcpus, tenant, jobId } = state;
  const created: Created = { nodeId, imageDigest, memoryBytes, vcpus, tenant, jobId };
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
    default:
      return event satisfies never;
  }
}
