/** The events that a node-agent writes to the stream of a VM. */
import type { VmEvent } from './vm-log.ts';
import type { BootRequest } from './vm-table.ts';

export const vmEvents = {
  created: (nodeId: string, { imageDigest, memoryBytes, vcpus, tenant, jobId }: BootRequest): VmEvent => ({
    type: 'VmCreated',
    data: { nodeId, imageDigest, memoryBytes, vcpus, tenant, jobId },
  }),
  booted: (seconds: number): VmEvent => ({ type: 'VmBooted', data: { seconds } }),
  started: (jobId: string, rank: number): VmEvent => ({ type: 'VmStarted', data: { jobId, rank } }),
  idle: (jobId: string): VmEvent => ({ type: 'VmIdle', data: { jobId } }),
  crashed: (detail: string): VmEvent => ({ type: 'VmCrashed', data: { detail } }),
  shutDown: (reason: string): VmEvent => ({ type: 'VmShutDown', data: { reason } }),
};
